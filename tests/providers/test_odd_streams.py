"""Signs of life, ends and errors of chat completions as gateways and imitators write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from turnstream import messages
from turnstream.events import ModelEvent, ProviderError, TextDelta, ToolCallMalformed
from turnstream.parsing.collect import Collector
from turnstream.providers import anthropic, gemini, openai
from turnstream.providers.base import Decoder


def chunk(delta: Any, finish: str | None = None) -> str:
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def event(value: Any) -> str:
    return f"data: {json.dumps(value)}\n\n"


def read(body: str, new: Callable[[], Decoder] = openai.PROVIDER.decoder) -> tuple[str, str, list[ModelEvent]]:
    decoder, collector = new(), Collector()
    given = decoder.feed(body.encode())
    while rest := decoder.close():
        given += rest
    collector.feed(given)
    assert collector.finish is not None
    return collector.text, collector.finish.reason, given


LIFE = ["null", '""', "[]", "ping", "keep-alive", ": PROCESSING", ""]


@pytest.mark.parametrize("data", LIFE)
def test_a_sign_of_life_where_a_chunk_is_due_says_nothing(data: str) -> None:
    body = f"data: {data}\n\n" + chunk({"content": "Hi"}) + f"data: {data}\n\n" + chunk({}, "stop")
    assert read(body)[:2] == ("Hi", "stop")


@pytest.mark.parametrize("data", LIFE)
def test_a_sign_of_life_says_nothing_in_other_protocols_either(data: str) -> None:
    said = event({"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]})
    assert gemini.PROVIDER.decoder().feed(f"data: {data}\n\n{said}".encode())[0] == TextDelta("Hi")


@pytest.mark.parametrize("data", ["[done]", '"[DONE]"', "bye", "1", '{"choices": ['])
def test_what_follows_the_finish_reason_costs_no_answer(data: str) -> None:
    assert read(chunk({"content": "Hi"}) + chunk({}, "stop") + f"data: {data}\n\n")[:2] == ("Hi", "stop")


def test_a_prefix_that_a_proxy_wrote_twice_is_no_part_of_the_chunk() -> None:
    assert read((chunk({"content": "Hi"}) + chunk({}, "stop")).replace("data:", "data: data:"))[:2] == ("Hi", "stop")


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        *(("content_filter: SAFETY", "content_filter"), ("refusal", "content_filter")),
        ("model_context_window_exceeded", "length"),
    ],
)
def test_finish_reasons_that_gateways_pass_on(finish: str, reason: str) -> None:
    assert read(chunk({"content": "Hi"}, finish))[:2] == ("Hi", reason)


def test_a_call_that_gemini_could_not_read_is_told_to_the_model() -> None:
    _, reason, given = read(chunk({}, "function_call_filter: MALFORMED_FUNCTION_CALL"))
    assert (reason, [type(one) for one in given]) == ("tool_calls", [ToolCallMalformed, type(given[-1])])


@pytest.mark.parametrize(
    ("body", "status", "retryable"),
    [
        ("event: error\ndata: Too many requests\n\n", 429, True),
        (event({"error": "The model is overloaded."}), 503, True),
        (event({"code": "Throttling.RateQuota", "message": "slower"}), 429, True),
        (event({"code": "InternalError.Algo", "message": "no"}), 502, True),
        (event({"success": False, "code": 401, "message": "who?"}), 502, False),
        (chunk({}, "insufficient_system_resource"), 502, True),
    ],
)
def test_an_error_of_another_shape_is_what_it_says(body: str, status: int, retryable: bool) -> None:
    with pytest.raises(ProviderError) as raised:
        read(body)
    assert (raised.value.status, raised.value.retryable) == (status, retryable)


def test_content_as_an_object_is_text() -> None:
    parts = [{"type": "text", "text": {"value": "H"}}, {"type": "output_text", "text": "i"}]
    assert read(chunk({"content": parts}) + chunk({"content": {"type": "text", "text": "!"}}, "stop"))[0] == "Hi!"


CALL = {"type": "tool_use", "id": "t", "name": "now", "input": {}}


def calls_of(given: list[ModelEvent]) -> list[messages.ToolCall]:
    collector = Collector()
    collector.feed(given)
    return list(collector.tool_calls)


@pytest.mark.parametrize(("stop", "arguments"), [("tool_use", "{}"), ("max_tokens", "")])
def test_a_call_that_the_limit_cut_off_before_its_input_has_none(stop: str, arguments: str) -> None:
    block = event({"type": "content_block_start", "index": 0, "content_block": CALL})
    ended = event({"type": "content_block_stop", "index": 0})
    body = block + ended + event({"type": "message_delta", "delta": {"stop_reason": stop}})
    given = read(body + event({"type": "message_stop"}), anthropic.PROVIDER.decoder)[2]
    assert [call.arguments for call in calls_of(given)] == [arguments]


def test_an_answer_of_messages_that_was_not_streamed_is_read() -> None:
    content = [{"type": "text", "text": "Hi"}, {**CALL, "input": {"a": 1}}]
    body = json.dumps({"type": "message", "content": content, "stop_reason": "tool_use", "usage": {"output_tokens": 2}})
    text, reason, given = read(body, anthropic.PROVIDER.decoder)
    assert (text, reason, [call.arguments for call in calls_of(given)]) == ("Hi", "tool_calls", ['{"a":1}'])


def test_an_event_of_messages_may_have_its_type_as_its_name_alone() -> None:
    body = 'event: error\ndata: {"error": {"type": "overloaded_error", "message": "x"}}\n\n'
    with pytest.raises(ProviderError) as raised:
        read(body, anthropic.PROVIDER.decoder)
    assert raised.value.status == 503
