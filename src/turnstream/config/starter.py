"""The agent that runs when nothing is configured: enough to see a run with its tools at work."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from turnstream import errors, providers
from turnstream.agent import Agent
from turnstream.config import automatic
from turnstream.service import Service

INSTRUCTIONS = "You are a helpful assistant. Use your tools where they help."
MAX_POWER = 1000

_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
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


def starter(
    environ: Mapping[str, str], model: str | None = None, probe: automatic.Probe = automatic.ollama_models
) -> tuple[Service, str]:
    """A service with one agent, and a sentence that says which model it has and why."""
    choice = automatic.Choice(model, None, "the command line names it") if model else automatic.choose(environ, probe)
    agent = Agent(
        providers.model(choice.model, base_url=choice.base_url, environ=environ),
        [calculate, get_time, get_weather] if choice.model == automatic.DEMO else [calculate, get_time],
        INSTRUCTIONS,
        name="assistant",
        description="The starter agent: a model and a few small tools.",
    )
    return Service({agent.name: agent}), f"Model {choice.model}: {choice.reason}."


def calculate(expression: str) -> str:
    """Evaluate an arithmetic expression.

    Args:
        expression: Numbers, parentheses and + - * / // % **, such as "12*7".
    """
    try:
        return f"{_value(ast.parse(expression.strip(), mode='eval').body)}"
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        raise errors.ToolError(f"cannot evaluate {expression[:80]!r}: {error}") from None


def _value(node: ast.expr) -> int | float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.UnaryOp() if type(node.op) in _OPERATORS:
            result: int | float = _OPERATORS[type(node.op)](_value(node.operand))
            return result
        case ast.BinOp() if type(node.op) in _OPERATORS:
            left, right = _value(node.left), _value(node.right)
            if isinstance(node.op, ast.Pow) and (abs(left) > MAX_POWER or abs(right) > MAX_POWER):
                raise ValueError("the power is too large")
            if isinstance(result := _OPERATORS[type(node.op)](left, right), int | float):
                return result
    raise ValueError("only numbers and + - * / // % ** are supported")


def get_time() -> str:
    """The current date and time in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def get_weather(city: str) -> dict[str, Any]:
    """The weather of a city: sample data, the same every day.

    Args:
        city: The city's name.
    """
    seed = sum(city.strip().lower().encode())
    sky = ("sunny", "cloudy", "rainy", "windy")[seed % 4]
    return {"city": city, "sky": sky, "temperature_celsius": 5 + seed % 25, "note": "sample data"}
