"""Run it with pytest: it needs no key and no network, because the model follows a script."""

import asyncio
from pathlib import Path

from turnstream import RunEvent, TextDelta
from turnstream.config import load
from turnstream.testing import ScriptedModel, call


def test_the_agent_looks_at_the_weather() -> None:
    agent = load(Path(__file__).parent / "agent.yaml").agents["assistant"]
    agent.model = model = ScriptedModel([call("get_weather", {"city": "Oslo"}), "Take a coat."])

    async def ask() -> list[RunEvent]:
        async with agent.run("What should I take to Oslo?") as run:
            return [event async for event in run]

    events = asyncio.run(ask())
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Take a coat."
    assert "temperature" in str(model.requests[1].messages)
