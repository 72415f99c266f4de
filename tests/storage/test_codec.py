"""Values as bytes, and what other versions of the program may have written."""

from __future__ import annotations

import msgspec
import pytest

from tests.stores import WAITING, finished, new_run, started, step
from turnstream import errors, events, messages, toolspec
from turnstream.storage import codec

CALL = messages.ToolCall("c1", "look", "{}", {"signature": "x"})
RESULT = events.ToolResult(1, CALL, toolspec.ToolOutput((messages.TextPart("t"),), data={"n": [1, None]}), 0.5)
SIGNED = messages.AssistantMessage((messages.ReasoningPart("r"), messages.ProviderItem("anthropic", {"a": 1}), CALL))


def test_events_come_back_with_their_numbers() -> None:
    batch: list[events.LogEvent] = [
        started(new_run()),
        events.TextDelta("ä\0"),
        step(1, "a"),
        RESULT,
        WAITING,
        finished(),
    ]
    assert codec.decode_events(7, codec.encode_events(batch)) == list(enumerate(batch, 7))


@pytest.mark.parametrize("message", [messages.UserMessage("hi", "ann"), SIGNED, messages.SystemMessage("s")])
def test_messages_come_back_whole(message: messages.Message) -> None:
    assert codec.decode_message(codec.encode_message(message)) == message


def test_a_request_comes_back_whole() -> None:
    new = new_run(thread="t", key="k", policy="reject", config="v1")
    assert codec.decode_new_run(codec.encode_new_run(new)) == new


def test_half_a_character_does_not_end_a_run() -> None:
    data = codec.encode_events([events.TextDelta("a\ud83d")])
    assert codec.decode_events(1, data) == [(1, events.TextDelta("a�"))]


def test_what_a_tool_gives_as_data_is_stored_whatever_it_is() -> None:
    output = toolspec.ToolOutput("t", data={"thing": object})
    data = codec.encode_events([events.ToolResult(1, CALL, output, 0.1)])
    assert codec.decode_events(1, data)[0][1].output.data == {"thing": "<class 'object'>"}  # type: ignore[union-attr]


def test_a_value_of_a_newer_version_is_refused_by_name() -> None:
    data = msgspec.json.encode({"v": 2, "value": [{"type": "text", "text": "a"}]})
    with pytest.raises(errors.StoreError, match="newer version of Turnstream"):
        codec.decode_events(1, data)


def test_an_event_that_this_version_does_not_know_is_refused() -> None:
    data = msgspec.json.encode({"v": 1, "value": [{"type": "from_the_future"}]})
    with pytest.raises(errors.StoreError, match="another version of Turnstream"):
        codec.decode_events(1, data)
