"""Anthropic Messages as Claude Code, LibreChat, proxies and typed clients write it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.stories import START, STORIES, USAGE
from turnstream.dialects.anthropic_messages import AnthropicMessages
from turnstream.dialects.base import ClientRequest, Decoded, Exchange, Reply, is_exchange
from turnstream.events import (
    AssistantMessage,
    FilePart,
    Message,
    ProviderError,
    RequestError,
    RunEvent,
    RunFinished,
    RunRequest,
    StepStarted,
    TextDelta,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)

USER = {"role": "user", "content": "hi"}
SCHEMA = {"type": "object", "properties": {}}


def decode(path: str = "/v1/messages", headers: dict[str, str] | None = None, **body: Any) -> Decoded:
    data = json.dumps({"max_tokens": 64, "messages": [USER], **body}).encode()
    return AnthropicMessages().decode(ClientRequest(data, "run1", 0.0, headers or {}, path=path))


def exchange(**body: Any) -> Exchange:
    decoded = decode(**body)
    assert is_exchange(decoded)
    return decoded


def request(**body: Any) -> RunRequest:
    return exchange(**body).request


def heard(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return request(messages=[USER, *messages]).messages[1:]


def result(content: Any) -> Any:
    block = {"type": "tool_result", "tool_use_id": "t1", "content": content}
    [message] = heard({"role": "user", "content": [block]})
    assert isinstance(message, ToolMessage)
    return message.content


# ------------------------------------------------------------------------------------------------------------- tools


@pytest.mark.parametrize(
    ("type", "name", "member"),
    [
        ("bash_20250124", "bash", "command"),
        ("text_editor_20250124", "str_replace_editor", "path"),
        ("text_editor_20250728", "str_replace_based_edit_tool", "path"),
        ("computer_20250124", "computer", "action"),
        ("memory_20250818", "memory", "command"),
    ],
)
def test_tools_that_the_client_runs_are_functions_with_their_documented_parameters(
    type: str, name: str, member: str
) -> None:
    [tool] = request(tools=[{"type": type, "name": name}]).tools
    assert (tool.name, tool.source) == (name, "client")
    assert member in tool.parameters["properties"]


@pytest.mark.parametrize("type", ["web_search_20250305", "web_fetch_20250910", "code_execution_20250522", "novelty_1"])
def test_tools_that_anthropic_runs_are_refused_but_counted(type: str) -> None:
    tool = {"type": type, "name": "web_search"}
    with pytest.raises(RequestError) as caught:
        request(tools=[tool])
    assert caught.value.param == "tools[0].type"
    counted = decode("/v1/messages/count_tokens", tools=[tool])
    assert isinstance(counted, Reply)
    assert json.loads(counted.body)["input_tokens"] > 0


def test_a_search_for_tools_is_left_out_beside_tools_with_a_note() -> None:
    search = {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}
    found = request(tools=[search, {"name": "f", "input_schema": SCHEMA, "defer_loading": True}])
    assert [tool.name for tool in found.tools] == ["f"]
    assert "tool_search" in found.notes[0]


# ----------------------------------------------------------------------------------------------- structured and nulls


FORMAT = {"type": "json_schema", "schema": SCHEMA}


@pytest.mark.parametrize("stream", [True, False])
def test_output_format_is_the_response_format(stream: bool) -> None:
    old = request(output_format=FORMAT, stream=stream).options.response_format
    assert old == request(output_config={"format": FORMAT}).options.response_format
    assert old is not None


def test_output_config_counts_before_output_format_and_keeps_its_effort() -> None:
    other = {"type": "json_schema", "schema": {"type": "object", "title": "other"}}
    options = request(output_format=other, output_config={"format": FORMAT, "effort": "low"}).options
    assert options.response_format is not None
    assert options.response_format["json_schema"]["schema"] == SCHEMA
    assert request(output_format=FORMAT, output_config={"effort": "low"}).options.reasoning_effort == "low"


def test_null_content_is_left_out() -> None:
    said = heard({"role": "assistant", "content": [{"type": "text", "text": None}, {"type": "text", "text": "a"}]})
    assert said == (AssistantMessage((TextPart("a"),)),)
    assert heard({"role": "assistant", "content": None}) == ()


def test_whole_floats_are_integers_and_empty_stops_none() -> None:
    assert request(max_tokens=100.0).options.max_completion_tokens == 100
    assert request(stop_sequences=[""]).options.stop is None


# --------------------------------------------------------------------------------------------------- calls and results


@pytest.mark.parametrize(
    ("given", "arguments"),
    [('{"a":1}', '{"a":1}'), (None, "{}"), ({"a": 1}, '{"a":1}'), ("", "{}"), ("ls", '{"input":"ls"}')],
)
def test_an_input_as_text_is_not_lost(given: Any, arguments: str) -> None:
    block = {"type": "tool_use", "id": "t1", "name": "f", "input": given}
    assert heard({"role": "assistant", "content": [block]}) == (AssistantMessage((ToolCall("t1", "f", arguments),)),)


@pytest.mark.parametrize("empty", [[], None, ""])
def test_an_empty_result_is_empty(empty: Any) -> None:
    assert result(empty) == ""


def test_what_a_block_says_in_a_message_it_says_in_a_result_too() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "D"}
    document = {"type": "document", "title": "T", "context": "C", "source": source}
    pdf = {"type": "document", "context": "C", "source": {"type": "url", "url": "https://x/y.pdf"}}
    found = [{"type": "text", "text": "found"}]
    search = {"type": "search_result", "title": "S", "source": "https://x", "content": found}
    assert result([document]) == "T\n\nC\n\nD"
    assert heard({"role": "user", "content": [document]})[0] == UserMessage(result([document]))
    assert result([pdf]) == (TextPart("C"), FilePart("https://x/y.pdf"))
    assert heard({"role": "user", "content": [search]})[0] == UserMessage(result([search]))
    assert result([{"type": "tool_reference", "tool_name": "X"}]) == "X"


# ----------------------------------------------------------------------------------------------------------- the answer


STEPS: list[list[RunEvent]] = [
    [*START, TextDelta("I look it up.")],
    STORIES["parallel_tools"][1],
    [StepStarted(2), TextDelta("It is "), TextDelta("sunny.")],
    [RunFinished("stop", USAGE, 2)],
]


def texts(**headers: str) -> list[str]:
    decoded = decode(headers=headers)
    assert is_exchange(decoded)
    events = [event for batch in STEPS for event in batch]
    whole = json.loads(decoded.reply("a", events).body)
    return [block["text"] for block in whole["content"] if block["type"] == "text"]


def test_a_blank_line_parts_the_texts_of_two_steps() -> None:
    assert "".join(texts()) == "I look it up.\n\nIt is sunny."


def test_no_gap_is_needed_where_blocks_of_tools_stand_between() -> None:
    assert texts(**{"anthropic-beta": "mcp-client-2025-04-04"}) == ["I look it up.", "It is sunny."]


def test_the_model_does_not_hear_of_the_gap() -> None:
    blocks = [{"type": "text", "text": text} for text in ("I look it up.", "\n\nIt is sunny.")]
    [said] = heard({"role": "assistant", "content": blocks})
    assert said == AssistantMessage((TextPart("I look it up."), TextPart("It is sunny.")))


@pytest.mark.parametrize("status", [503, 529])
def test_an_overloaded_vendor_is_told_in_the_protocols_own_word(status: int) -> None:
    reply = exchange().refuse(ProviderError("Too busy.", status=status), "req_1")
    assert (reply.status, json.loads(reply.body)["error"]["type"]) == (529, "overloaded_error")


def test_a_call_is_told_of_in_a_ping_when_it_begins() -> None:
    encoder = exchange().encoder("a")
    stream = b"".join(map(encoder.feed, STORIES["written_client_tools"]))
    assert b'event: ping\ndata: {"type":"ping","tool_call":{"index":1,"id":"call_3","name":"open_window"}}' in stream
