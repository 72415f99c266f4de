"""Coming back to a kept run: the rest of its stream, byte by byte, and what a takeover makes void."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings, strategies as st

from tests.dialects.sequences import batched, runs
from tests.dialects.wires import WIRES, Wire
from turnstream import events
from turnstream.dialects import a2a_encoder, a2a_objects, base, resume
from turnstream.events import (
    AssistantMessage,
    RunEvent,
    RunFinished,
    RunResumed,
    RunStarted,
    StepFinished,
    StepStarted,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallArguments,
    ToolCallsDetected,
    ToolCallStarted,
    ToolOutput,
    ToolResult,
    ToolsExecuted,
    Usage,
)

TAKING_BACK = [wire for wire in WIRES if wire.takes_back]
LOOK = ToolCall("c1", "look", "{}")
FOUND = ToolResult(1, LOOK, ToolOutput("found"), 0.0)


def finished(step: int, text: str, *calls: ToolCall) -> StepFinished:
    return StepFinished(step, AssistantMessage((TextPart(text), *calls)), "stop", Usage(), "m", 0.0)


FIRST: list[events.LogEvent] = [
    RunStarted("run1", "a"),
    StepStarted(1),
    TextDelta("Safe."),
    finished(1, "Safe.", LOOK),
    ToolCallsDetected(1, (LOOK,)),
    FOUND,
    ToolsExecuted(1, (FOUND,)),
]
VOID: list[events.LogEvent] = [StepStarted(2), TextDelta("Vo"), TextDelta("id"), ToolCallStarted(2, 0, "c2", "look")]
AGAIN: list[events.LogEvent] = [RunResumed(2, 2, 8), StepStarted(2), TextDelta("Good."), finished(2, "Good.")]
END = RunFinished("stop", Usage(), 2)
TAKEN_OVER = [*FIRST, *VOID, ToolCallArguments("c2", "{"), *AGAIN, END]


def stream(encoder: base.Encoder, *batches: Sequence[events.LogEvent]) -> bytes:
    fed = [encoder.feed(cast("Sequence[RunEvent]", batch)) for batch in batches]
    return b"".join(fed) + encoder.close()


def frames(data: bytes) -> list[dict[str, Any]]:
    lines = [line[6:] for line in data.decode().split("\n") if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@given(run=runs(), sizes=st.lists(st.integers(0, 4), max_size=8), at=st.integers(0, 60))
@settings(deadline=None, max_examples=40)
def test_who_comes_back_at_any_frame_gets_the_rest(wire: Wire, run: list[RunEvent], sizes: list[int], at: int) -> None:
    whole = stream(wire.exchange(kept=True).encoder("a"), run)
    rest = stream(resume.Rest(wire.exchange(kept=True), at).encoder("a"), *batched(sizes, run))
    assert rest == b"".join(frame + b"\n\n" for frame in whole.split(b"\n\n")[at:-1])


@pytest.mark.parametrize("wire", TAKING_BACK, ids=lambda wire: wire.name)
@given(cuts=st.sets(st.integers(1, len(TAKEN_OVER) - 1)))
def test_however_a_log_with_a_takeover_is_cut_its_stream_is_the_same(wire: Wire, cuts: set[int]) -> None:
    ends = [*sorted(cuts), len(TAKEN_OVER)]
    batches = [TAKEN_OVER[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    encoders = (wire.exchange(kept=True).encoder("a") for _ in range(2))
    assert stream(next(encoders), *batches) == stream(next(encoders), TAKEN_OVER)


def encoded(name: str, *batches: Sequence[events.LogEvent]) -> list[dict[str, Any]]:
    wire = next(wire for wire in WIRES if wire.name == name)
    return frames(stream(wire.exchange(kept=True).encoder("a"), *batches))


def test_ag_ui_takes_back_what_is_void_by_a_snapshot() -> None:
    shown = encoded("ag_ui", TAKEN_OVER)
    types = [frame["type"] for frame in shown]
    at = types.index("MESSAGES_SNAPSHOT")
    assert types[at - 3 : at] == ["TOOL_CALL_ARGS", "TOOL_CALL_END", "STEP_FINISHED"]
    user, answer, result = shown[at]["messages"]
    assert user == {"id": "1", "role": "user", "content": "Go."}
    assert (answer["content"], answer["toolCalls"][0]["id"]) == ("Safe.", "c1")
    assert (result["toolCallId"], result["content"]) == ("c1", "found")
    assert answer["id"] == shown[types.index("TEXT_MESSAGE_START")]["messageId"]


def test_ag_ui_takes_nothing_back_where_the_step_was_finished() -> None:
    shown = encoded("ag_ui", FIRST[:5], [RunResumed(2, 2, 6)], FIRST[5:], AGAIN[1:], [END])
    assert "MESSAGES_SNAPSHOT" not in [frame["type"] for frame in shown]


def test_vercel_ends_the_void_text_and_begins_a_step_of_its_own() -> None:
    shown = [frame["type"] for frame in encoded("vercel", TAKEN_OVER)]
    void = shown.index("text-end", shown.index("text-end") + 1)
    assert shown[void:][:8] == [
        "text-end",
        "tool-input-start",
        "tool-input-delta",
        "tool-input-error",
        "finish-step",
        "start-step",
        "data-agent-status",
        "text-start",
    ]


def test_an_a2a_artifact_is_replaced_by_what_was_said_before() -> None:
    updates = [frame["result"] for frame in encoded("a2a", TAKEN_OVER) if "artifact" in frame["result"]]
    said = [(update["artifact"]["parts"][0]["text"], update["append"]) for update in updates]
    assert said == [
        ("Safe.", False),
        ("\n\nVo", True),
        ("id", True),
        ("Safe.", False),
        ("\n\nGood.", True),
        ("Safe.\n\nGood.", False),
    ]


def test_a_response_leaves_what_is_void_out_of_its_output() -> None:
    output = encoded("openai_responses", TAKEN_OVER)[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "mcp_call", "message"]
    assert output[-1]["content"][0]["text"] == "\n\nGood."


@given(st.integers(0, len(TAKEN_OVER)), st.integers(0, 5))
def test_who_joins_an_a2a_task_gets_it_as_it_stands_and_then_what_comes(past: int, size: int) -> None:
    def encoder() -> a2a_encoder.Encoder:
        ask = a2a_encoder.Ask("1.0", 7, stream=True, statuses=True)
        return a2a_encoder.Encoder(a2a_objects.Task("run1", "t"), ask)

    reference = encoder()
    reference.feed(TAKEN_OVER[:past])
    task = reference.show_task()
    rest = reference.feed(TAKEN_OVER[past:])
    joined = a2a_encoder.JoinEncoder(encoder(), past)
    batches = [TAKEN_OVER[:size], TAKEN_OVER[size : 2 * size], TAKEN_OVER[2 * size :]]
    assert stream(joined, *batches) == task + rest
