"""Tool calls and texts in shapes of gateways and imitators: nothing of them is lost in silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from turnstream.events import (
    ModelEvent,
    ProviderError,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallMalformed,
    ToolCallStart,
)
from turnstream.providers import anthropic, cohere, gemini, ollama, openai, openai_responses
from turnstream.providers.base import Decoder
from turnstream.providers.decode import converse_stream

GROWING = ('{"q', '{"q":"a', '{"q":"ab"}')
WHOLE_AGAIN = ('{"q":', '"ab"}', '{"q": "ab"}')
STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def sse(*values: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def read(body: bytes, new: Callable[[], Decoder] = openai.PROVIDER.decoder) -> list[ModelEvent]:
    decoder = new()
    given = decoder.feed(body)
    while rest := decoder.close():
        given += rest
    return given


def calls(found: list[ModelEvent]) -> list[tuple[str, str]]:
    named = {event.index: event.name for event in found if isinstance(event, ToolCallStart)}
    said = {
        index: "".join(e.arguments for e in found if isinstance(e, ToolCallDelta) and e.index == index)
        for index in named
    }
    return [(name, said[index]) for index, name in named.items()]


def texts(found: list[ModelEvent]) -> str:
    return "".join(event.text for event in found if isinstance(event, TextDelta))


def chat(*deltas: Any) -> list[dict[str, Any]]:
    return [*({"choices": [{"index": 0, "delta": delta}]} for delta in deltas), STOP]


def chat_call(**members: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, "id": "c", **members}]}


@pytest.mark.parametrize("fragments", [GROWING, WHOLE_AGAIN, ('{"q":"ab"}', '{"q":"ab"}')])
def test_arguments_that_repeat_what_was_said_are_said_once(fragments: tuple[str, ...]) -> None:
    start = chat_call(function={"name": "f", "arguments": ""})
    deltas = [{"tool_calls": [{"index": 0, "function": {"arguments": each}}]} for each in fragments]
    assert calls(read(sse(*chat(start, *deltas)))) == [("f", '{"q":"ab"}')]


@pytest.mark.parametrize("fragments", [GROWING, WHOLE_AGAIN])
def test_so_it_is_in_other_protocols(fragments: tuple[str, ...]) -> None:
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    deltas = [{"type": "input_json_delta", "partial_json": each} for each in fragments]
    body = sse(
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    )
    assert calls(read(body, anthropic.PROVIDER.decoder)) == [("f", '{"q":"ab"}')]
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    pieces = [{"type": "response.function_call_arguments.delta", "output_index": 0, "delta": e} for e in fragments]
    added = {"type": "response.output_item.added", "output_index": 0, "item": item}
    body = sse(added, *pieces, {"type": "response.completed", "response": {"status": "completed"}})
    assert calls(read(body, openai_responses.PROVIDER.decoder)) == [("f", '{"q":"ab"}')]


@pytest.mark.parametrize(
    "members",
    [
        {"name": "f", "arguments": '{"a":1}'},
        {"name": "f", "arguments": {"a": 1}},
        {"name": "f", "function": {"arguments": '{"a":1}'}},
        {"function": {"name": "f", "parameters": {"a": 1}}},
        {"function": {"name": "f", "parameters": '{"a":1}', "arguments": None}},
    ],
)
def test_a_call_is_read_wherever_its_members_stand(members: dict[str, Any]) -> None:
    assert calls(read(sse(*chat(chat_call(**members))))) == [("f", '{"a":1}')]


@pytest.mark.parametrize("arguments", [5, True, ["x"]])
def test_arguments_of_a_wrong_type_are_shown_as_they_came(arguments: Any) -> None:
    found = read(sse(*chat(chat_call(function={"name": "f", "arguments": arguments}))))
    assert calls(found) == [("f", json.dumps(arguments))]


CHUNKS = chat({"content": "a"}, {"content": "b"})


@pytest.mark.parametrize(
    "body",
    [
        lines(*CHUNKS),
        lines(*CHUNKS) + b"[DONE]\n",
        json.dumps(CHUNKS).encode(),
        sse({"choices": CHUNKS[0]["choices"][0]}, *CHUNKS[1:]),
        sse({"choices": [{"index": 0, "text": "a"}]}, *CHUNKS[1:]),
        sse(*chat({"audio": {"transcript": "a"}}, {"content": "b"})),
    ],
    ids=["lines", "lines-done", "list", "no-list", "completions", "audio"],
)
def test_chunks_in_another_frame_or_shape_are_the_answer(body: bytes) -> None:
    found = read(body)
    assert texts(found) == "ab"
    assert texts(read(b"\r\n" + body)) == "ab"


def test_lines_are_given_as_they_come() -> None:
    decoder = openai.PROVIDER.decoder()
    first, second, last = (lines(chunk) for chunk in CHUNKS)
    assert [texts(decoder.feed(piece)) for piece in (first, second[:9], second[9:], last)] == ["", "a", "b", ""]


def test_an_error_within_a_choice_is_the_vendors_with_its_status() -> None:
    error = {"code": 502, "message": "Upstream failed"}
    with pytest.raises(ProviderError) as raised:
        read(sse({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error", "error": error}]}))
    assert raised.value.provider_status == 502
    assert raised.value.retryable


def gemini_answer(parts: Any) -> bytes:
    return sse({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]})


NAMELESS = [
    (gemini.PROVIDER, gemini_answer([{"functionCall": {"name": "", "args": {"a": 1}}}])),
    (gemini.PROVIDER, gemini_answer([{"functionCall": {"args": {"a": 1}}}])),
    (
        ollama.PROVIDER,
        lines({"message": {"tool_calls": [{"function": {"name": "", "arguments": {"a": 1}}}]}}, {"done": True}),
    ),
    (
        cohere.PROVIDER,
        sse(
            {"type": "tool-call-start", "delta": {"message": {"tool_calls": {"id": "c", "function": {}}}}},
            {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}},
        ),
    ),
    (
        anthropic.PROVIDER,
        sse(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
            {"type": "message_stop"},
        ),
    ),
]


@pytest.mark.parametrize(("provider", "body"), NAMELESS, ids=lambda value: getattr(value, "name", ""))
def test_of_a_call_without_a_name_the_model_hears(provider: Any, body: bytes) -> None:
    found = read(body, provider.decoder)
    assert [event.reason for event in found if isinstance(event, ToolCallMalformed)] == ["it has no name"]


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        (gemini.PROVIDER, gemini_answer({"text": "hi"})),
        (ollama.PROVIDER, sse({"message": {"content": "hi"}, "done": False}, {"done": True})),
        (
            anthropic.PROVIDER,
            sse({"type": "content_block_delta", "index": 0, "delta": {"text": "hi"}}, {"type": "message_stop"}),
        ),
        (
            openai_responses.PROVIDER,
            sse(
                {"type": "response.output_text.done", "output_index": 0, "text": "hi"},
                {"type": "response.completed", "response": {"status": "completed"}},
            ),
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_text_in_a_slightly_wrong_shape_is_a_text(provider: Any, body: bytes) -> None:
    assert texts(read(body, provider.decoder)) == "hi"


@pytest.mark.parametrize("arguments", ['{"a":1}', {"a": 1}])
def test_arguments_that_come_with_their_end_alone_are_not_lost(arguments: Any) -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    added = {"type": "response.output_item.added", "output_index": 0, "item": item}
    done = {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": arguments}
    ended = {"type": "response.output_item.done", "output_index": 0, "item": {**item, "arguments": arguments}}
    body = sse(added, done, ended, {"type": "response.completed", "response": {"status": "completed"}})
    assert calls(read(body, openai_responses.PROVIDER.decoder)) == [("f", '{"a":1}')]


def test_so_it_is_on_bedrock() -> None:
    for fragments in (GROWING, WHOLE_AGAIN):
        decoder = converse_stream.Decoder()
        given: list[ModelEvent] = []
        tool = {"toolUse": {"toolUseId": "t", "name": "f"}}
        frames = [("contentBlockStart", {"start": tool})]
        frames += [("contentBlockDelta", {"delta": {"toolUse": {"input": each}}}) for each in fragments]
        for kind, payload in [*frames, ("contentBlockStop", {})]:
            decoder.event(kind, msgspec.convert(payload, converse_stream.Event), 1, given)
        assert calls(given) == [("f", '{"q":"ab"}')]


def content(*pieces: str, **members: Any) -> bytes:
    return sse(*chat(*({"content": piece, **members} for piece in pieces)))


@pytest.mark.parametrize("members", [{}, {"odd": 1}])
@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    "pieces",
    [("I", "I am", "I am in", "I am in."), ("I am", "I am in", "I am in", "I am in."), ("I am in", "I am in.")],
)
def test_texts_that_repeat_all_so_far_are_said_once(
    pieces: tuple[str, ...], size: int, members: dict[str, Any]
) -> None:
    body, decoder = content(*pieces, **members), openai.PROVIDER.decoder()
    given = [event for at in range(0, len(body), size) for event in decoder.feed(body[at : at + size])]
    assert texts([*given, *decoder.close()]) == ("I am inI am in." if len(pieces) == 2 else "I am in.")


@pytest.mark.parametrize("pieces", [("ha", "haha", " ha"), ("-", "--", "---", "a"), ("\n", "\n", "\n\n"), ("a", "ab")])
def test_texts_that_repeat_by_chance_are_all_said(pieces: tuple[str, ...]) -> None:
    assert texts(read(content(*pieces))) == "".join(pieces)


def test_a_text_that_was_held_comes_before_the_call_behind_it() -> None:
    found = read(sse(*chat({"content": "a"}, {"content": "ab"}, chat_call(function={"name": "f", "arguments": "{}"}))))
    assert [type(event) for event in found][:3] == [TextDelta, TextDelta, ToolCallStart]


def test_reasoning_that_repeats_all_so_far_is_said_once() -> None:
    body = sse(*chat(*({"reasoning_content": each} for each in ("The user", "The user asks", "The user asks me"))))
    assert "".join(e.text for e in read(body) if isinstance(e, ReasoningDelta)) == "The user asks me"


@pytest.mark.parametrize("delta", [{}, {"delta": {}}])
def test_a_whole_answer_at_the_end_of_a_stream_says_what_the_deltas_did_not(delta: dict[str, Any]) -> None:
    message = {"content": "ab", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}
    end = {"object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop", "message": message, **delta}]}
    found = read(sse(*chat({"content": "a"}, {"content": "b"})[:-1], end))
    assert (texts(found), calls(found)) == ("ab", [("f", "{}")])


def test_messages_in_place_of_deltas_are_all_said() -> None:
    ends = [None, None, "stop"]
    chunks = [
        {"choices": [{"message": {"content": each}, "finish_reason": end}]}
        for each, end in zip("abc", ends, strict=True)
    ]
    assert texts(read(sse(*chunks))) == "abc"


@pytest.mark.parametrize("event", [{"detail": "boom"}, {"status": "error", "message": "boom"}])
def test_an_error_without_the_usual_members_is_told_in_its_own_words(event: dict[str, Any]) -> None:
    with pytest.raises(ProviderError) as caught:
        read(sse(event))
    assert caught.value.detail == "boom"


def test_a_part_whose_text_is_called_content_is_shown() -> None:
    assert texts(read(sse(*chat({"content": [{"type": "text", "content": "a"}]})))) == "a"
