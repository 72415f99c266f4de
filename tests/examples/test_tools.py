from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from examples import tools
from turnstream.agent import Agent, Toolbox
from turnstream.events import AssistantMessage, RunContext, ToolCall, ToolCallsDetected, ToolError, ToolOutput
from turnstream.providers import demo
from turnstream.tools.python import FunctionTool


async def call(tool: FunctionTool[..., Any], **arguments: object) -> ToolOutput:
    return await tool.call(ToolCall("c", tool.name, json.dumps(arguments)), RunContext())


async def test_the_weather_of_a_city_is_always_the_same_and_says_that_it_is_pretended() -> None:
    first, second = await call(tools.get_weather, city="Paris"), await call(tools.get_weather, city=" paris")
    assert first.data["temperature"] == second.data["temperature"]
    assert "pretend" in str(first.content)


@pytest.mark.parametrize(
    ("expression", "result"),
    [("12*7", "84"), ("2 ** 10", "1024"), ("-(1 + 2) / 2", "-1.5"), ("2^3", "8"), ("7 % 4", "3")],
)
async def test_arithmetic_is_calculated(expression: str, result: str) -> None:
    assert (await call(tools.calculate, expression=expression)).content == result


@pytest.mark.parametrize(
    "expression",
    [
        "1/0",
        "9**9**9**9",
        "10**10**10",
        "__import__('os')",
        "(-8)**0.5",
        "1e999",
        "(" * 199,
        "a",
        "",
        "True",
        "9" * 300,
    ],
)
async def test_what_is_no_arithmetic_or_too_large_is_told_to_the_model(expression: str) -> None:
    with pytest.raises(ToolError, match=r"divides by zero|cannot be calculated"):
        await call(tools.calculate, expression=expression)


async def test_the_time_is_told_in_a_time_zone() -> None:
    assert (await call(tools.get_time, timezone="UTC")).data["time"].endswith("+00:00")
    for bad in ("Mars/Base", "../../etc/passwd", ""):
        with pytest.raises(ToolError, match="no time zone"):
            await call(tools.get_time, timezone=bad)


async def test_waiting_reports_its_progress() -> None:
    seen: list[tuple[str, float | None]] = []
    context = RunContext(progress=lambda message, fraction=None: seen.append((message, fraction)))
    output = await tools.wait.call(ToolCall("c", "wait", '{"seconds": 0.02}'), context)
    assert output.content == "Waited 0.02 seconds."
    assert seen == [("waited 0 of 0.02 seconds", 0.0)]


@pytest.mark.parametrize(
    ("question", "calls", "told"),
    [
        ("what is 12*7?", ["calculate"], "says: 84"),
        ("what is the weather in Paris?", ["get_weather"], "city: Paris, temperature: "),
        (
            "the weather in Paris, and what is 1/0?",
            ["get_weather", "calculate"],
            "calculate (expression: 1/0) failed: ",
        ),
    ],
)
async def test_the_demo_model_answers_with_what_the_tools_say(question: str, calls: list[str], told: str) -> None:
    boxes: list[Toolbox] = [tools.get_weather, tools.calculate, tools.get_time, tools.wait]
    async with asyncio.timeout(10), Agent(demo.Model(delay=0), boxes).run(question) as run:
        detected = [event for event in [event async for event in run] if isinstance(event, ToolCallsDetected)]
    assert [call.name for call in detected[0].tool_calls] == calls
    answer = run.messages[-1]
    assert isinstance(answer, AssistantMessage)
    assert told in answer.text
    assert "built-in demo model, not a language model" in answer.text
