from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings, strategies as st

from tests.agent.scripted import Box, Scripted, Step, echo, says
from turnstream.agent import Agent
from turnstream.events import (
    Finish,
    ModelEvent,
    RunEvent,
    RunFinished,
    SystemMessage,
    TextDelta,
    ToolCallDelta,
    ToolCallsDetected,
    ToolCallStart,
    ToolsExecuted,
    Usage,
    UserMessage,
)
from turnstream.models.text_mode import TextCalls, TextMode
from turnstream.parsing.collect import Collector

CALL = '<tool_call>\n{"name": "echo", "arguments": {"a": 1}}\n</tool_call>'
TOOLS = [{"type": "function", "function": {"name": "echo", "parameters": {"type": "object"}}}]


async def run(model: TextMode) -> list[RunEvent]:
    async with asyncio.timeout(10), Agent(model, [Box(echo=echo)]).run("hi") as running:
        return [event async for event in running]


async def test_a_call_in_the_text_is_run_and_never_shown() -> None:
    model = Scripted(says(f"Let me look. {CALL}"), says("Done."))
    events = await run(TextMode(model, "hermes"))
    [detected] = [event for event in events if isinstance(event, ToolCallsDetected)]
    assert [(call.name, call.arguments) for call in detected.tool_calls] == [("echo", '{"a": 1}')]
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Let me look.Done."
    assert events[-1] == RunFinished("stop", Usage(20, 10), 2)


async def test_the_tools_are_described_and_results_come_back_as_the_user() -> None:
    model = Scripted(says(CALL), says("Done."))
    await run(TextMode(model, "hermes"))
    first, second = model.requests
    assert first.tools == ()
    assert isinstance(first.messages[0], SystemMessage)
    assert '"name": "echo"' in first.messages[0].content
    assert second.messages[-1] == UserMessage('<tool_response>\n{"a": 1}\n</tool_response>')


async def test_natively_offered_tools_stay_and_a_leaked_call_is_caught() -> None:
    model = Scripted(says(CALL), says("Done."))
    events = await run(TextMode(model, "hermes", describe=False))
    assert [tool.name for tool in model.requests[0].tools] == ["echo"]
    assert any(isinstance(event, ToolsExecuted) for event in events)


async def test_a_native_call_and_one_in_the_text_stay_apart() -> None:
    step: Step = [
        [ToolCallStart(0, "n", "echo"), ToolCallDelta(0, '{"b":2}')],
        [TextDelta(CALL), Finish("tool_calls")],
    ]
    events = await run(TextMode(Scripted(step, says("Done.")), "hermes", describe=False))
    [executed] = [event for event in events if isinstance(event, ToolsExecuted)]
    assert [result.tool_call.arguments for result in executed.results] == ['{"b":2}', '{"a": 1}']


async def test_without_tools_text_that_looks_like_a_call_is_text() -> None:
    async with Agent(TextMode(Scripted(says(CALL)), "hermes")).run("hi") as running:
        text = "".join([event.text async for event in running if isinstance(event, TextDelta)])
    assert text == CALL


async def test_a_call_that_is_cut_off_is_told_to_the_model_and_not_executed() -> None:
    model = Scripted(says('<tool_call>{"name": "echo", "arguments": {"a', Finish("length")), says("Sorry."))
    events = await run(TextMode(model, "hermes"))
    [executed] = [event for event in events if isinstance(event, ToolsExecuted)]
    assert "not executed" in str(executed.results[0].output.content)


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("glm45", "<tool_call>echo\n<arg_key>a</arg_key>\n<arg_value>x</arg_value>\n"),
        ("hermes", f"<think>I might {CALL} but then"),
    ],
)
async def test_at_the_length_limit_a_call_that_nothing_but_the_end_ended_is_not_executed(
    format: str, text: str
) -> None:
    events = await run(TextMode(Scripted(says(text, Finish("length")), says("Sorry.")), format))
    [executed] = [event for event in events if isinstance(event, ToolsExecuted)]
    assert "not executed" in str(executed.results[0].output.content)


@given(st.lists(st.integers(0, 12), max_size=12))
@settings(deadline=None)
def test_how_the_text_is_cut_never_matters(sizes: list[int]) -> None:
    whole = f"One {CALL} two {CALL} three"

    def collected(cuts: list[int]) -> tuple[object, ...]:
        reader, found, at = TextCalls("hermes", TOOLS), Collector(), 0
        batches: list[list[ModelEvent]] = []
        for size in cuts:
            batches.append([TextDelta(whole[at : at + size])])
            at += size
        batches.append([TextDelta(whole[at:]), Finish("stop", "stop")])
        for batch in batches:
            found.feed(reader.feed(batch))
        found.feed(reader.close())
        return found.text, found.tool_calls, found.finish

    assert collected(sizes) == collected([])
    assert collected([])[2] == Finish("tool_calls", "stop")
