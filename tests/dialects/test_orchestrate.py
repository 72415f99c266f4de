from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests import golden_files
from tests.dialects.sequences import batched, runs
from tests.dialects.stories import START, STORIES, Story
from turnstream.dialects.base import ClientRequest, Exchange, is_exchange
from turnstream.dialects.orchestrate import Encoder, Orchestrate
from turnstream.events import (
    RunEvent,
    RunFinished,
    SystemMessage,
    TextDelta,
    ToolCall,
    ToolCallsDetected,
    Usage,
    UserMessage,
)


def told(story: Story) -> bytes:
    encoder = Encoder("run1", 1760000000, "assistant", "t-1")
    return b"".join(encoder.feed(batch) for batch in story) + encoder.close()


def validated(stream: bytes) -> list[dict[str, Any]]:
    """Reads a stream as IBM's validator does: the body in slices of 128 bytes, lines that start with "event:" dropped
    from each slice, every "data:" deleted from an event; then id, object and choices are checked."""
    text = ""
    for at in range(0, len(stream), 128):
        piece = stream[at : at + 128].decode("utf-8", "surrogateescape")
        text += "\n".join(line for line in piece.split("\n") if not line.startswith("event:"))
    text = text.encode("utf-8", "surrogateescape").decode()
    events: list[dict[str, Any]] = []
    for block in text.split("\n\n"):
        data = block.replace("data:", "").strip()
        if data == "[DONE]":
            return events
        event = json.loads(data)
        assert isinstance(event["id"], str)
        assert isinstance(event["object"], str)
        assert isinstance(event["choices"], list)
        assert isinstance(event["thread_id"], str)
        assert isinstance(event["created"], int)
        events.append(event)
    raise AssertionError("no [DONE]")


def details(stream: bytes, kind: str) -> list[dict[str, Any]]:
    steps = [event["choices"][0]["delta"].get("step_details") for event in validated(stream)]
    return [step for step in steps if step and step["type"] == kind]


@pytest.mark.parametrize("name", STORIES)
def test_each_story_gives_its_golden_bytes(name: str) -> None:
    golden_files.check(f"orchestrate/{name}.sse", told(STORIES[name]))


@pytest.mark.parametrize("name", STORIES)
def test_ibms_validator_accepts_every_story(name: str) -> None:
    assert validated(told(STORIES[name]))


@given(runs(), st.lists(st.integers(0, 4), max_size=8))
@settings(deadline=None, max_examples=100)
def test_ibms_validator_accepts_any_run_however_it_is_batched(run: list[RunEvent], sizes: list[int]) -> None:
    stream = told(batched(sizes, run))
    assert validated(stream)
    assert stream == told([run])


@given(st.lists(st.sampled_from(["event:", "data:", "[DONE]", "\n", "é", "x" * 40, ": "]), max_size=60).map("".join))
@settings(deadline=None)
def test_ibms_validator_reads_any_text_back_wherever_its_slices_fall(text: str) -> None:
    events = validated(told([START, [TextDelta(text)], [RunFinished("stop", Usage(), 1)]]))
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == text


def test_the_response_of_a_tool_names_the_call_that_it_answers() -> None:
    stream = told(STORIES["parallel_tools"])
    [calls] = details(stream, "tool_calls")
    assert calls["tool_calls"][0] == {"id": "call_1", "name": "get_weather", "args": {"city": "Paris"}}
    assert {step["tool_call_id"] for step in details(stream, "tool_response")} == {"call_1", "call_2"}


def test_reasoning_is_one_step_when_it_is_complete() -> None:
    stream = told(STORIES["reasoning"])
    assert details(stream, "thinking") == [{"type": "thinking", "content": "Let me think."}]
    assert stream.index(b"thinking") < stream.index(b'"42"')


@pytest.mark.parametrize("name", ["error_at_once", "error_midway", "cancelled", "written_and_failed"])
def test_a_failure_is_told_and_never_a_clean_finish(name: str) -> None:
    stream = told(STORIES[name])
    assert b"finish_reason" not in stream
    assert validated(stream)[-1]["choices"][0]["delta"]["content"]


def test_arguments_that_are_no_object_are_shown_as_they_are() -> None:
    story: Story = [START, [ToolCallsDetected(1, (ToolCall("1", "f", '{"a', None, "broken"),))]]
    [step] = details(told(story), "tool_calls")
    assert step["tool_calls"][0]["args"] == {"arguments": '{"a'}


def call(body: dict[str, Any], **headers: str) -> Exchange:
    decoded = Orchestrate().decode(
        ClientRequest(
            json.dumps(body).encode(), "run1", 1760000000.0, {k.replace("_", "-"): v for k, v in headers.items()}
        )
    )
    assert is_exchange(decoded)
    return decoded


HI = {"role": "user", "content": "hi"}


def test_the_thread_is_the_headers_or_a_new_one() -> None:
    assert call({"messages": [HI]}, x_ibm_thread_id="t-9").request.thread_id == "t-9"
    assert call({"messages": [HI]}, x_thread_id="t-8").request.thread_id == "t-8"
    assert call({"messages": [HI]}).request.thread_id == "thread-run1"


def test_orchestrates_own_hand_over_is_no_part_of_the_history() -> None:
    function = {"name": "transfer_to_news", "arguments": {}}
    hand_over = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": function}],
    }
    body = {"messages": [HI, hand_over, {"role": "tool", "tool_call_id": "c", "content": "ok"}], "store": True}
    assert call(body).request.messages == (UserMessage("hi"),)


@pytest.mark.parametrize("result", [[], [{"role": "tool", "tool_call_id": "c", "content": "ok"}]])
@pytest.mark.parametrize("after", [[], [{"role": "system", "content": "Be kind."}]])
def test_a_hand_over_may_lack_its_result_and_have_instructions_behind_it(
    result: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    function = {"name": "transfer_to_news", "arguments": {}}
    hand_over = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}
    found = call({"messages": [HI, hand_over, *result, *after]}).request.messages
    assert found == (UserMessage("hi"), *[SystemMessage("Be kind.") for _ in after])


def test_the_whole_answer_is_a_completion_with_its_thread() -> None:
    made = call({"messages": [HI]}, x_ibm_thread_id="t-9")
    reply = json.loads(made.reply("assistant", [TextDelta("hello"), RunFinished("stop", Usage(), 1)]).body)
    assert (reply["object"], reply["thread_id"]) == ("chat.completion", "t-9")


def test_the_heartbeat_is_a_message_without_content() -> None:
    beat = Encoder("run1", 1, "assistant", "t").heartbeat()
    assert json.loads(beat.removeprefix(b"data: "))["choices"] == [{"index": 0, "delta": {}}]
