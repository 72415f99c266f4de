"""Run events to chat completion chunks. The numbers of the rules are those of docs/chat-completions.md."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests import golden_files
from tests.dialects.stories import START, STORIES, Story, text
from turnstream.api.sse_models import SSEChoice, SSEChunk, SSEDelta, SSEFunction, SSEStatus, SSEToolCall
from turnstream.dialects.base import ClientRequest, compact, is_exchange
from turnstream.dialects.openai_chat import ChatCompletions, Encoder
from turnstream.dialects.statuses import StatusMode
from turnstream.events import ReasoningDelta, RunEvent, TextDelta

MODES: tuple[StatusMode, ...] = ("extension", "metadata", "off")
FAILING = ("error_at_once", "error_midway", "cancelled", "written_and_failed")


def encoder(statuses: StatusMode = "extension", usage: bool = False, thread_id: str | None = None) -> Encoder:
    return Encoder("chatcmpl-run1", 1760000000, "assistant", thread_id=thread_id, statuses=statuses, usage=usage)


def told(story: Story, statuses: StatusMode = "extension", usage: bool = False, thread_id: str | None = None) -> bytes:
    encode = encoder(statuses, usage, thread_id)
    return b"".join(encode.feed(batch) for batch in story) + encode.close()


def frames(stream: bytes) -> list[str]:
    assert stream.endswith(b"\n\n")
    return [frame.removeprefix("data: ") for frame in stream.decode().removesuffix("\n\n").split("\n\n")]


def chunks(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in frames(stream) if frame != "[DONE]"]


def deltas(stream: bytes, key: str) -> list[Any]:
    found = [chunk["choices"][0]["delta"] for chunk in chunks(stream) if chunk.get("choices")]
    return [delta[key] for delta in found if key in delta]


# ------------------------------------------------------------------------------------------------------------- golden


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", STORIES)
def test_each_story_gives_its_golden_bytes(name: str, mode: StatusMode) -> None:
    golden_files.check(f"openai_chat/{name}.{mode}.sse", told(STORIES[name], mode))


def test_usage_and_thread_give_their_golden_bytes() -> None:
    golden_files.check("openai_chat/tool_round.usage.sse", told(STORIES["tool_round"], usage=True))
    golden_files.check("openai_chat/tool_round.thread.sse", told(STORIES["tool_round"], usage=True, thread_id="t-1"))


@pytest.mark.parametrize("name", [name for name in STORIES if name not in FAILING])
def test_each_whole_answer_gives_its_golden_bytes(name: str) -> None:
    golden_files.check(f"openai_chat/{name}.json", whole(STORIES[name]) + b"\n")


def whole(story: Story, body: bytes = b'{"messages":[{"role":"user","content":"hi"}]}') -> bytes:
    call = ChatCompletions().decode(ClientRequest(body, id="run1", time=1760000000.9))
    assert is_exchange(call)
    reply = call.reply("assistant", compact(event for batch in story for event in batch))
    assert reply.status == 200
    return reply.body


# -------------------------------------------------------------------------------------------------------------- rules


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", STORIES)
def test_every_frame_is_one_data_line(name: str, mode: StatusMode) -> None:
    stream = told(STORIES[name], mode, usage=True)
    for frame in stream.decode().removesuffix("\n\n").split("\n\n"):
        assert frame.startswith("data: ")
        assert "\n" not in frame


@pytest.mark.parametrize("name", STORIES)
def test_the_role_stands_in_the_first_chunk_alone(name: str) -> None:
    first, *rest = chunks(told(STORIES[name]))
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert not any("role" in choice["delta"] for chunk in rest for choice in chunk.get("choices", ()))


@pytest.mark.parametrize("name", STORIES)
def test_id_created_and_model_are_the_same_on_every_chunk(name: str) -> None:
    seen = {(c["id"], c["created"], c["model"], c["object"]) for c in chunks(told(STORIES[name])) if "error" not in c}
    assert seen == {("chatcmpl-run1", 1760000000, "assistant", "chat.completion.chunk")}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [name for name in STORIES if name not in FAILING])
def test_a_good_run_has_one_finish_reason_and_ends_with_done(name: str, mode: StatusMode) -> None:
    stream = told(STORIES[name], mode)
    reasons = [c["choices"][0]["finish_reason"] for c in chunks(stream) if c["choices"][0]["finish_reason"]]
    assert len(reasons) == 1
    assert reasons[0] in {"stop", "length", "tool_calls", "content_filter"}
    assert frames(stream)[-1] == "[DONE]"
    assert frames(stream).count("[DONE]") == 1


@pytest.mark.parametrize("name", FAILING)
def test_a_failed_run_ends_with_an_error_and_never_cleanly(name: str) -> None:
    stream = told(STORIES[name])
    *before, last = chunks(stream)
    assert set(last) == {"error"}
    assert set(last["error"]) == {"message", "type", "param", "code"}
    assert b"[DONE]" not in stream
    assert not any(chunk["choices"][0]["finish_reason"] for chunk in before)


@pytest.mark.parametrize("name", ["text", "error_midway"])
def test_nothing_follows_the_end(name: str) -> None:
    encode = encoder()
    for batch in STORIES[name]:
        encode.feed(batch)
    assert encode.feed(text("more")) + encode.heartbeat() + encode.close() == b""


def test_what_stands_behind_the_terminal_event_in_its_batch_is_not_sent() -> None:
    end = STORIES["text"][-1][0]
    assert told([[*START, end, TextDelta("more")]]) == told([[*START, end]])


def test_a_run_without_terminal_event_is_an_error() -> None:
    assert chunks(told([START, text("Hel")]))[-1]["error"]["code"] == "internal_error"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["tool_round", "parallel_tools", "max_steps_answer", "hosted_tools"])
def test_tools_that_we_run_are_never_tool_calls_of_the_client(name: str, mode: StatusMode) -> None:
    assert deltas(told(STORIES[name], mode), "tool_calls") == []


def test_client_tools_are_handed_over_with_index_id_and_whole_arguments() -> None:
    stream = told(STORIES["client_tools"])
    calls = [call for delta in deltas(stream, "tool_calls") for call in delta]
    assert [(call["index"], call["id"], call["function"]["arguments"]) for call in calls] == [
        (0, "call_3", '{"room":"kitchen"}'),
        (1, "call_4", "{}"),
    ]
    assert chunks(stream)[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_the_reason_tool_calls_without_a_client_call_is_stop() -> None:
    stream = told([START, *STORIES["client_tools"][-1:]])
    assert chunks(stream)[-1]["choices"][0]["finish_reason"] == "stop"


def test_reasoning_goes_out_under_both_of_its_names() -> None:
    stream = told(STORIES["reasoning"])
    assert "".join(deltas(stream, "reasoning_content")) == "".join(deltas(stream, "reasoning")) == "Let me think."


def test_all_five_statuses_are_extension_members_that_the_model_reads() -> None:
    seen = [*chunks(told(STORIES["tool_round"])), *chunks(told(STORIES["max_steps_answer"]))]
    words = [SSEStatus.model_validate(chunk["agent"]).status.value for chunk in seen if "agent" in chunk]
    assert words == [
        *("starting_generation", "tool_call_detected", "tools_executed", "continuing_generation"),
        *("starting_generation", "tool_call_detected", "tools_executed", "max_depth_reached"),
    ]
    assert all(
        chunk["choices"] == [{"index": 0, "delta": {}, "finish_reason": None}] for chunk in seen if "agent" in chunk
    )
    shown = [chunk["event"]["type"] for chunk in seen if "agent" in chunk and "event" in chunk]
    assert shown == ["status"] * 5  # what a step begins with is not for the page: see test_open_webui.py


@pytest.mark.parametrize("name", STORIES)
def test_in_metadata_mode_the_wire_models_read_every_frame(name: str) -> None:
    for frame in frames(told(STORIES[name], "metadata")):
        if frame != "[DONE]" and "error" not in json.loads(frame):
            assert SSEChunk.model_validate_json(frame).object == "chat.completion.chunk"


async def test_in_metadata_mode_a_status_is_what_the_factory_makes() -> None:
    status = SSEChunk.model_validate_json(frames(told(STORIES["text"], "metadata"))[1])
    made = await SSEChunk.make_status_chunk(SSEStatus(status="starting_generation").status, {"step": 1})  # type: ignore[arg-type]  # from its value
    made.id, made.created, made.model = "status_run1", 1760000000, "assistant"
    assert status.model_dump_json() == made.model_dump_json()


@pytest.mark.parametrize("name", STORIES)
def test_with_statuses_off_no_chunk_has_anything_but_the_standards_members(name: str) -> None:
    for chunk in chunks(told(STORIES[name], "off", usage=True)):
        assert set(chunk) <= {"id", "object", "created", "model", "choices", "usage", "error"}


@pytest.mark.parametrize("name", [name for name in STORIES if name not in FAILING])
def test_usage_is_sent_only_when_asked(name: str) -> None:
    assert not any("usage" in chunk for chunk in chunks(told(STORIES[name])))
    *_, last = chunks(told(STORIES[name], usage=True))
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == last["usage"]["prompt_tokens"] + last["usage"]["completion_tokens"]


@pytest.mark.parametrize("mode", MODES)
def test_a_thread_stands_on_every_chunk(mode: StatusMode) -> None:
    seen = chunks(told(STORIES["tool_round"], mode, usage=True, thread_id="t-1"))
    assert {chunk["thread_id"] for chunk in seen} == {"t-1"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", STORIES)
def test_every_choice_has_a_finish_reason_null_until_the_last(name: str, mode: StatusMode) -> None:
    choices = [choice for chunk in chunks(told(STORIES[name], mode)) for choice in chunk.get("choices", ())]
    assert all("finish_reason" in choice for choice in choices)
    assert all(choice["finish_reason"] is None for choice in choices[:-1])


def test_a_call_is_told_of_when_it_begins_and_none_of_its_arguments() -> None:
    stream = told(STORIES["written_tools"])
    calls = [chunk["tool_call"] for chunk in chunks(stream) if "tool_call" in chunk]
    assert calls == [
        {"index": 0, "id": "call_1", "name": "get_weather"},
        {"index": 1, "id": "call_2", "name": "get_time"},
    ]
    assert "".join(deltas(stream, "content")) == "I look it up. It is sunny."
    assert all("tool_call" not in chunk for chunk in chunks(told(STORIES["written_tools"], "off")))


def test_a_heartbeat_is_a_chunk_with_an_empty_delta() -> None:
    encode = encoder()
    encode.feed(START)
    (beat,) = chunks(encode.heartbeat())
    assert beat["choices"] == [{"index": 0, "delta": {}, "finish_reason": None}]


def test_a_heartbeat_before_everything_is_the_first_chunk() -> None:
    encode = encoder("off")
    assert encode.heartbeat() + encode.feed(START) == encoder("off").feed(START)


def test_all_citations_stand_in_one_chunk() -> None:
    (annotations,) = deltas(told(STORIES["sources"]), "annotations")
    assert [a["url_citation"]["url"] for a in annotations] == ["https://example.org/a", "https://example.org/b"]


# ---------------------------------------------------------------------------------------------------------- same bytes

anything = st.one_of(
    st.text(),
    st.text(alphabet=st.sampled_from('\0\x1f\x7f\u2028\u2029"\\/\b\f\n\r\t<é😀\ufeff\ufffe')),
)


def modelled(delta: SSEDelta, finish_reason: str | None = None, thread_id: str | None = None) -> bytes:
    choice = SSEChoice(index=0, delta=delta, finish_reason=finish_reason)
    chunk = SSEChunk(
        id="chatcmpl-run1",
        object="chat.completion.chunk",
        created=1760000000,
        model="assistant",
        choices=[choice],
        thread_id=thread_id,
    )
    given = chunk.model_dump(exclude_none=True)
    given["choices"][0]["finish_reason"] = finish_reason  # null until the end, as OpenAI has it
    return b"data: " + json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def fed(*events: RunEvent, thread_id: str | None = None) -> bytes:
    encode = encoder("off", thread_id=thread_id)
    encode.feed([])
    return encode.feed(events)


@given(anything, st.one_of(st.none(), anything))
@settings(deadline=None, max_examples=300)
def test_the_bytes_of_a_text_chunk_are_the_models_bytes(content: str, thread_id: str | None) -> None:
    assert fed(TextDelta(content), thread_id=thread_id) == modelled(SSEDelta(content=content), thread_id=thread_id)


@pytest.mark.parametrize("content", ["\u2028", "\0", "😀", "a" * 1_000_000, "é\n" * 500_000, ""])
def test_the_bytes_of_odd_texts_are_the_models_bytes(content: str) -> None:
    assert fed(TextDelta(content)) == modelled(SSEDelta(content=content))


def test_the_other_chunks_are_the_models_bytes_too() -> None:
    assert encoder("off").feed([]) == modelled(SSEDelta(role="assistant", content=""))
    end = STORIES["text"][-1][0]
    assert fed(end) == modelled(SSEDelta(), "stop") + b"data: [DONE]\n\n"
    call = SSEToolCall(index=0, id="call_3", function=SSEFunction(name="open_window", arguments='{"room":"kitchen"}'))
    assert fed(*STORIES["mixed_tools"][2][2:]) == modelled(SSEDelta(tool_calls=[call]))


@given(st.text(max_size=20), st.characters(categories=["Cs"]), st.text(max_size=20))
@settings(deadline=None, max_examples=100)
def test_a_lone_surrogate_becomes_the_replacement_character(before: str, lone: str, after: str) -> None:
    expected = before + "\ufffd" + after
    assert fed(TextDelta(before + lone + after)) == modelled(SSEDelta(content=expected))
    assert deltas(fed(ReasoningDelta(before + lone + after)), "reasoning") == [expected]


@given(st.lists(st.one_of(st.text().map(TextDelta), st.text().map(ReasoningDelta))), st.data())
@settings(deadline=None, max_examples=100)
def test_how_events_are_batched_never_shows(events: list[RunEvent], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(events)))
    encode = encoder()
    assert encode.feed(events[:cut]) + encode.feed(events[cut:]) == encoder().feed(events)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", STORIES)
def test_how_a_run_is_batched_never_shows(name: str, mode: StatusMode) -> None:
    story = [event for batch in STORIES[name] for event in batch]
    assert told([[event] for event in story], mode) == told([story], mode) == told(STORIES[name], mode)


@pytest.mark.parametrize("name", [name for name in STORIES if name not in FAILING])
def test_the_whole_answer_is_what_the_stream_adds_up_to(name: str) -> None:
    stream, choice = told(STORIES[name]), json.loads(whole(STORIES[name]))["choices"][0]
    message = choice["message"]
    assert "".join(deltas(stream, "content")) == (message["content"] or "")
    assert "".join(deltas(stream, "reasoning")) == message.get("reasoning", "")
    calls = [
        {k: v for k, v in call.items() if k != "index"} for delta in deltas(stream, "tool_calls") for call in delta
    ]
    assert calls == message.get("tool_calls", [])
    assert choice["finish_reason"] == chunks(stream)[-1]["choices"][0]["finish_reason"]
