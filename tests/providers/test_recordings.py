from __future__ import annotations

import pytest

from turnstream.cli import recordings
from turnstream.events import ConfigurationError, TextDelta
from turnstream.providers import catalogue

BODY = b'data: {"choices":[{"delta":{"content":"a","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}}]}\n\n'
END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}\n\n'


@pytest.mark.parametrize("cut", [None, 1, 1000])
def test_a_recording_is_told_in_the_vendors_own_words(cut: int | None) -> None:
    assert recordings.decode("openai.chat", "x.sse", BODY + END, cut=cut) == {
        "file": "x.sse",
        "text": "a",
        "reasoning": "",
        "tool_calls": [{"id": None, "name": "f", "arguments": "{}"}],
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 1},
        "error": None,
    }


def test_a_plan_is_told_apart_from_the_text() -> None:
    plan = b'data: {"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I look."}}}\n\n'
    told = recordings.decode("cohere.v2.chat", "x", plan + b'data: {"type":"message-end","delta":{}}\n\n')
    assert (told["text"], told["reasoning"], told["tool_plan"]) == ("", "", "I look.")


def test_what_was_said_before_the_error_is_told_too() -> None:
    told = recordings.decode("openai.chat", "x", BODY)
    assert (told["text"], told["error"]) == ("a", "The model's stream ended before its answer did.")


def test_the_vendors_error_object_is_told_as_it_is() -> None:
    assert recordings.decode("openai.chat", "x", b'{"error":{"code":7}}')["error"] == {"error": {"code": 7}}


def test_the_events_are_told_with_the_error_that_ended_them() -> None:
    found, error = recordings.read_events("openai.chat", b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', cut=5)
    assert found == [TextDelta("a")]
    assert error is not None


def test_an_unknown_api_is_an_error_that_lists_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"openai\.chat"):
        recordings.decode("openai.chats", "x", b"")


def test_pieces_of_nothing_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 1 byte"):
        recordings.decode("openai.chat", "x", BODY, cut=0)


@pytest.mark.parametrize("api", sorted(catalogue.apis()))
def test_every_api_that_is_listed_can_be_read(api: str) -> None:
    told = recordings.decode(api, "x", b"")
    assert told["text"] == ""
    assert told["error"]
