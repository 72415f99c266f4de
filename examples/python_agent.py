"""An agent made in Python. `turnstream serve examples/python_agent.py:agent`"""

from __future__ import annotations

import asyncio
from typing import Literal

from turnstream import Agent, RunContext, tool

PRICES = {"tea": 2.5, "coffee": 3.0, "cake": 4.2}


@tool
def price(item: Literal["tea", "coffee", "cake"], count: int = 1) -> float:
    """The price of something on the menu, in euros.

    Args:
        item: What is ordered.
        count: How many of it.
    """
    return PRICES[item] * count


@tool(timeout=10)
async def order(items: list[str], context: RunContext) -> str:
    """Order from the menu.

    Args:
        items: What is ordered, one entry each.
    """
    for number, item in enumerate(items):
        context.progress(f"preparing {item}", number / len(items))
        await asyncio.sleep(0.2)
    return f"{len(items)} things are ready for {context.user or 'you'}."


agent = Agent("demo", tools=[price, order], instructions="You are the waiter of a small café.", name="waiter")
