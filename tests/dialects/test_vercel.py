from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests import golden_files
from tests.dialects.sequences import batched, runs
from tests.dialects.stories import STORIES, Story
from turnstream.dialects.base import Attachment, ClientRequest, Exchange, is_exchange
from turnstream.dialects.vercel import Encoder, Vercel
from turnstream.events import (
    AssistantMessage,
    AudioPart,
    FilePart,
    ImagePart,
    RequestError,
    RunEvent,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    ToolSpec,
    UserMessage,
)

REASONS = {"stop", "length", "content-filter", "tool-calls", "error", "interrupted", "other"}


def told(batches: Story) -> bytes:
    encoder = Encoder("msg-1")
    return b"".join(encoder.feed(batch) for batch in batches) + encoder.close()


def chunks(stream: bytes) -> list[dict[str, Any]]:
    frames = stream.decode().removesuffix("\n\n").split("\n\n")
    assert frames[-1] == "data: [DONE]"
    return [json.loads(frame.removeprefix("data: ")) for frame in frames[:-1]]


def verify(found: list[dict[str, Any]]) -> None:
    """What the SDK's reader needs: blocks open before their deltas, a known call before its output, steps in pairs."""
    blocks: dict[str, str] = {}
    calls: set[str] = set()
    in_step = False
    assert found[0]["type"] == "start"
    assert found[-1]["type"] in ("finish", "abort")
    for at, chunk in enumerate(found):
        kind, _, move = chunk["type"].partition("-")
        if kind in ("text", "reasoning"):
            if move == "start":
                assert chunk["id"] not in blocks
                blocks[chunk["id"]] = kind
            elif move == "delta":
                assert blocks[chunk["id"]] == kind
            else:
                assert blocks.pop(chunk["id"]) == kind
        elif chunk["type"] == "start-step":
            assert not in_step
            in_step = True
        elif chunk["type"] == "finish-step":
            assert in_step
            assert not blocks
            in_step = False
        elif chunk["type"] == "tool-input-start":
            calls.add(chunk["toolCallId"])
        elif kind == "tool":
            assert chunk["toolCallId"] in calls
        elif chunk["type"] == "finish":
            assert chunk["finishReason"] in REASONS
            assert at == len(found) - 1
    assert not blocks
    assert not in_step


@pytest.mark.parametrize("name", STORIES)
def test_each_story_gives_its_golden_bytes(name: str) -> None:
    golden_files.check(f"vercel/{name}.sse", told(STORIES[name]))


@given(runs(), st.lists(st.integers(0, 4), max_size=8))
@settings(deadline=None, max_examples=200)
def test_any_run_opens_and_closes_in_order_however_it_is_batched(run: list[RunEvent], sizes: list[int]) -> None:
    stream = told(batched(sizes, run))
    verify(chunks(stream))
    assert stream == told([run])


def test_a_run_that_failed_before_it_began_still_starts_and_finishes() -> None:
    verify(chunks(Encoder("m").close()))


def test_our_tools_are_shown_and_not_executed_by_the_front_end() -> None:
    inputs = [c for c in chunks(told(STORIES["parallel_tools"])) if c["type"] == "tool-input-available"]
    assert [(c["providerExecuted"], c["dynamic"]) for c in inputs] == [(True, True)] * 2


def test_a_clients_tool_is_left_to_the_front_end() -> None:
    found = chunks(told(STORIES["client_tools"]))
    inputs = [c for c in found if c["type"] == "tool-input-available"]
    assert not any("providerExecuted" in c for c in inputs)
    assert found[-1]["finishReason"] == "tool-calls"


def test_statuses_are_transient_data() -> None:
    found = [c for c in chunks(told(STORIES["max_steps_answer"])) if c["type"] == "data-agent-status"]
    assert {"starting_generation", "tool_call_detected", "max_depth_reached"} <= {c["data"]["status"] for c in found}
    assert all(c["transient"] for c in found)


@pytest.mark.parametrize("name", ["error_at_once", "error_midway"])
def test_a_failure_never_looks_like_an_answer(name: str) -> None:
    found = chunks(told(STORIES[name]))
    assert [c["type"] for c in found[-2:]] == ["error", "finish"]
    assert found[-1]["finishReason"] == "error"


def call(messages: list[dict[str, Any]], **more: Any) -> Exchange:
    body = {"id": "chat-1", "messages": messages, "trigger": "submit-message", **more}
    decoded = Vercel().decode(ClientRequest(json.dumps(body).encode(), "x", 0.0, path_params={"agent": "helper"}))
    assert is_exchange(decoded)
    return decoded


def test_the_steps_of_an_answer_become_messages_of_their_own() -> None:
    tool = {"type": "dynamic-tool", "toolName": "look", "toolCallId": "c1", "state": "output-available"}
    failed = {"type": "tool-look", "toolCallId": "c2", "state": "output-error", "input": {}, "errorText": "broken"}
    parts = [
        {"type": "step-start"},
        {"type": "reasoning", "text": "hm"},
        {"type": "text", "text": "Wait."},
        {**tool, "input": {"a": 1}, "output": {"b": 2}},
        failed,
        {"type": "step-start"},
        {"type": "text", "text": "Done."},
        {"type": "data-x", "data": 1},
    ]
    request = call(
        [{"id": "1", "role": "system", "parts": [{"type": "text", "text": "s"}]}, {"role": "assistant", "parts": parts}]
    ).request
    assert request.messages == (
        SystemMessage("s"),
        AssistantMessage((TextPart("Wait."), ToolCall("c1", "look", '{"a":1}'), ToolCall("c2", "look", "{}"))),
        ToolMessage("c1", '{"b":2}', "look"),
        ToolMessage("c2", "broken", "look", is_error=True),
        AssistantMessage((TextPart("Done."),)),
    )
    assert (request.agent, request.thread_id) == ("helper", "chat-1")


@pytest.mark.parametrize(
    ("part", "result"),
    [
        ({"state": "output-denied", "approval": {"id": "a", "approved": False, "reason": "Not now."}}, "Not now."),
        ({"state": "output-denied", "approval": {"id": "a", "approved": False}}, "The call was denied."),
        ({"state": "approval-responded", "approval": {"id": "a", "approved": False}}, "The call was denied."),
        ({"state": "approval-responded", "approval": {"id": "a", "approved": True}}, None),
        ({"state": "approval-requested", "approval": {"id": "a"}}, None),
        ({"state": "input-available"}, None),
        ({"state": "output-available", "output": None}, "null"),
        ({"state": "output-error", "errorText": "broken", "input": None, "rawInput": "{"}, "broken"),
    ],
)
@pytest.mark.parametrize("kind", [{"type": "tool-look"}, {"type": "dynamic-tool", "toolName": "look"}])
def test_every_state_of_a_tool_part_is_understood(kind: dict[str, str], part: dict[str, Any], result: str) -> None:
    said = [{"role": "assistant", "parts": [{**kind, "toolCallId": "c1", "input": {}, **part}]}]
    call_, *results = call(said).request.messages
    assert call_ == AssistantMessage((ToolCall("c1", "look", "{}"),))
    assert [message.content for message in results if isinstance(message, ToolMessage)] == ([result] if result else [])


def test_a_call_that_was_never_whole_and_parts_for_show_are_left_out() -> None:
    parts = [
        {"type": "tool-look", "toolCallId": "c1", "state": "input-streaming", "input": {"a": 1}},
        {"type": "source-url", "sourceId": "1", "url": "https://x", "title": "t"},
        {"type": "source-document", "sourceId": "2", "mediaType": "text/plain", "title": "t"},
        {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,QQ=="},
        {"type": "reasoning-file", "mediaType": "image/png", "url": "data:,"},
        {"type": "data-weather", "id": "w", "data": {"text": 5}},
        {"type": "text", "text": "Done.", "state": "done", "providerMetadata": {"x": {}}},
    ]
    request = call([{"id": "m", "role": "assistant", "metadata": {"usage": {}}, "parts": parts}], messageId="m").request
    assert request.messages == (AssistantMessage((TextPart("Done."),)),)


def test_a_chat_that_wants_to_resume_has_no_stream() -> None:
    asked = Vercel().decode(ClientRequest(b"", "x", 0.0, path_params={"agent": "a", "chat": "c"}, method="GET"))
    assert isinstance(asked, Attachment)
    assert (asked.thread, asked.missing.status, asked.missing.body) == ("c", 204, b"")


def test_files_pass_through() -> None:
    parts = [
        {"type": "text", "text": "see"},
        {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,QQ=="},
        {"type": "file", "mediaType": "application/pdf", "url": "https://x/y.pdf", "filename": "y.pdf"},
        {"type": "file", "mediaType": "audio/mpeg", "url": "data:audio/mpeg;base64,QQ=="},
    ]
    [message] = call([{"role": "user", "parts": parts}]).request.messages
    assert message == UserMessage(
        (
            TextPart("see"),
            ImagePart("data:image/png;base64,QQ=="),
            FilePart("https://x/y.pdf", filename="y.pdf"),
            AudioPart("QQ==", "mp3"),
        )
    )


def test_the_front_ends_own_tools_are_offered() -> None:
    schema = {"type": "object", "properties": {}}
    request = call([{"role": "user", "content": "hi"}], tools=[{"name": "t", "inputSchema": schema}]).request
    assert request.tools == (ToolSpec("t", "", schema, source="client"),)


def test_the_text_of_older_front_ends_is_understood() -> None:
    [message] = call([{"role": "user", "content": "hi"}]).request.messages
    assert message == UserMessage((TextPart("hi"),))


@pytest.mark.parametrize("body", [b"", b"{}", b'{"messages":[]}', b'{"messages":[{"role":"x"}]}', b"[]", b"\xff"])
def test_a_bad_body_is_the_clients_fault(body: bytes) -> None:
    with pytest.raises(RequestError):
        Vercel().decode(ClientRequest(body, "x", 0.0))
