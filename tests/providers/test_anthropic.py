"""What Anthropic's streams and requests have that no other vendor's have."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.providers.conversations import ASK, CALL, PDF, RESULT, said, tooled
from tests.providers.stories.anthropic import block, stream, text, tool
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
    ModelOptions,
    ModelRequest,
    ProviderItem,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RequestError,
    Source,
    SourceFound,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallStart,
    ToolMessage,
    UsageReport,
    UserMessage,
)
from turnstream.parsing.collect import Collector
from turnstream.providers import anthropic
from turnstream.providers.base import Settings
from turnstream.providers.encode.claude_models import capabilities, version

SONNET = Settings("claude-sonnet-4-5", "https://api.anthropic.com", "key", quirks={"prompt_cache": False})
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}


def events(body: bytes) -> list[ModelEvent]:
    found, error = decoded(anthropic.PROVIDER.decoder(), [body])
    assert error is None
    return found


def items(body: bytes) -> list[dict[str, Any]]:
    return [event.item.data for event in events(body) if isinstance(event, ItemAdded)]


def sent(request: ModelRequest, settings: Settings = SONNET) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(anthropic.request(settings, request).body)
    return body


def notes(request: ModelRequest, model: str = "claude-sonnet-4-5") -> str:
    return " ".join(anthropic.request(Settings(model), request).notes)


# Streams


def test_signed_thinking_is_kept_whole_for_the_history() -> None:
    kind = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = [{"type": "thinking_delta", "thinking": "H"}, {"type": "thinking_delta", "thinking": "m."}]
    body = stream(*block(0, kind, *deltas, {"type": "signature_delta", "signature": "c2ln"}))
    assert events(body)[:3] == [
        ReasoningDelta("H"),
        ReasoningDelta("m."),
        ItemAdded(ProviderItem("anthropic", SIGNED)),
    ]


def test_thinking_whose_block_was_never_begun_is_reasoning_all_the_same() -> None:
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}}
    assert events(stream(delta, *text(1, "Yes.")))[:2] == [ReasoningDelta("Hm."), TextDelta("Yes.")]


def test_a_block_that_begins_where_another_is_open_ends_that_one() -> None:
    found = events(stream(*tool(0, "a", "now")[:-1], *tool(0, "b", "now")))
    assert [event for event in found if isinstance(event, ToolCallStart | ToolCallDelta)] == [
        ToolCallStart(0, "a", "now"),
        ToolCallDelta(0, "{}"),
        ToolCallStart(1, "b", "now"),
        ToolCallDelta(1, "{}"),
    ]


def test_thinking_without_a_signature_is_shown_and_not_kept() -> None:
    kind = {"type": "thinking", "thinking": ""}
    assert items(stream(*block(0, kind, {"type": "thinking_delta", "thinking": "Hm."}))) == []


def test_redacted_thinking_is_kept_and_not_shown() -> None:
    redacted = {"type": "redacted_thinking", "data": "c2VjcmV0"}
    found = events(stream(*block(0, redacted), *text(1, "Hello")))
    assert found[:2] == [ItemAdded(ProviderItem("anthropic", redacted)), TextDelta("Hello")]


def test_a_ping_says_nothing_wherever_it_comes() -> None:
    ping = {"type": "ping"}
    assert events(stream(ping, *text(0, "a"), ping, ping)) == events(stream(*text(0, "a")))


def test_a_tool_without_any_input_has_an_empty_object() -> None:
    found = events(stream(*block(0, {"type": "tool_use", "id": "t", "name": "now", "input": {}})))
    assert found[:2] == [ToolCallStart(0, "t", "now"), ToolCallDelta(0, "{}")]


def test_input_that_comes_whole_with_the_start_is_not_lost() -> None:
    found = events(stream(*block(0, {"type": "tool_use", "id": "t", "name": "now", "input": {"zone": "UTC"}})))
    assert found[:2] == [ToolCallStart(0, "t", "now"), ToolCallDelta(0, '{"zone":"UTC"}')]


def test_spaces_padded_inside_and_after_the_json_say_nothing() -> None:
    padded = stream(*text(0, "a")).replace(b"}\n", b"}      \n").replace(b"}}", b"}    }")
    assert events(padded) == events(stream(*text(0, "a")))


def test_members_that_are_not_known_say_nothing() -> None:
    usage = b'"usage":{"iterations":[{"type":"message"}],'
    more = stream(*text(0, "a")).replace(
        b'"usage":{"output', b'"context_management":{"applied_edits":[]},' + usage + b'"output'
    )
    assert events(more)[0] == TextDelta("a")
    assert events(more)[-1] == Finish("stop", "end_turn")


def test_an_empty_first_fragment_of_input_is_no_delta() -> None:
    found = events(stream(*tool(0, "t", "now", '{"zone":', '"UTC"}')))
    assert found[1:3] == [ToolCallDelta(0, '{"zone":'), ToolCallDelta(0, '"UTC"}')]


def test_input_tokens_of_the_last_event_replace_those_of_the_first_and_the_rest_stays() -> None:
    start = {
        "input_tokens": 3,
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 5,
        "service_tier": "standard",
    }
    end = {"input_tokens": 6, "output_tokens": 7, "cache_read_input_tokens": None}
    body = b"".join(
        b"data: " + msgspec.json.encode(event) + b"\n\n"
        for event in (
            {"type": "message_start", "message": {"usage": start}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": end},
            {"type": "message_stop"},
        )
    )
    (report,) = [event.usage for event in events(body) if isinstance(event, UsageReport)]
    assert report.raw == {**start, "input_tokens": 6, "output_tokens": 7}
    assert (report.input, report.output, report.cached, report.cache_write) == (15, 7, 4, 5)


def test_server_tools_are_shown_and_kept_and_never_calls_of_ours() -> None:
    use = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    page = {"type": "web_search_result", "url": "https://a.example", "title": "A", "encrypted_content": "eA=="}
    result = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [page]}
    found = events(
        stream(*block(0, use, {"type": "input_json_delta", "partial_json": '{"query":"a"}'}), *block(1, result))
    )
    assert found[:5] == [
        HostedToolCall("s1", "web_search", '{"query":"a"}'),
        ItemAdded(ProviderItem("anthropic", use | {"input": {"query": "a"}})),
        HostedToolResult("s1", "web_search", "A https://a.example"),
        SourceFound(Source("https://a.example", "A", "https://a.example"), "s1"),
        ItemAdded(ProviderItem("anthropic", result)),
    ]


def test_a_server_tool_that_failed_is_shown_so() -> None:
    content = {"type": "web_search_tool_result_error", "error_code": "too_many_requests"}
    (result,) = [
        event
        for event in events(
            stream(*block(0, {"type": "web_search_tool_result", "tool_use_id": "s", "content": content}))
        )
        if isinstance(event, HostedToolResult)
    ]
    assert not result.ok


def test_a_tool_of_an_mcp_server_is_a_hosted_tool() -> None:
    use = {"type": "mcp_tool_use", "id": "m1", "name": "ask", "server_name": "wiki", "input": {"q": "a"}}
    result = {"type": "mcp_tool_result", "tool_use_id": "m1", "content": [{"type": "text", "text": "yes"}]}
    found = [event for event in events(stream(*block(0, use), *block(1, result))) if not isinstance(event, ItemAdded)]
    assert found[:2] == [HostedToolCall("m1", "ask", '{"q":"a"}'), HostedToolResult("m1", "ask", "yes")]


def test_a_block_of_an_unknown_type_is_kept_with_what_its_deltas_add() -> None:
    kind = {"type": "compaction", "content": ""}
    deltas = [{"type": "compaction_delta", "content": "so "}, {"type": "compaction_delta", "content": "far"}]
    assert items(stream(*block(0, kind, *deltas))) == [{"type": "compaction", "content": "so far"}]


def test_a_citation_is_a_source() -> None:
    citation = {"type": "char_location", "cited_text": "Ruby", "document_index": 0, "document_title": "facts.txt"}
    found = events(stream(*block(0, {"type": "text", "text": ""}, {"type": "citations_delta", "citation": citation})))
    assert found[0] == SourceFound(Source("document-0", "facts.txt", None, "Ruby"))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "pause"),
        ("refusal", "content_filter"),
        ("something_new", "unknown"),
    ],
)
def test_every_stop_reason_has_a_meaning_and_keeps_its_word(raw: str, reason: str) -> None:
    found = events(stream(*text(0, "a"), reason=raw))[-1]
    assert isinstance(found, Finish)
    assert (found.reason, found.raw) == (reason, raw)


def test_the_explanation_of_a_refusal_is_given() -> None:
    body = stream(reason="refusal").replace(
        b'"stop_reason":"refusal"', b'"stop_reason":"refusal","stop_details":{"type":"refusal","explanation":"No."}'
    )
    assert RefusalDelta("No.") in events(body)


@pytest.mark.parametrize(("kind", "status", "retryable"), [("overloaded_error", 529, True), ("api_error", 500, True)])
def test_an_error_event_is_an_error_after_what_came_before_it(kind: str, status: int, retryable: bool) -> None:
    broken = {"type": "error", "error": {"type": kind, "message": "Overloaded"}}
    body = stream(*text(0, "a"), broken)
    found, error = decoded(anthropic.PROVIDER.decoder(), [body])
    assert found == [TextDelta("a")]
    assert error is not None
    assert (error.provider_status, error.retryable) == (status, retryable)
    assert "Overloaded" in error.detail
    assert "Overloaded" not in error.message


def test_a_last_event_without_its_blank_line_still_counts() -> None:
    assert events(stream(*text(0, "a")).rstrip(b"\n")) == events(stream(*text(0, "a")))


def test_events_without_names_and_a_done_at_the_end_are_read_as_well() -> None:
    lines = [line for line in stream(*text(0, "a")).split(b"\n") if not line.startswith(b"event:")]
    assert events(b"\n".join(lines) + b"data: [DONE]\n\n") == events(stream(*text(0, "a")))


def test_a_done_instead_of_the_last_event_is_an_end() -> None:
    body = stream(*text(0, "a"))
    body = body[: body.index(b"event: message_stop")] + b"data: [DONE]\n\n"
    assert events(body) == events(stream(*text(0, "a")))


# Requests


def collected(body: bytes) -> AssistantMessage:
    collector = Collector()
    collector.feed(events(body))
    return collector.message()


def test_signed_thinking_goes_back_unchanged_ahead_of_its_call() -> None:
    kind = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = ({"type": "thinking_delta", "thinking": "Hm."}, {"type": "signature_delta", "signature": "c2ln"})
    answer = collected(stream(*block(0, kind, *deltas), *tool(1, "t1", "get_time"), reason="tool_use"))
    body = sent(tooled(ASK, answer, ToolMessage("t1", "12:00"), reasoning_effort="low"))
    assert body["messages"][1]["content"] == [
        SIGNED,
        {"type": "tool_use", "id": "t1", "name": "get_time", "input": {}},
    ]
    assert body["thinking"]["type"] == "enabled"


def test_reasoning_of_another_vendor_does_not_go_to_this_one() -> None:
    answer = AssistantMessage((ReasoningPart("Hm."), ProviderItem("gemini", {"text": ""}), TextPart("Yes.")))
    assert sent(said(ASK, answer, ASK))["messages"][1]["content"] == [{"type": "text", "text": "Yes."}]


def test_a_paused_answer_goes_back_as_the_last_message() -> None:
    use = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "a"}}
    answer = collected(stream(*text(0, "I look."), *block(1, use), reason="pause_turn"))
    assert sent(said(ASK, answer))["messages"][-1] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "I look."}, use],
    }


def test_a_history_with_calls_and_no_tools_lists_them_and_forbids_them() -> None:
    body = sent(said(ASK, AssistantMessage((CALL,)), RESULT))
    assert body["tools"] == [{"name": "get_weather", "input_schema": {"type": "object", "properties": {}}}]
    assert body["tool_choice"] == {"type": "none"}


def test_call_ids_that_the_vendor_refuses_are_rewritten_alike_in_call_and_result() -> None:
    calls = [msgspec.structs.replace(CALL, id=ident) for ident in ("a:0", "a 0", "a_0")]
    results = [ToolMessage(call.id, "x") for call in calls]
    _, answer, result = sent(tooled(ASK, AssistantMessage(tuple(calls)), *results))["messages"]
    ids = [block["id"] for block in answer["content"]]
    assert [block["tool_use_id"] for block in result["content"]] == ids
    assert len({*ids}) == 3
    assert all(set(ident) <= set("a_0123456789") for ident in ids)


def test_a_failed_result_has_content_and_it_is_text() -> None:
    for content in ("", (ImagePart("data:image/png;base64,eA=="),)):
        result = ToolMessage(CALL.id, content, is_error=True)
        (block,) = sent(tooled(ASK, AssistantMessage((CALL,)), result))["messages"][-1]["content"]
        assert block["content"] == [{"type": "text", "text": "The tool failed."}]


def test_the_prompt_cache_is_marked_after_the_instructions_and_after_the_conversation() -> None:
    marked = sent(tooled(ASK), msgspec.structs.replace(SONNET, quirks={}))
    mark = {"cache_control": {"type": "ephemeral"}}
    assert marked["tools"][-1].items() >= mark.items()
    assert marked["messages"][-1]["content"][-1].items() >= mark.items()
    assert b"cache_control" not in anthropic.request(SONNET, tooled(ASK)).body


def test_an_answer_that_the_vendor_must_limit_has_a_limit() -> None:
    assert sent(said(ASK))["max_tokens"] == 32_000
    assert sent(said(ASK), Settings("claude-3-haiku-20240307"))["max_tokens"] == 4096
    assert sent(said(ASK, max_completion_tokens=7))["max_tokens"] == 7


def test_effort_is_a_budget_for_older_models_and_a_word_for_newer_ones() -> None:
    assert sent(said(ASK, reasoning_effort="high"))["thinking"] == {"type": "enabled", "budget_tokens": 24_576}
    newer = sent(said(ASK, reasoning_effort="xhigh"), Settings("claude-opus-4-8"))
    assert newer["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert newer["output_config"] == {"effort": "xhigh"}


@pytest.mark.parametrize(
    ("model", "options", "note"),
    [
        ("claude-3-5-haiku-latest", {"reasoning_effort": "low"}, "has no extended thinking"),
        ("claude-sonnet-4-5", {"reasoning_effort": "low", "max_tokens": 500}, "so small an output limit"),
        ("claude-sonnet-4-5", {"reasoning_effort": "low", "tool_choice": "required"}, "forced tool choice"),
        ("claude-sonnet-4-5", {"reasoning_effort": "low", "temperature": 0.5}, "temperature and top_p are left out"),
        ("claude-opus-4-8", {"temperature": 0.5}, "temperature and top_p are left out"),
        ("claude-opus-4-8", {"reasoning_effort": "none"}, "low effort is requested"),
        ("claude-sonnet-4-5", {"temperature": 0.5, "top_p": 0.5}, "top_p is left out"),
        ("claude-sonnet-4-5", {"temperature": 1.5}, "is sent as 1"),
        ("claude-sonnet-4-5", {"stop": [" ", "END"]}, "white space"),
        ("claude-sonnet-4-5", {"seed": 1}, "seed is left out"),
        ("claude-sonnet-4-5", {"response_format": {"type": "json_object"}}, "json_object is left out"),
    ],
)
def test_what_the_vendor_cannot_be_told_is_noted(model: str, options: dict[str, Any], note: str) -> None:
    assert note in notes(tooled(ASK, **options), model)


def test_nothing_is_noted_where_everything_can_be_said() -> None:
    assert notes(tooled(ASK, temperature=0.5, max_tokens=9, stop=["x"], parallel_tool_calls=False)) == ""


def test_audio_and_unknown_files_are_refused_with_their_place() -> None:
    for part in (AudioPart("eA==", "wav"), FilePart("data:application/zip;base64,eA==")):
        with pytest.raises(RequestError) as failure:
            sent(said(ASK, UserMessage((TextPart("Hear:"), part))))
        assert failure.value.param == "messages[1].content[1]"


def test_a_file_that_the_vendor_keeps_asks_for_the_beta_that_it_needs() -> None:
    request = anthropic.request(SONNET, said(UserMessage((FilePart(file_id="file_1"), TextPart("Sum it up.")))))
    assert request.headers["anthropic-beta"] == "files-api-2025-04-14"
    own = msgspec.structs.replace(SONNET, headers={"anthropic-beta": "other-1"})
    kept = anthropic.request(own, said(UserMessage((FilePart(file_id="file_1"),))))
    assert kept.headers["anthropic-beta"] == "other-1,files-api-2025-04-14"
    assert "anthropic-beta" not in anthropic.request(SONNET, said(UserMessage((FilePart(PDF),)))).headers


def test_the_operators_own_members_are_merged_into_the_body() -> None:
    body = sent(said(ASK, extra={"metadata": {"user_id": "u"}, "thinking": {"type": "disabled"}}))
    assert body["metadata"] == {"user_id": "u"}


def test_options_of_the_settings_hold_where_the_request_says_nothing() -> None:
    kept = msgspec.structs.replace(SONNET, options=ModelOptions(temperature=0.1, max_tokens=5))
    body = sent(said(ASK, max_completion_tokens=9), kept)
    assert (body["temperature"], body["max_tokens"]) == (0.1, 9)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY"):
        anthropic.settings(Settings("m"), {})
    assert anthropic.settings(Settings("m"), {"ANTHROPIC_API_KEY": "k"}).api_key == "k"
    token = anthropic.settings(Settings("m"), {"ANTHROPIC_AUTH_TOKEN": "t"})
    assert anthropic.request(token, said(ASK)).headers["authorization"] == "Bearer t"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("claude-3-7-sonnet-20250219", (3, 7)),
        ("claude-3-opus-20240229", (3, 0)),
        ("claude-sonnet-4-20250514", (4, 0)),
        ("claude-opus-4-1-20250805", (4, 1)),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", (4, 5)),
        ("anthropic/claude-opus-4.6", (4, 6)),
        ("claude-opus-4-5@20251101", (4, 5)),
        ("claude-fable-5-2", (5, 2)),
        ("anthropic.claude-v2:1", (2, 0)),
        ("minimax-m2.7", None),
    ],
)
def test_the_version_of_a_claude_is_read_from_its_name(name: str, expected: tuple[int, int] | None) -> None:
    assert version(name) == expected


def test_a_model_of_unknown_name_gets_what_most_servers_take() -> None:
    assert capabilities("minimax-m2.7").thinking == "budget"
