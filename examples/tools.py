"""The tools of the example agent. None of them needs a key or the network."""

from __future__ import annotations

import ast
import asyncio
import operator
import zlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from turnstream.events import RunContext, ToolError
from turnstream.tools.python import tool


@tool
def get_weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> dict[str, Any]:
    """Get the weather in a city. Pretend data: the same city always has the same weather.

    Args:
        city: The city's name, for instance Paris.
        unit: The unit of the temperature.
    """
    dice = zlib.crc32(city.strip().lower().encode())
    celsius = dice % 30
    return {
        "city": city,
        "temperature": celsius if unit == "celsius" else round(celsius * 9 / 5 + 32),
        "unit": unit,
        "sky": ("sunny", "partly cloudy", "overcast", "rainy", "windy")[dice // 30 % 5],
        "note": "pretend data of the example agent",
    }


_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_LARGEST = 10**100


@tool
def calculate(expression: str) -> str:
    """Calculate an arithmetic expression, for instance 12 * (7 + 1).

    Args:
        expression: Numbers, parentheses and the operators + - * / // % **.
    """
    try:
        tree = ast.parse(expression[:200].replace("^", "**").replace("×", "*").replace("÷", "/").strip(), mode="eval")
        value = _value(tree.body)
    except ZeroDivisionError:
        raise ToolError("The expression divides by zero.") from None
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        raise ToolError(f"The expression {expression[:200]!r} cannot be calculated: {error}.") from None
    return str(value)


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            result = number
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            result = _OPERATORS[type(op)](_value(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            a, b = _value(left), _value(right)
            if isinstance(op, ast.Pow) and (abs(b) > 1000 or abs(a) > 10**6):
                raise ValueError("the power is too large")
            result = _OPERATORS[type(op)](a, b)
        case _:
            raise ValueError("only numbers and arithmetic operators are allowed")
    if isinstance(result, complex) or abs(result) > _LARGEST:
        raise ValueError("the result is too large or is no real number")
    return result


@tool
def get_time(timezone: str = "UTC") -> dict[str, str]:
    """Tell the date and time in a time zone.

    Args:
        timezone: A time zone of the IANA database, for instance Europe/Paris or UTC.
    """
    try:
        now = datetime.now(ZoneInfo(timezone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ToolError(f"There is no time zone {timezone!r}. Names look like Europe/Paris.") from None
    return {"timezone": timezone, "time": now.isoformat(timespec="seconds"), "weekday": f"{now:%A}"}


@tool(timeout=330)
async def wait(context: RunContext, seconds: float) -> str:
    """Wait for some seconds and report progress meanwhile. It shows what a slow tool looks like in the stream.

    Args:
        seconds: How long to wait, at most 300.
    """
    if not 0 <= seconds <= 300:
        raise ToolError("seconds must be between 0 and 300.")
    beats = max(1, min(20, round(seconds)))
    for beat in range(beats):
        context.progress(f"waited {seconds * beat / beats:g} of {seconds:g} seconds", beat / beats)
        await asyncio.sleep(seconds / beats)
    return f"Waited {seconds:g} seconds."
