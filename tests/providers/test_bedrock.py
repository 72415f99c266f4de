"""What Bedrock's streams and requests have that no other vendor's have."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.providers.conversations import ASK, CALL, PDF, RESULT, said, tooled
from tests.providers.stories.bedrock import REASONING, delta, event, frame, stop, stream, texts, tool
from tests.providers.streams import decoded
from turnstream.events import (
    AssistantMessage,
    ConfigurationError,
    FilePart,
    Finish,
    HostedToolCall,
    HostedToolResult,
    ItemAdded,
    ModelEvent,
    ModelRequest,
    ProviderItem,
    Source,
    SourceFound,
    TextDelta,
    ToolCallDelta,
    ToolCallMalformed,
    ToolCallStart,
    ToolMessage,
    UsageReport,
    UserMessage,
)
from turnstream.parsing.collect import Collector
from turnstream.providers import bedrock
from turnstream.providers.base import Settings
from turnstream.providers.decode import invoke_stream

NOVA = Settings("us.amazon.nova-lite-v1:0", "https://bedrock.invalid", "key")
CLAUDE = Settings("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "https://bedrock.invalid", "key")


def events(body: bytes) -> list[ModelEvent]:
    found, error = decoded(bedrock.PROVIDER.decoder(), [body])
    assert error is None
    return found


def items(body: bytes) -> list[dict[str, Any]]:
    return [event.item.data for event in events(body) if isinstance(event, ItemAdded)]


def sent(request: ModelRequest, settings: Settings = NOVA) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(bedrock.request(settings, request).body)
    return body


def notes(request: ModelRequest, settings: Settings = NOVA) -> str:
    return " ".join(bedrock.request(settings, request).notes)


# Streams


def test_text_needs_no_start_and_any_index_will_do() -> None:
    assert events(stream(texts(7, "a")))[0] == TextDelta("a")


def test_an_empty_text_is_no_delta() -> None:
    assert events(stream(texts(0, "", "a", "")))[:2] == [TextDelta("a"), events(stream())[0]]


def test_calls_are_numbered_from_0_whatever_their_block() -> None:
    found = events(stream(texts(3, "a"), tool(5, "t", "now", "{}")))
    assert found[1:3] == [ToolCallStart(0, "t", "now"), ToolCallDelta(0, "{}")]


def test_a_tool_without_any_input_has_an_empty_object() -> None:
    assert events(stream(tool(0, "t", "now")))[1] == ToolCallDelta(0, "{}")


def test_an_empty_first_fragment_of_input_is_no_delta() -> None:
    assert events(stream(tool(0, "t", "now", "", "{}")))[1] == ToolCallDelta(0, "{}")


def test_signed_reasoning_is_kept_whole_for_the_history() -> None:
    text = {"text": "Six times seven.", "signature": "c2lnbmVk"}
    assert items(stream(REASONING)) == [{"reasoningContent": {"reasoningText": text}}]


def test_reasoning_without_a_signature_is_shown_and_not_kept() -> None:
    assert items(stream(delta(0, reasoningContent={"text": "Hm."}), stop(0))) == []


def test_redacted_reasoning_is_kept_even_in_pieces() -> None:
    pieces = [delta(0, reasoningContent={"redactedContent": piece}) for piece in ("YWI=", "Yw==")]
    assert items(stream(*pieces, stop(0))) == [{"reasoningContent": {"redactedContent": "YWJj"}}]


def test_a_tool_of_bedrocks_own_is_shown_and_kept_and_never_a_call_of_ours() -> None:
    result = delta(1, toolResult=[{"json": {"stdOut": "1"}}, {"text": "ok"}])
    body = stream(tool(0, "t", "nova_code_interpreter", '{"snippet":"1"}', type="server_tool_use"), result, stop(1))
    assert events(body)[:4] == [
        HostedToolCall("t", "nova_code_interpreter", '{"snippet":"1"}'),
        ItemAdded(
            ProviderItem(
                "bedrock",
                {
                    "toolUse": {
                        "toolUseId": "t",
                        "name": "nova_code_interpreter",
                        "input": {"snippet": "1"},
                        "type": "server_tool_use",
                    }
                },
            )
        ),
        HostedToolResult("t", "nova_code_interpreter", '{"stdOut":"1"}\nok'),
        ItemAdded(
            ProviderItem(
                "bedrock", {"toolResult": {"toolUseId": "t", "content": [{"json": {"stdOut": "1"}}, {"text": "ok"}]}}
            )
        ),
    ]


def test_a_citation_is_a_source() -> None:
    citation = {"location": {"web": {"url": "https://a.example/x", "domain": "a.example"}}}
    assert events(stream(delta(3, citation=citation)))[0] == SourceFound(
        Source("https://a.example/x", "a.example", "https://a.example/x")
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop"),
        ("malformed_tool_use", "tool_calls"),
        ("malformed_model_output", "unknown"),
    ],
)
def test_every_stop_reason_has_a_meaning_and_keeps_its_word(raw: str, reason: str) -> None:
    last = events(stream(texts(0, "a"), reason=raw))[-1]
    assert isinstance(last, Finish)
    assert (last.reason, last.raw) == (reason, raw)


def test_a_call_that_bedrock_could_not_read_is_one_that_the_model_hears_of() -> None:
    assert events(stream(reason="malformed_tool_use"))[-2] == ToolCallMalformed(0, "it could not be read")


def test_an_answer_without_metadata_is_whole() -> None:
    assert events(texts(0, "a") + event("messageStop", stopReason="end_turn")) == [
        TextDelta("a"),
        Finish("stop", "end_turn"),
    ]


def test_cached_tokens_count_as_input() -> None:
    usage = {"inputTokens": 6, "outputTokens": 3, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 10}
    body = event("messageStop", stopReason="end_turn") + event("metadata", usage=usage)
    (report,) = [found.usage for found in events(body) if isinstance(found, UsageReport)]
    assert (report.input, report.output, report.cached, report.cache_write) == (116, 3, 100, 10)


@pytest.mark.parametrize(
    ("kind", "status", "retryable"),
    [
        ("throttlingException", 429, True),
        ("serviceUnavailableException", 503, True),
        ("modelStreamErrorException", 424, True),
        ("validationException", 400, False),
    ],
)
def test_an_exception_in_the_stream_comes_after_what_was_said(kind: str, status: int, retryable: bool) -> None:
    broken = frame(b'{"message":"Oops"}', exception_type=kind, message_type="exception")
    found, error = decoded(bedrock.PROVIDER.decoder(), [delta(0, text="a") + broken])
    assert found == [TextDelta("a")]
    assert error is not None
    assert (error.provider_status, error.retryable) == (status, retryable)
    assert "Oops" in error.detail


def test_an_error_below_the_service_is_an_error() -> None:
    broken = frame(b"", error_code="InternalError", error_message="Lost", message_type="error")
    error = decoded(bedrock.PROVIDER.decoder(), [broken])[1]
    assert error is not None
    assert "Lost" in error.detail


def chunk(**members: Any) -> bytes:
    payload = {"bytes": msgspec.json.encode(members)}  # msgspec writes bytes as base64
    return frame(msgspec.json.encode(payload), event_type="chunk", message_type="event")


METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 3, "outputTokenCount": 2}}


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ({"outputText": "a", "completionReason": None}, {"outputText": "b", "completionReason": "FINISH"}),
        ({"generation": "a", "stop_reason": None}, {"generation": "b", "stop_reason": "stop"}),
        ({"outputs": [{"text": "a", "stop_reason": None}]}, {"outputs": [{"text": "b", "stop_reason": "stop"}]}),
        ({"is_finished": False, "text": "a"}, {"is_finished": True, "text": "b", "finish_reason": "COMPLETE"}),
        ({"completion": "a"}, {"completion": "b", "stop_reason": "stop_sequence"}),
        (
            {"type": "completion", "completion": "a", "stop_reason": None},
            {"type": "completion", "completion": "b", "stop_reason": "stop_sequence"},
        ),
        (
            {"choices": [{"index": 0, "text": "a", "stop_reason": None}]},
            {"choices": [{"index": 0, "text": "b", "stop_reason": "stop"}]},
        ),
        (
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "a"}}]},
            {"choices": [{"index": 0, "delta": {"content": "b"}, "finish_reason": "stop"}]},
        ),
    ],
)
def test_each_family_of_invoked_models_has_chunks_of_its_own(first: dict[str, Any], last: dict[str, Any]) -> None:
    found, error = decoded(invoke_stream.Decoder(), [chunk(**first) + chunk(**last, **METRICS)])
    assert error is None
    assert found[:2] == [TextDelta("a"), TextDelta("b")]
    assert isinstance(found[-2], UsageReport)
    assert found[-2].usage.input == 3
    assert isinstance(found[-1], Finish)
    assert found[-1].reason == "stop"


# Requests


def test_the_models_name_is_one_segment_of_the_address() -> None:
    arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova"
    url = bedrock.request(Settings(arn, "https://bedrock.invalid"), said(ASK)).url
    assert url.count("/") == 5
    assert url.endswith("inference-profile%2Fus.amazon.nova/converse-stream")


def test_signed_reasoning_goes_back_unchanged_ahead_of_its_call() -> None:
    collector = Collector()
    collector.feed(events(stream(REASONING, tool(1, "t1", "get_time"), reason="tool_use")))
    request = tooled(ASK, collector.message(), ToolMessage("t1", "12:00"), reasoning_effort="low")
    body = sent(request, CLAUDE)
    assert [next(iter(block)) for block in body["messages"][1]["content"]] == ["reasoningContent", "toolUse"]
    assert body["additionalModelRequestFields"]["thinking"] == {"type": "enabled", "budget_tokens": 2048}


def test_a_history_with_calls_and_no_tools_lists_them() -> None:
    config = sent(said(ASK, AssistantMessage((CALL,)), RESULT))["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["get_weather"]


def test_a_document_has_a_name_of_the_letters_that_bedrock_takes() -> None:
    part = FilePart(PDF, filename="the_report: v2  (final).pdf")
    blocks = sent(said(UserMessage((part,))))["messages"][0]["content"]
    assert blocks[0]["document"]["name"] == "the report v2 (final)"
    assert "text" in blocks[1]


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("openai.gpt-oss-120b-1:0", {"reasoning_effort": "high"}),
        ("us.amazon.nova-2-lite-v1:0", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}),
        (CLAUDE.model, {"thinking": {"type": "enabled", "budget_tokens": 24_576}}),
        ("anthropic.claude-opus-4-8", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
    ],
)
def test_effort_is_said_in_the_words_of_each_family(model: str, fields: dict[str, Any]) -> None:
    assert sent(said(ASK, reasoning_effort="high"), Settings(model))["additionalModelRequestFields"] == fields


@pytest.mark.parametrize(
    ("settings", "options", "note"),
    [
        (NOVA, {"seed": 1}, "seed is left out"),
        (NOVA, {"reasoning_effort": "low"}, "reasoning_effort is left out"),
        (NOVA, {"tool_choice": "none"}, "tool_choice none is left out"),
        (NOVA, {"parallel_tool_calls": False}, "parallel_tool_calls is left out"),
        (NOVA, {"response_format": {"type": "json_object"}}, "json_object is left out"),
        (CLAUDE, {"temperature": 0.5, "top_p": 0.5}, "top_p is left out"),
        (CLAUDE, {"reasoning_effort": "low", "tool_choice": "required"}, "forced tool choice"),
    ],
)
def test_what_the_vendor_cannot_be_told_is_noted(settings: Settings, options: dict[str, Any], note: str) -> None:
    assert note in notes(tooled(ASK, **options), settings)


def test_the_prompt_cache_is_marked_where_the_operator_asks_for_it() -> None:
    body = sent(tooled(ASK), msgspec.structs.replace(NOVA, quirks={"prompt_cache": True}))
    assert body["toolConfig"]["tools"][-1] == body["messages"][-1]["content"][-1] == {"cachePoint": {"type": "default"}}
    assert "cachePoint" not in str(sent(tooled(ASK)))


def test_a_missing_region_is_named() -> None:
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        bedrock.settings(Settings("m"), {"AWS_BEARER_TOKEN_BEDROCK": "k"})


def test_a_bearer_token_stands_in_for_a_signature() -> None:
    settings = bedrock.settings(Settings("m"), {"AWS_REGION": "eu-west-1", "AWS_BEARER_TOKEN_BEDROCK": "k"})
    assert settings.base_url == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert bedrock.signer(settings) is None
    assert bedrock.request(settings, said(ASK)).headers["authorization"] == "Bearer k"
