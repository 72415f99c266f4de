from __future__ import annotations

import json
from typing import Any

import pytest
from ag_ui.core import Event
from hypothesis import given, settings, strategies as st
from pydantic import TypeAdapter

from tests import golden_files
from tests.dialects.sequences import batched, runs
from tests.dialects.stories import STORIES, Story
from turnstream.dialects.ag_ui import AgUi, Encoder
from turnstream.dialects.base import ClientRequest, Exchange, is_exchange
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
    UserMessage,
)

official: TypeAdapter[Any] = TypeAdapter(Event)


def told(batches: Story) -> bytes:
    encoder = Encoder("thread-1", "run1")
    return b"".join(encoder.feed(batch) for batch in batches) + encoder.close()


def events_of(stream: bytes) -> list[dict[str, Any]]:
    frames = stream.decode().removesuffix("\n\n").split("\n\n")
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]


def verify(events: list[dict[str, Any]]) -> None:
    """The rules of the official client's verifier."""
    open_of: dict[str, set[str]] = {"step": set(), "text": set(), "reasoning": set(), "call": set()}
    starts = {
        "STEP_STARTED": ("step", "stepName"),
        "TEXT_MESSAGE_START": ("text", "messageId"),
        "REASONING_MESSAGE_START": ("reasoning", "messageId"),
        "TOOL_CALL_START": ("call", "toolCallId"),
    }
    ends = {
        "STEP_FINISHED": ("step", "stepName"),
        "TEXT_MESSAGE_END": ("text", "messageId"),
        "REASONING_MESSAGE_END": ("reasoning", "messageId"),
        "TOOL_CALL_END": ("call", "toolCallId"),
    }
    inside = {
        "TEXT_MESSAGE_CONTENT": ("text", "messageId"),
        "REASONING_MESSAGE_CONTENT": ("reasoning", "messageId"),
        "TOOL_CALL_ARGS": ("call", "toolCallId"),
    }
    assert events[0]["type"] == "RUN_STARTED"
    for at, event in enumerate(events):
        kind = event["type"]
        if kind in starts:
            place, key = starts[kind]
            assert event[key] not in open_of[place]
            open_of[place].add(event[key])
        elif kind in ends:
            place, key = ends[kind]
            open_of[place].remove(event[key])
        elif kind in inside:
            place, key = inside[kind]
            assert event[key] in open_of[place]
            assert event["delta"]
        elif kind in ("RUN_FINISHED", "RUN_ERROR"):
            assert at == len(events) - 1
            assert not any(open_of.values())
    assert events[-1]["type"] in ("RUN_FINISHED", "RUN_ERROR")


@pytest.mark.parametrize("name", STORIES)
def test_each_story_gives_its_golden_bytes(name: str) -> None:
    golden_files.check(f"ag_ui/{name}.sse", told(STORIES[name]))


@given(runs(), st.lists(st.integers(0, 4), max_size=8))
@settings(deadline=None, max_examples=200)
def test_any_run_is_legal_and_is_read_by_the_official_types(run: list[RunEvent], sizes: list[int]) -> None:
    stream = told(batched(sizes, run))
    events = events_of(stream)
    verify(events)
    for event in events:
        official.validate_python(event)
    assert stream == told([run])


def test_nothing_of_a_run_that_failed_before_it_began_is_missing() -> None:
    verify(events_of(Encoder("t", "r").close()))


def test_every_status_is_a_custom_event() -> None:
    values = [
        event["value"] for event in events_of(told(STORIES["max_steps_answer"])) if event.get("name") == "agent.status"
    ]
    words = {value["status"] for value in values}
    assert {"starting_generation", "tool_call_detected", "tools_executed", "max_depth_reached"} <= words


def test_a_clients_call_has_no_result_and_the_outcome_no_member_that_clients_refuse() -> None:
    events = events_of(told(STORIES["client_tools"]))
    assert not [event for event in events if event["type"] == "TOOL_CALL_RESULT"]
    assert events[-1]["outcome"] == {"type": "success"}


def test_a_tool_call_belongs_to_the_text_of_its_step() -> None:
    events = events_of(told(STORIES["tool_round"]))
    [start] = [event for event in events if event["type"] == "TOOL_CALL_START"]
    assert start["parentMessageId"] == "run1-message-1"


def call(messages: list[dict[str, Any]], **more: Any) -> Exchange:
    body = {"threadId": "t", "runId": "r", "messages": messages, "state": {}, "tools": [], "context": [], **more}
    decoded = AgUi().decode(ClientRequest(json.dumps(body).encode(), "x", 0.0, path_params={"agent": "helper"}))
    assert is_exchange(decoded)
    return decoded


def test_the_history_becomes_our_messages() -> None:
    function = {"name": "look", "arguments": '{"a":1}'}
    request = call(
        [
            {"id": "0", "role": "developer", "content": "Be kind."},
            {"id": "1", "role": "user", "content": "hi"},
            {
                "id": "2",
                "role": "assistant",
                "content": "…",
                "toolCalls": [{"id": "c", "type": "function", "function": function}],
            },
            {"id": "3", "role": "tool", "toolCallId": "c", "content": "", "error": "broken"},
            {"id": "4", "role": "reasoning", "content": "hm"},
            {"id": "5", "role": "activity", "activityType": "x", "content": {}},
        ],
        context=[{"description": "page", "value": "home"}],
        forwardedProps={"a": 1},
    ).request
    assert request.messages == (
        SystemMessage("Be kind."),
        UserMessage("hi"),
        AssistantMessage((TextPart("…"), ToolCall("c", "look", '{"a":1}'))),
        ToolMessage("c", "broken", is_error=True),
    )
    assert (request.agent, request.thread_id) == ("helper", "t")
    assert request.context == {"page": "home", "state": {}, "forwarded_props": {"a": 1}}


def test_images_sound_and_documents_pass_through() -> None:
    data = {"type": "data", "value": "QQ==", "mimeType": "image/png"}
    parts = [
        {"type": "text", "text": "see"},
        {"type": "image", "source": data},
        {"type": "binary", "mimeType": "image/png", "url": "https://x/y.png"},
        {"type": "audio", "source": {"type": "data", "value": "QQ==", "mimeType": "audio/wav"}},
        {"type": "document", "source": {"type": "url", "value": "https://x/y.pdf", "mimeType": "application/pdf"}},
        {"type": "document", "source": {"type": "file", "value": "file-1"}},
        {"type": "binary", "mimeType": "application/pdf", "id": "file-2", "filename": "y.pdf"},
        {"type": "binary", "mimeType": "audio/mpeg", "data": "QQ=="},
    ]
    [message] = call([{"id": "1", "role": "user", "content": parts}]).request.messages
    assert isinstance(message, UserMessage)
    assert message.content == (
        TextPart("see"),
        ImagePart("data:image/png;base64,QQ=="),
        ImagePart("https://x/y.png"),
        AudioPart("QQ==", "wav"),
        FilePart(url="https://x/y.pdf"),
        FilePart(file_id="file-1"),
        FilePart(file_id="file-2", filename="y.pdf"),
        AudioPart("QQ==", "mp3"),
    )


@pytest.mark.parametrize("body", [b"", b"{}", b'{"threadId":1,"runId":"r","messages":[]}', b"[]", b"\xff"])
def test_a_bad_body_is_the_clients_fault(body: bytes) -> None:
    with pytest.raises(RequestError):
        AgUi().decode(ClientRequest(body, "x", 0.0))
