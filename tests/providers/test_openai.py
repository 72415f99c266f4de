"""Chat completion streams as vendors really send them: each oddity by its name."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.cli.recordings import batches, pieces
from turnstream.events import (
    Finish,
    HostedToolCall,
    HostedToolResult,
    ItemAdded,
    ModelEvent,
    ProtocolError,
    ProviderError,
    ReasoningDelta,
    RefusalDelta,
    SourceFound,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)
from turnstream.parsing.collect import Collector
from turnstream.providers import openai

DONE = b"data: [DONE]\n\n"
STOP = Finish("stop", "stop")


def data(value: Any) -> bytes:
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def delta(finish: str | None = None, **members: Any) -> bytes:
    """A chunk with one choice."""
    return data({"choices": [{"index": 0, "delta": members, "finish_reason": finish}]})


def events(*parts: bytes, cut: int | None = None) -> list[ModelEvent]:
    return [event for batch in batches(openai.PROVIDER.decoder(), pieces(b"".join(parts), cut)) for event in batch]


def collected(*parts: bytes) -> Collector:
    collector = Collector()
    collector.feed(events(*parts))
    return collector


def failure(*parts: bytes, cut: int | None = None) -> tuple[list[ModelEvent], ProviderError]:
    found: list[ModelEvent] = []

    def read() -> None:
        for batch in batches(openai.PROVIDER.decoder(), pieces(b"".join(parts), cut)):
            found.extend(batch)

    with pytest.raises(ProviderError) as caught:
        read()
    return found, caught.value


# ----------------------------------------------------------------------------------------------------------- framing


def test_crlf_comments_retry_ids_and_blank_lines_change_nothing() -> None:
    plain = delta(content="a") + delta("stop") + DONE
    odd = b"\xef\xbb\xbf\r\n\r\n: PROCESSING\r\n\r\nretry: 3000\r\n\r\nid: 1\r\nevent: message\r\n"
    assert events(odd, plain.replace(b"\n", b"\r\n")) == events(plain) == [TextDelta("a"), STOP]


def test_no_done_is_fine_after_a_finish_reason() -> None:
    assert events(delta("stop", content="a")) == [TextDelta("a"), STOP]


def test_an_event_after_done_is_not_read() -> None:
    assert events(delta("stop", content="a"), DONE, delta(content="b")) == [TextDelta("a"), STOP]


def test_a_last_event_without_a_blank_line_counts() -> None:
    assert events(delta(content="a"), delta("stop").rstrip()) == [TextDelta("a"), STOP]
    assert events(delta("stop", content="a"), b"data: [DONE]") == [TextDelta("a"), STOP]


def test_spaces_around_the_json_change_nothing() -> None:
    assert events(b"data:   " + delta("stop", content="a")[6:-2] + b"   \n\n", b"data:  [DONE] \n\n") == [
        TextDelta("a"),
        STOP,
    ]


def test_a_close_event_with_an_empty_object_is_nothing() -> None:
    assert events(delta("stop", content="a"), b"event: close\ndata: {}\n\n") == [TextDelta("a"), STOP]


def test_a_line_named_error_is_the_vendors_failure() -> None:
    found, error = failure(delta(content="a"), b'error: {"error":{"message":"no memory"}}\n\n')
    assert found == [TextDelta("a")]
    assert error.detail == "no memory"


# ------------------------------------------------------------------------------------------------------- chat chunks


def test_a_first_chunk_with_empty_choices_and_filter_results_is_nothing() -> None:
    first = data({"choices": [], "id": "", "model": "", "object": "", "prompt_filter_results": [{}]})
    assert events(first, delta("stop", content="a"), DONE) == [TextDelta("a"), STOP]


def test_a_choice_without_delta_and_a_chunk_without_choices_are_nothing() -> None:
    odd = data({"choices": [{"index": 0, "content_filter_offsets": {}}]}) + data({"id": "x"}) + data({"choices": None})
    assert events(odd, delta("stop", content="a")) == [TextDelta("a"), STOP]


def test_null_and_empty_content_and_a_role_in_every_chunk_are_nothing() -> None:
    odd = delta(role="assistant", content=None) + delta(role="assistant", content="") + delta()
    assert events(odd, delta("stop", role="assistant", content="a")) == [TextDelta("a"), STOP]


def test_content_as_a_list_of_parts_is_text_and_thinking() -> None:
    magistral = delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}])
    databricks = delta(content=[{"type": "reasoning", "summary": [{"type": "summary_text", "text": "so"}]}])
    text = delta("stop", content=[{"type": "text", "text": "a"}, "b", {"type": "reference"}, 7])
    assert events(magistral, databricks, text) == [
        ReasoningDelta("hm"),
        ReasoningDelta("so"),
        TextDelta("a"),
        TextDelta("b"),
        STOP,
    ]


def test_a_message_or_text_beside_the_delta_is_not_read() -> None:
    odd = {"index": 0, "delta": {"content": "b"}, "message": {"content": "ab"}, "text": "b", "finish_reason": "stop"}
    assert events(delta(content="a"), data({"choices": [odd]})) == [TextDelta("a"), TextDelta("b"), STOP]


def test_logprobs_of_any_type_are_not_read() -> None:
    odd = {"index": 0, "delta": {"content": "a"}, "logprobs": 0.5, "finish_reason": "stop"}
    assert events(data({"choices": [odd]})) == [TextDelta("a"), STOP]


def test_only_the_first_of_several_choices_is_read() -> None:
    two = [{"index": 1, "delta": {"content": "b"}, "finish_reason": "length"}, {"index": 0, "delta": {"content": "a"}}]
    assert events(data({"choices": two}), delta("stop")) == [TextDelta("a"), STOP]


def test_a_refusal_is_streamed_as_one() -> None:
    assert events(delta(refusal="I "), delta("stop", refusal="won't")) == [
        RefusalDelta("I "),
        RefusalDelta("won't"),
        STOP,
    ]


def test_fields_of_a_wrong_type_are_read_as_absent() -> None:
    odd = {
        "index": "0",
        "delta": {"content": "a", "refusal": 1, "tool_calls": "x", "reasoning": {}},
        "finish_reason": 3,
    }
    assert events(data({"choices": [odd, None], "usage": "none"}), delta("stop")) == [TextDelta("a"), STOP]


def test_lone_surrogates_and_invalid_utf8_become_replacement_characters() -> None:
    lone = data(b'{"choices":[{"delta":{"content":"a\\ud800b"}}]}')
    bad = data(b'{"choices":[{"delta":{"content":"c\xff"}}]}')
    assert events(lone, bad, delta("stop")) == [TextDelta("a\ufffdb"), TextDelta("c\ufffd"), STOP]


# -------------------------------------------------------------------------------------------------- finish and usage


def finish(*parts: bytes) -> Finish:
    event = events(*parts)[-1]
    assert isinstance(event, Finish)
    return event


def test_an_empty_finish_reason_is_none() -> None:
    assert finish(delta("", content="a"), delta("stop")) == STOP


def test_the_last_of_several_finish_reasons_counts_and_content_after_one_is_kept() -> None:
    found = events(delta("tool_calls"), delta("stop", content="\n"), delta("", content="!"), DONE)
    assert found == [TextDelta("\n"), TextDelta("!"), STOP]


def test_no_finish_reason_but_done_is_unknown() -> None:
    assert finish(delta(content="a"), DONE) == Finish("unknown")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("eos", "stop"),
        ("max_tokens", "length"),
        ("SAFETY", "content_filter"),
        ("tool_use", "tool_calls"),
        ("odd", "unknown"),
    ],
)
def test_a_non_standard_finish_reason_keeps_its_word(raw: str, reason: str) -> None:
    assert finish(delta(raw, content="a")) == Finish(reason, raw)  # type: ignore[arg-type]  # parametrized


@pytest.mark.parametrize("raw", ["stop", "eos", None])
def test_a_call_that_finished_with_stop_finished_with_tool_calls(raw: str | None) -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    assert finish(delta(raw, tool_calls=[call]), DONE) == Finish("tool_calls", raw)


def test_a_call_that_was_cut_off_keeps_its_reason() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"x'}}
    assert finish(delta("length", tool_calls=[call]), DONE) == Finish("length", "length")


def reported(*usages: Any, **members: Any) -> Usage:
    chunks = [data({"choices": [], "usage": usage, **members}) for usage in usages]
    reports = [event for event in events(delta("stop", content="a"), *chunks, DONE) if isinstance(event, UsageReport)]
    assert len(reports) == 1
    return reports[0].usage


def test_usage_comes_once_and_the_last_one_counts() -> None:
    usage = reported({"prompt_tokens": 1, "completion_tokens": 1}, {"prompt_tokens": 3, "completion_tokens": 4}, None)
    assert usage == Usage(3, 4, raw={"prompt_tokens": 3, "completion_tokens": 4})


def test_usage_may_be_groqs_own() -> None:
    raw = {"prompt_tokens": 3, "completion_tokens": 4}
    assert reported(None, x_groq={"id": "r", "usage": raw}) == Usage(3, 4, raw=raw)


def test_usage_may_come_with_the_finish_or_with_every_chunk() -> None:
    raw = {"prompt_tokens": 3, "completion_tokens": 4}
    chunk = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}], "usage": raw}
    assert events(data(chunk)) == [TextDelta("a"), UsageReport(Usage(3, 4, raw=raw)), STOP]


@pytest.mark.parametrize(
    ("raw", "cached", "written", "reasoning", "output"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1}}, 2, 1, 0, 5),
        ({"prompt_cache_hit_tokens": 3}, 3, 0, 0, 5),
        ({"cached_tokens": 4}, 4, 0, 0, 5),
        ({"completion_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 15}, 0, 0, 2, 5),
        ({"completion_tokens_details": {"reasoning_tokens": 7}, "total_tokens": 22}, 0, 0, 7, 12),
        ({"prompt_tokens_details": None, "total_tokens": None, "cached_tokens": "4"}, 0, 0, 0, 5),
    ],
)
def test_usage_is_normalised(raw: dict[str, Any], cached: int, written: int, reasoning: int, output: int) -> None:
    raw = {"prompt_tokens": 10, "completion_tokens": 5, **raw}
    assert reported(raw) == Usage(10, output, cached, written, reasoning, raw)


# ------------------------------------------------------------------------------------ tool calls, reasoning, sources


def call(index: int | None, call_id: str | None, name: str | None, arguments: Any, **more: Any) -> bytes:
    fragment = {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}, **more}
    return delta(tool_calls=[{key: value for key, value in fragment.items() if key != "index" or value is not None}])


def test_a_call_in_fragments_follows_its_text() -> None:
    found = events(
        delta(content="ok"), call(0, "c", "f", ""), call(0, None, None, '{"x":1}'), delta("tool_calls"), DONE
    )
    assert found == [
        TextDelta("ok"),
        ToolCallStart(0, "c", "f"),
        ToolCallDelta(0, '{"x":1}'),
        Finish("tool_calls", "tool_calls"),
    ]


def test_tool_calls_null_or_empty_are_nothing() -> None:
    assert events(delta(content="a", tool_calls=None), delta("stop", tool_calls=[])) == [TextDelta("a"), STOP]


def test_arguments_as_an_object_are_json_text() -> None:
    (made,) = collected(call(None, "c", "f", {"x": [1]}), delta("stop")).tool_calls
    assert json.loads(made.arguments) == {"x": [1]}


def test_a_number_as_id_is_its_text() -> None:
    (made,) = collected(
        delta(tool_calls=[{"id": 0, "function": {"name": "f", "arguments": "{}"}}]), delta("stop")
    ).tool_calls
    assert made.id == "0"


def test_two_whole_calls_without_index_and_id_are_two() -> None:
    calls = [{"function": {"name": "f", "arguments": "{}"}}, {"function": {"name": "f", "arguments": "{}"}}]
    assert len(collected(delta("stop", tool_calls=calls)).tool_calls) == 2


def test_a_legacy_function_call_is_a_call() -> None:
    first, rest = {"name": "f", "arguments": ""}, {"arguments": "{}"}
    (made,) = collected(delta(function_call=first), delta("function_call", function_call=rest)).tool_calls
    assert (made.name, made.arguments) == ("f", "{}")


def test_a_thought_signature_stays_with_its_call() -> None:
    extra = {"google": {"thought_signature": "s"}}
    (made,) = collected(call(0, "c", "f", "{}", extra_content=extra), delta("stop")).tool_calls
    assert made.extra == extra


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "reasoning_text"])
def test_reasoning_has_three_names(field: str) -> None:
    found = events(delta(**{field: "hm", "content": "a"}), delta("stop", **{field: None}))
    assert found == [ReasoningDelta("hm"), TextDelta("a"), STOP]


def test_reasoning_under_several_names_counts_once() -> None:
    details = [{"type": "reasoning.text", "text": "hm"}]
    both = delta(reasoning="hm", reasoning_content="hm", reasoning_details=details)
    assert events(both, delta("stop", content="a")) == [ReasoningDelta("hm"), TextDelta("a"), STOP]


def test_signed_reasoning_details_are_kept_whole_for_the_history() -> None:
    parts = [
        {"text": "h", "index": 0},
        {"text": "m", "index": 0},
        {"signature": "s", "index": 0},
        {"data": "x", "index": 1},
    ]
    chunks = [delta(reasoning=part.get("text"), reasoning_details=[{"type": "t", **part}]) for part in parts]
    (item,) = [event.item for event in events(*chunks, delta("stop")) if isinstance(event, ItemAdded)]
    assert item.data["reasoning_details"] == [
        {"type": "t", "text": "hm", "index": 0, "signature": "s"},
        {"type": "t", "data": "x", "index": 1},
    ]


def sources(*parts: bytes) -> list[tuple[str | None, str]]:
    return [(event.source.url, event.source.title) for event in events(*parts) if isinstance(event, SourceFound)]


def test_citations_repeated_in_every_chunk_are_found_once() -> None:
    results = {"search_results": [{"url": "u1", "title": "One"}], "citations": ["u1", "u2"]}
    chunk = {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}], **results}
    assert sources(data(chunk), data(chunk)) == [("u1", "One"), ("u2", "")]


def test_annotations_are_sources() -> None:
    annotation = {"type": "url_citation", "url_citation": {"url": "u", "title": "T", "content": "c"}}
    assert sources(delta("stop", annotations=[annotation, annotation, {"type": "file"}])) == [("u", "T")]


def test_tools_that_the_vendor_ran_are_shown() -> None:
    ran = {"index": 0, "type": "search", "arguments": '{"q":1}'}
    found = events(delta(executed_tools=[ran]), delta("stop", executed_tools=[{**ran, "output": "found"}]))
    assert found[:2] == [
        HostedToolCall("executed_0", "search", '{"q":1}'),
        HostedToolResult("executed_0", "search", "found"),
    ]


# ------------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("cut", [None, 1, 9])
def test_an_error_object_in_the_stream_follows_the_events_ahead_of_it(cut: int | None) -> None:
    reported_error = {"message": "overloaded", "code": 503}
    found, error = failure(delta(content="a"), data({"error": reported_error}), DONE, cut=cut)
    assert found == [TextDelta("a")]
    assert (error.body, error.provider_status, error.code) == (reported_error, 503, "provider_overloaded")
    assert "overloaded" in error.detail


def test_an_error_beside_choices_and_usage_keeps_both() -> None:
    raw = {"prompt_tokens": 3, "completion_tokens": 4}
    last = {"choices": [{"index": 0, "delta": {"content": ""}}], "error": {"message": "limit"}, "usage": raw}
    found, _ = failure(delta("length", content="a"), data(last))
    assert found == [TextDelta("a"), UsageReport(Usage(3, 4, raw=raw)), Finish("length", "length")]


def test_an_event_named_error_is_one_whatever_it_says() -> None:
    for body in (b'{"error":{"message":"no"}}', b'{"message":"no"}'):
        assert failure(b"event: error\ndata: " + body + b"\n\n")[1].detail == "no"


def test_vllms_chunk_that_is_an_error_is_one() -> None:
    found, error = failure(delta(content="a"), data({"object": "error", "message": "no", "code": 400}), DONE)
    assert (found, error.detail, error.provider_status) == ([TextDelta("a")], "no 400", 400)


def test_a_finish_reason_that_means_failure_is_one() -> None:
    found, error = failure(delta("error", content="a"), DONE)
    assert found == [TextDelta("a"), Finish("unknown", "error")]
    assert error.code == "provider_error"


def test_an_error_as_a_bare_string_is_one() -> None:
    assert failure(data({"error": "no"}))[1].body == "no"


@pytest.mark.parametrize("cut", [None, 1])
def test_a_stream_that_is_cut_off_is_a_protocol_error(cut: int | None) -> None:
    whole = delta(content="a") + delta(content="b")
    for size in (len(whole), len(whole) - 2, len(whole) - 10, len(delta(content="a"))):
        found, error = failure(whole[:size], cut=cut)
        assert found[0] == TextDelta("a")
        assert isinstance(error, ProtocolError)
        assert "ended before its answer did" in error.message


def test_a_torn_event_after_the_finish_reason_does_no_harm() -> None:
    assert events(delta("stop", content="a"), data({"usage": {}})[:-6]) == [TextDelta("a"), STOP]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty body"),
        (b" \r\n\n", "empty body"),
        (b"<!doctype html><title>Sign in</title>", "a page instead of a stream"),
        (b"upstream connect error", "not an event stream"),
        (b": just a comment\n\n", "not an event stream"),
        (b"data: hello\n\n", "not valid JSON"),
        (b"data: [1]\n\n", "not a JSON object"),
        (b"data: " + b'{"usage":' + b"[" * 200_000 + b"\n\n", "not valid JSON"),
    ],
)
def test_what_is_no_stream_is_a_protocol_error(body: bytes, said: str) -> None:
    for cut in (None, 1000):
        error = failure(body, cut=cut)[1]
        assert isinstance(error, ProtocolError)
        assert said in error.message


def test_a_json_error_instead_of_a_stream_is_the_vendors() -> None:
    for body in ({"error": {"message": "no"}}, {"detail": "no"}, {"message": "no"}, [{"error": {"message": "no"}}]):
        error = failure(json.dumps(body, indent=2).encode(), cut=3)[1]
        assert (error.body, error.detail) == (body, "no")


def test_a_whole_answer_instead_of_a_stream_is_read() -> None:
    message = {"role": "assistant", "content": "a", "tool_calls": None, "reasoning_content": "hm"}
    raw = {"prompt_tokens": 3, "completion_tokens": 4}
    whole = {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": raw,
    }
    assert events(json.dumps(whole).encode(), cut=5) == [
        ReasoningDelta("hm"),
        TextDelta("a"),
        UsageReport(Usage(3, 4, raw=raw)),
        STOP,
    ]


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (400, b'{"error":{"message":"m","code":"context_length_exceeded"}}', "context_length_exceeded", False),
        (
            400,
            b'{"error":{"code":400,"message":"too big","type":"exceed_context_size_error"}}',
            "context_length_exceeded",
            False,
        ),
        (401, b'{"detail":"who are you"}', "provider_authentication", False),
        (429, b'{"error":{"message":"slow down"}}', "rate_limit_exceeded", True),
        (429, b'{"error":{"message":"m","type":"insufficient_quota"}}', "provider_quota", False),
        (500, b"", "provider_error", True),
        (529, b"<html>", "provider_overloaded", True),
        (418, b"\xff", "provider_rejected_request", False),
    ],
)
def test_an_error_status_says_whose_fault_it_was(status: int, body: bytes, code: str, retryable: bool) -> None:
    error = openai.PROVIDER.error(status, body)
    assert (error.code, error.retryable, error.provider_status) == (code, retryable, status)


# ----------------------------------------------------------------------------------------------- the law, and noise

TOOLS = call(0, "c", "f", '{"x"') + call(0, None, None, ":1}") + call(1, "d", "g", "{}")
STORY = (
    b": hi\n\n" + delta(role="assistant", content="") + delta(reasoning="hm\u2028") + delta(content="né\U0001f600")
    + TOOLS + delta("tool_calls") + data({"choices": [], "usage": {"prompt_tokens": 1}}) + DONE
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.integers(1, len(STORY)), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.booleans())
def test_how_the_bytes_are_cut_never_matters(size: int, end: bytes, truncated: bool) -> None:
    story = STORY.replace(b"\n", end)
    if truncated:
        story = story[: size * 7 % len(story)]
    assert outcome(story, size) == outcome(story, None) == outcome(story, 1)


def outcome(body: bytes, cut: int | None) -> tuple[list[ModelEvent], str | None]:
    found: list[ModelEvent] = []
    try:
        for batch in batches(openai.PROVIDER.decoder(), pieces(body, cut)):
            found.extend(batch)
    except ProviderError as error:
        return found, error.message
    return found, None


@pytest.mark.parametrize("seed", range(200))
def test_a_damaged_stream_raises_nothing_but_a_provider_error(seed: int) -> None:
    rng = random.Random(seed)
    story = bytearray(STORY)
    for _ in range(rng.randrange(1, 12)):
        at = rng.randrange(len(story))
        match rng.randrange(3):
            case 0:
                story[at] = rng.randrange(256)
            case 1:
                del story[at : at + rng.randrange(20)]
            case _:
                story[at:at] = rng.choice([b"null", b"[]", b"{}", b'"', b"\\ud800", b"-1e999", b"\n\n", b"data: "])
    assert outcome(bytes(story), None) == outcome(bytes(story), rng.randrange(1, 40))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "a", "\ud800", "stop", "0"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["index", "delta", "content", "tool_calls", "function", "name", "arguments", "id", "finish_reason", "usage",
             "choices", "error", "reasoning", "reasoning_details", "message", "text", "type", "thinking", "citations",
             "search_results", "annotations", "url_citation", "url", "executed_tools", "x_groq", "prompt_tokens"]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=30,
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(VALUES, VALUES, VALUES, st.booleans())
def test_any_json_in_any_place_raises_nothing_but_a_provider_error(
    one: Any, two: Any, three: Any, framed: bool
) -> None:
    whole = {
        "choices": [{"index": 0, "delta": one, "message": two, "finish_reason": "stop"}],
        "usage": three,
        "citations": two,
    }
    for value in (one, whole, {"choices": one, "x_groq": two}, {"error": three}):
        body = json.dumps(value).encode()
        outcome(data(body) if framed else body, None)
        openai.PROVIDER.error(400, body)
