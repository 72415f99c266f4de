from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from tests import golden_files
from tests.dialects import sequences, stories
from turnstream.dialects.base import ClientRequest, Exchange, compact, is_exchange
from turnstream.dialects.native import Encoder, Native
from turnstream.events import (
    AssistantMessage,
    ProviderItem,
    RequestError,
    RunEvent,
    RunFinished,
    RunStarted,
    StepFinished,
    TextDelta,
    TextPart,
    ToolCall,
    ToolOutput,
    ToolResult,
    Usage,
    UserMessage,
)


def decode(headers: dict[str, str] | None = None, **body: Any) -> Exchange:
    decoded = Native().decode(ClientRequest(json.dumps(body).encode(), "run_1", 5.0, headers or {}))
    assert is_exchange(decoded)
    return decoded


def frames(data: bytes) -> list[tuple[int, str, dict[str, Any]]]:
    read = [dict(line.split(": ", 1) for line in frame.splitlines()) for frame in data.decode().split("\n\n") if frame]
    return [(int(frame["id"]), frame["event"], json.loads(frame["data"])) for frame in read]


@pytest.mark.parametrize("name", stories.STORIES)
def test_stories_as_golden_bytes(name: str) -> None:
    encoder = Encoder()
    data = b"".join(encoder.feed(batch) for batch in stories.STORIES[name]) + encoder.close()
    golden_files.check(f"native/{name}.sse", data)


@given(sequences.runs())
def test_seqs_are_dense_from_one_and_nothing_follows_the_end(run: list[RunEvent]) -> None:
    encoder = Encoder()
    shown = frames(encoder.feed(run) + encoder.feed(run) + encoder.close())
    assert [seq for seq, _, _ in shown] == list(range(1, len(shown) + 1))
    assert shown[-1][1] in ("run.finished", "run.failed", "run.cancelled")


def test_a_stream_that_is_taken_up_goes_on_with_the_next_seq() -> None:
    assert frames(Encoder(41).feed([TextDelta("a\u2028b")])) == [(42, "text", {"type": "text", "text": "a\u2028b"})]


def test_what_only_the_model_or_its_provider_may_see_is_left_out() -> None:
    message = AssistantMessage((ProviderItem("anthropic", {"signature": "s3cret"}), TextPart("Hi")))
    output = ToolOutput("KeyError: s3cret", is_error=True, data={"s3cret": 1}, shown="The tool f failed.")
    result = ToolResult(1, ToolCall("c", "f", "{}"), output, 0.1)
    data = Encoder().feed([StepFinished(1, message, "stop", Usage(1, raw={"s3cret": 1}), "m", 0.1), result])
    assert b"s3cret" not in data
    assert b"The tool f failed." in data


def test_messages_are_the_whole_conversation_and_input_goes_on_with_the_thread() -> None:
    one = decode(agent="a", input="hi", thread="t")
    assert one.request.messages == (UserMessage("hi"),)
    assert one.thread is not None
    assert (one.thread.id, one.thread.history) == ("t", "server")
    whole = decode(messages=[{"role": "user", "content": "hi"}], thread="t")
    assert whole.thread is not None
    assert whole.thread.history == "client"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"input": "a", "messages": [{"role": "user", "content": "b"}]}, "input"),
        ({"messages": [{"role": "tool", "content": "b"}]}, "messages[0].tool_call_id"),
        ({"input": "a", "thread": "t" * 600}, "thread"),
    ],
)
def test_a_wrong_body_names_the_field(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        decode(**body)
    assert caught.value.param == param


def test_the_whole_answer_is_the_run() -> None:
    run: list[RunEvent] = [RunStarted("run_1", "a"), TextDelta("Hi"), RunFinished("stop", Usage(3, 2), 1)]
    reply = json.loads(decode(input="hi").reply("a", compact(run)).body)
    assert (reply["id"], reply["object"], reply["status"], reply["output"]) == ("run_1", "run", "finished", "Hi")
    assert reply["usage"]["total_tokens"] == 5
