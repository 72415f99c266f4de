from __future__ import annotations

import asyncio
from typing import Any

import pytest

from turnstream.agent import Agent
from turnstream.events import (
    AssistantMessage,
    Finish,
    ModelEvent,
    ModelRequest,
    ProviderError,
    RunFinished,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallStart,
    ToolMessage,
    Usage,
    UsageReport,
    UserMessage,
)
from turnstream.protocols import RequestModel
from turnstream.testing import RecordedModel, ScriptedModel, call, text
from turnstream.tools.python import tool

REQUEST = ModelRequest((UserMessage("hello"),))
END: list[ModelEvent] = [UsageReport(Usage(10, 5)), Finish("stop")]


async def batches(model: RequestModel) -> list[list[ModelEvent]]:
    async with asyncio.timeout(10), model.stream(REQUEST) as stream:
        return [batch async for batch in stream]


async def test_a_text_is_streamed_word_by_word_and_finished() -> None:
    words: list[list[ModelEvent]] = [[TextDelta("Hello")], [TextDelta(" ")], [TextDelta(" you")]]
    assert await batches(ScriptedModel(["Hello  you"])) == [*words, END]
    assert await batches(ScriptedModel([["Hello  you", [Finish("length")]]])) == [*words, [Finish("length")]]


async def test_calls_get_indices_and_ids_and_their_own_finish() -> None:
    model = ScriptedModel([[text("Let me"), call("a", {"x": 1}), call("b", "not JSON", id="mine")]])
    assert await batches(model) == [
        [TextDelta("Let"), TextDelta(" me")],
        [ToolCallStart(0, "call_1_0", "a"), ToolCallDelta(0, '{"x": 1}')],
        [ToolCallStart(1, "mine", "b"), ToolCallDelta(1, "not JSON")],
        [UsageReport(Usage(10, 5)), Finish("tool_calls")],
    ]


async def test_a_list_in_a_step_is_one_batch_and_a_step_may_finish_itself() -> None:
    model = ScriptedModel([[[TextDelta("a"), call("b")], [Finish("length")]]])
    first, last = await batches(model)
    assert first == [TextDelta("a"), ToolCallStart(0, "call_1_0", "b"), ToolCallDelta(0, "{}")]
    assert last == [Finish("length")]


async def test_an_exception_is_raised_where_it_stands() -> None:
    async with ScriptedModel([[TextDelta("a"), ProviderError("gone")]]).stream(REQUEST) as stream:
        assert await anext(stream) == [TextDelta("a")]
        with pytest.raises(ProviderError):
            await anext(stream)


@pytest.mark.parametrize("kind", ["event", "future", "function"])
async def test_a_gate_is_waited_for(kind: str) -> None:
    event, future = asyncio.Event(), asyncio.get_running_loop().create_future()
    gate: Any = {"event": event, "future": future, "function": event.wait}[kind]
    task = asyncio.create_task(batches(ScriptedModel([[gate, TextDelta("behind")]])))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    event.set()
    future.set_result(None)
    assert await task == [[TextDelta("behind")], END]


async def test_a_call_beyond_the_script_is_an_error_unless_the_last_step_repeats() -> None:
    model = ScriptedModel(["one"])
    await batches(model)
    with pytest.raises(AssertionError, match="has 1 steps, this is model call 2"):
        await batches(model)
    repeating = ScriptedModel(["one", "two"], repeat=True)
    assert [(await batches(repeating))[0] for _ in range(3)] == [[TextDelta("one")], *[[TextDelta("two")]] * 2]
    with pytest.raises(AssertionError):
        await batches(ScriptedModel([], repeat=True))


async def test_open_streams_are_counted() -> None:
    model = ScriptedModel(["one"])
    async with model.stream(REQUEST):
        assert model.open == 1
    assert model.open == 0


async def test_an_agent_is_tested_with_a_script() -> None:
    @tool
    def get_weather(city: str) -> str:
        return f"sunny in {city}"

    model = ScriptedModel([call("get_weather", {"city": "Oslo"}), "It is sunny."])
    async with asyncio.timeout(10), Agent(model, [get_weather]).run("How is Oslo?") as run:
        async for _ in run:
            pass
    assert isinstance(run.outcome, RunFinished)
    assert run.messages[-1] == AssistantMessage((TextPart("It is sunny."),))
    assert ToolMessage("call_1_0", "sunny in Oslo", "get_weather") in model.requests[1].messages


class Lines:
    """A provider's decoder: each line is a text delta."""

    def __init__(self) -> None:
        self.rest = b""
        self.done = self.finished = False

    def feed(self, piece: bytes) -> list[ModelEvent]:
        *lines, self.rest = (self.rest + piece).split(b"\n")
        self.done = b"end" in lines
        return [TextDelta(line.decode()) for line in lines]

    def close(self) -> list[ModelEvent]:
        if self.rest:
            raise ProviderError("torn")
        self.rest, finished = b"", self.finished
        self.finished = True
        return [] if finished else [Finish("stop")]


@pytest.mark.parametrize("at", [None, 1, 3, [2]])
async def test_a_recording_is_played_through_its_decoder_at_any_cut(at: int | list[int] | None) -> None:
    played = await batches(RecordedModel(Lines, b"one\ntwo\n", at=at))
    assert [event for batch in played for event in batch] == [TextDelta("one"), TextDelta("two"), Finish("stop")]
    assert all(played)


async def test_what_follows_a_complete_answer_is_not_read() -> None:
    played = await batches(RecordedModel(Lines, b"one\nend\ntorn", at=[8]))
    assert played == [[TextDelta("one"), TextDelta("end")], [Finish("stop")]]


async def test_each_model_call_has_its_own_recording() -> None:
    model = RecordedModel(Lines, [b"one\n", b"torn"])
    assert (await batches(model))[0] == [TextDelta("one")]
    with pytest.raises(ProviderError, match="torn"):
        await batches(model)
    with pytest.raises(AssertionError, match="has 2 recordings"):
        await batches(model)
