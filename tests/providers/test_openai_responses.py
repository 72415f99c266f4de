"""What the Responses API's streams and requests have that no other protocol's have."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.providers.conversations import ASK, PDF, PIXEL, RESULT, SCHEMA, said, tooled
from tests.providers.stories.openai_responses import PARIS, call, message, reasoning, stream
from tests.providers.streams import decoded
from turnstream.events import (
    AssistantMessage,
    AudioPart,
    ConfigurationError,
    FilePart,
    Finish,
    HostedToolCall,
    HostedToolResult,
    ImagePart,
    ItemAdded,
    ModelEvent,
    ModelRequest,
    ProviderItem,
    ReasoningDelta,
    RefusalDelta,
    RequestError,
    Source,
    SourceFound,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolMessage,
    UsageReport,
    UserMessage,
)
from turnstream.parsing.collect import Collector
from turnstream.providers import openai_responses
from turnstream.providers.base import Settings

MINI = Settings("gpt-5-mini", "https://api.openai.com/v1", "key")


def events(body: bytes) -> list[ModelEvent]:
    found, error = decoded(openai_responses.PROVIDER.decoder(), [body])
    assert error is None
    return found


def sent(request: ModelRequest, settings: Settings = MINI) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(openai_responses.request(settings, request).body)
    return body


def collected(body: bytes) -> AssistantMessage:
    collector = Collector()
    collector.feed(events(body))
    return collector.message()


def raw(*whole: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in whole)


def hosted(item: dict[str, Any]) -> list[ModelEvent]:
    added = {"type": "response.output_item.added", "item": item | {"status": "in_progress"}}
    body = stream([added, {"type": "response.output_item.done", "item": item | {"status": "completed"}}])
    return [event for event in events(body) if isinstance(event, HostedToolCall | HostedToolResult)]


# Streams


def test_an_empty_output_at_the_end_takes_nothing_back() -> None:
    found = events(stream(message("Hello"), call(*PARIS)))
    assert found[0] == TextDelta("Hello")
    assert found[-1] == Finish("tool_calls", "completed")


def test_an_output_that_only_the_last_event_has_is_not_lost() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]},
        {"type": "function_call", "call_id": "c1", "name": "now", "arguments": "{}"},
    ]
    assert events(stream(output=output))[:4] == [
        ReasoningDelta("Hm."),
        TextDelta("Hello"),
        ToolCallStart(0, "c1", "now"),
        ToolCallDelta(0, "{}"),
    ]


def test_an_output_that_was_streamed_is_not_given_twice() -> None:
    output = [{"type": "message", "content": [{"type": "output_text", "text": "Hello"}]}]
    texts = [event for event in events(stream(message("Hello"), output=output)) if isinstance(event, TextDelta)]
    assert texts == [TextDelta("Hello")]


def test_arguments_that_come_only_whole_are_given_at_the_items_end() -> None:
    added, done = call("c1", "now", "{}")[0], call("c1", "now", "{}")[-1]
    assert events(stream([added, done]))[1] == ToolCallDelta(0, "{}")


def test_a_call_that_was_never_begun_is_given_at_its_end() -> None:
    found = events(stream(call("c1", "now", "{}")[-1:]))
    assert found[:2] == [ToolCallStart(0, "c1", "now", {"openai-responses": {"id": "fc_c1"}}), ToolCallDelta(0, "{}")]


def test_a_custom_tools_input_is_its_arguments() -> None:
    item = {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": ""}
    body = stream(
        [
            {"type": "response.output_item.added", "item": item},
            {"type": "response.custom_tool_call_input.delta", "delta": "*** Begin"},
            {"type": "response.output_item.done", "item": item | {"input": "*** Begin"}},
        ]
    )
    assert events(body)[:2] == [ToolCallStart(0, "c1", "patch"), ToolCallDelta(0, "*** Begin")]


def test_parts_of_a_summary_are_paragraphs() -> None:
    deltas: list[dict[str, Any]] = [
        {"type": "response.reasoning_summary_text.delta", "summary_index": at, "delta": text}
        for at, text in ((0, "a"), (0, "b"), (1, "c"))
    ]
    assert collected(stream(deltas)).reasoning == "ab\n\nc"


def test_the_text_of_reasoning_is_reasoning_and_its_summary_not_again() -> None:
    deltas: list[dict[str, Any]] = [
        {"type": "response.reasoning_text.delta", "delta": "Hm."},
        {"type": "response.reasoning_summary_text.delta", "summary_index": 0, "delta": "He thinks."},
    ]
    assert collected(stream(deltas)).reasoning == "Hm."


def test_encrypted_reasoning_is_kept_as_its_end_has_it() -> None:
    (item,) = [event.item for event in events(stream(reasoning("Hm."))) if isinstance(event, ItemAdded)]
    assert item.data["encrypted_content"] == "c2VjcmV0"


def test_reasoning_that_could_not_go_back_is_not_kept() -> None:
    item: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": []}
    body = stream([{"type": "response.output_item.done", "item": item}])
    assert not any(isinstance(event, ItemAdded) for event in events(body))


@pytest.mark.parametrize(
    ("item", "name", "arguments", "content"),
    [
        ({"type": "web_search_call", "action": {"query": "a"}}, "web_search", '{"action":{"query":"a"}}', ""),
        (
            {"type": "code_interpreter_call", "code": "1", "outputs": [{"logs": "1"}]},
            "code_interpreter",
            '{"code":"1"}',
            '[{"logs":"1"}]',
        ),
        ({"type": "file_search_call", "queries": ["a"], "results": None}, "file_search", '{"queries":["a"]}', ""),
        ({"type": "mcp_call", "name": "ask", "arguments": '{"q":1}', "output": "yes"}, "ask", '{"q":1}', "yes"),
        (
            {"type": "image_generation_call", "revised_prompt": "a cat"},
            "image_generation",
            '{"revised_prompt":"a cat"}',
            "",
        ),
    ],
)
def test_a_hosted_tool_is_shown(item: dict[str, Any], name: str, arguments: str, content: str) -> None:
    found = hosted({"id": "h1", **item})
    assert found == [HostedToolCall("h1", name, arguments), HostedToolResult("h1", name, content)]


def test_a_hosted_tool_that_failed_is_shown_so() -> None:
    result = hosted({"id": "h1", "type": "mcp_call", "name": "ask", "arguments": "{}", "error": "no"})[1]
    assert result == HostedToolResult("h1", "ask", "no", ok=False)


def test_citations_of_pages_and_of_files_are_sources() -> None:
    annotations = [{"type": "url_citation", "url": "https://a.example", "title": "A"}]
    annotations.append({"type": "file_citation", "file_id": "file_1", "filename": "a.txt"})
    deltas = [{"type": "response.output_text.annotation.added", "annotation": one} for one in annotations]
    assert events(stream(deltas))[:2] == [
        SourceFound(Source("https://a.example", "A", "https://a.example")),
        SourceFound(Source("file_1", "a.txt")),
    ]


def test_a_refusal_is_a_refusal() -> None:
    assert events(stream([{"type": "response.refusal.delta", "delta": "No."}]))[0] == RefusalDelta("No.")


@pytest.mark.parametrize(("why", "reason"), [("max_output_tokens", "length"), ("content_filter", "content_filter")])
def test_an_incomplete_response_says_why(why: str, reason: str) -> None:
    body = stream(message("Hel"), status="incomplete", incomplete_details={"reason": why})
    last = events(body)[-1]
    assert isinstance(last, Finish)
    assert (last.reason, last.raw) == (reason, "incomplete")


def test_a_failed_response_is_an_error_after_its_usage() -> None:
    failed = {"code": "rate_limit_exceeded", "message": "Slow down"}
    found, error = decoded(openai_responses.PROVIDER.decoder(), [stream(message("a"), status="failed", error=failed)])
    assert [type(event) for event in found] == [TextDelta, UsageReport, Finish]
    assert error is not None
    assert (error.retryable, error.body) == (True, failed)


def test_an_error_event_is_an_error_even_if_nothing_follows() -> None:
    reported = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "You exceeded your quota"}
    for body in (
        raw({"type": "error", "error": reported}),
        raw({"type": "error", "error": reported}) + stream(status="failed"),
    ):
        error = decoded(openai_responses.PROVIDER.decoder(), [body])[1]
        assert error is not None
        assert (error.retryable, error.body) == (False, reported)


def test_an_error_event_of_the_documented_shape_is_read() -> None:
    body = raw({"type": "error", "code": "server_error", "message": "Oops", "param": None, "sequence_number": 1})
    error = decoded(openai_responses.PROVIDER.decoder(), [body])[1]
    assert error is not None
    assert (error.retryable, error.provider_status) == (True, 500)
    assert "Oops" in error.detail


def test_events_without_names_comments_keepalives_and_padding_are_read_over() -> None:
    lines = [line for line in stream(message("a")).split(b"\n") if not line.startswith(b"event:")]
    noise = b': ping\n\nevent: keepalive\ndata: {"type":"keepalive","sequence_number":1}\n\n'
    padded = b"\n".join(lines).replace(b'"delta":"a"', b'"delta":"a","obfuscation":"xxxx"')
    assert events(noise + padded + b"data: [DONE]\n\n") == events(stream(message("a")))


def test_done_without_a_last_event_is_an_end() -> None:
    assert events(raw({"type": "response.output_text.delta", "delta": "a"}) + b"data: [DONE]\n\n") == [
        TextDelta("a"),
        Finish("unknown"),
    ]


def test_a_server_that_does_not_stream_is_understood() -> None:
    content = [{"type": "output_text", "text": "Hello"}]
    whole = {"object": "response", "status": "completed", "output": [{"type": "message", "content": content}]}
    assert events(msgspec.json.encode(whole)) == [TextDelta("Hello"), Finish("stop", "completed")]


def test_a_json_error_instead_of_a_stream_is_an_error() -> None:
    error = decoded(openai_responses.PROVIDER.decoder(), [b'{"error":{"message":"no such model"}}'])[1]
    assert error is not None
    assert "no such model" in error.detail


# Requests


def test_reasoning_calls_and_phases_go_back_as_they_came() -> None:
    said_first = message("I look.")
    said_first[-1]["item"]["phase"] = "commentary"
    answer = collected(stream(reasoning("Hm."), said_first, call(*PARIS)))
    items = sent(tooled(ASK, answer, RESULT))["input"]
    assert items[1]["type"] == "reasoning"
    assert items[1]["encrypted_content"] == "c2VjcmV0"
    assert items[2] == {"role": "assistant", "content": "I look.", "phase": "commentary"}
    assert (items[3]["id"], items[3]["call_id"]) == ("fc_call00001", "call00001")


def test_items_of_another_vendor_do_not_go_to_this_one() -> None:
    foreign = ToolCall("call00001", "get_weather", "{}", {"gemini": {"thoughtSignature": "x"}})
    answer = AssistantMessage((ProviderItem("anthropic", {"type": "thinking"}), TextPart("I look."), foreign))
    assert sent(tooled(ASK, answer, RESULT))["input"][1:3] == [
        {"role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "call00001", "name": "get_weather", "arguments": "{}"},
    ]


def test_images_and_files_have_their_parts() -> None:
    parts = (
        ImagePart(PIXEL, "low"),
        FilePart(PDF, filename="a.pdf"),
        FilePart("https://a.example/b.pdf"),
        FilePart(file_id="f"),
    )
    assert sent(said(UserMessage(parts)))["input"][0]["content"] == [
        {"type": "input_image", "image_url": PIXEL, "detail": "low"},
        {"type": "input_file", "file_data": PDF, "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://a.example/b.pdf"},
        {"type": "input_file", "file_id": "f"},
    ]


def test_audio_is_refused_with_its_place() -> None:
    with pytest.raises(RequestError) as failure:
        sent(said(UserMessage((AudioPart("eA==", "wav"),))))
    assert failure.value.param == "messages[0].content[0]"


def test_a_failed_tool_with_an_image_says_that_it_failed() -> None:
    result = ToolMessage("call00001", (TextPart("Hm"), ImagePart(PIXEL)), is_error=True)
    output = sent(tooled(ASK, AssistantMessage((ToolCall("call00001", "get_time", "{}"),)), result))["input"][-1][
        "output"
    ]
    assert [part["type"] for part in output] == ["input_text", "input_text", "input_image"]
    assert output[0]["text"] == "Error:"


def test_call_ids_that_are_too_long_are_cut_alike_in_call_and_result() -> None:
    calls = [ToolCall("x" * 80 + str(at), "get_time", "{}") for at in range(2)]
    results = [ToolMessage(call.id, "12:00") for call in calls]
    items = sent(tooled(ASK, AssistantMessage(tuple(calls)), *results))["input"][1:]
    ids = [item["call_id"] for item in items]
    assert ids[:2] == ids[2:]
    assert len(set(ids)) == 2
    assert max(map(len, ids)) <= 64


def test_options_have_their_names() -> None:
    asked = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}}
    body = sent(
        tooled(ASK, reasoning_effort="low", max_tokens=99, response_format=asked, tool_choice={"name": "get_time"})
    )
    assert body["reasoning"] == {"effort": "low", "summary": "auto"}
    assert body["max_output_tokens"] == 99
    assert body["text"]["format"] == {"type": "json_schema", "name": "a", "schema": SCHEMA, "strict": True}
    assert body["tool_choice"] == {"type": "function", "name": "get_time"}


@pytest.mark.parametrize("options", [{"stop": ["x"]}, {"seed": 1}, {"presence_penalty": 1.0}, {"max_tokens": 3}])
def test_what_the_protocol_cannot_say_is_noted(options: dict[str, Any]) -> None:
    assert len(openai_responses.request(MINI, said(ASK, **options)).notes) == 1


def test_what_is_kept_at_the_vendor_needs_nothing_encrypted() -> None:
    body = sent(said(ASK), msgspec.structs.replace(MINI, quirks={"store": True}))
    assert body["store"] is True
    assert "include" not in body


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        openai_responses.settings(Settings("m"), {})
