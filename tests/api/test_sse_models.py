"""The wire models, field by field."""

from __future__ import annotations

import json
import time
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from turnstream.api.sse_models import AgentStatus, SSEChoice, SSEChunk, SSEDelta, SSEFunction, SSEStatus, SSEToolCall

REQUIRED = object()


def fields(model: type[BaseModel]) -> list[tuple[str, Any]]:
    return [(name, REQUIRED if f.is_required() else f.default) for name, f in model.model_fields.items()]


def test_the_five_statuses_have_their_names_and_values() -> None:
    assert [(status.name, status.value) for status in AgentStatus] == [
        ("STARTING", "starting_generation"),
        ("TOOL_DETECTED", "tool_call_detected"),
        ("TOOLS_EXECUTED", "tools_executed"),
        ("MAX_DEPTH", "max_depth_reached"),
        ("CONTINUING", "continuing_generation"),
    ]


def test_a_status_is_a_string_whose_str_is_its_enum_name() -> None:
    assert AgentStatus.__mro__[1:3] == (str, Enum)
    assert str(AgentStatus.STARTING) == "AgentStatus.STARTING"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (SSEStatus, [("status", REQUIRED), ("details", None)]),
        (SSEFunction, [("name", ""), ("arguments", "")]),
        (SSEToolCall, [("index", 0), ("id", None), ("type", "function"), ("function", None)]),
        (SSEDelta, [(name, None) for name in ("role", "content", "tool_calls", "refusal", "status", "metadata")]),
        (SSEChoice, [("index", REQUIRED), ("delta", REQUIRED), ("logprobs", None), ("finish_reason", None)]),
        (
            SSEChunk,
            [(name, REQUIRED) for name in ("id", "object", "created", "model")]
            + [("service_tier", None), ("system_fingerprint", None), ("choices", REQUIRED), ("thread_id", None)],
        ),
    ],
)
def test_fields_in_order_with_their_defaults(model: type[BaseModel], expected: list[tuple[str, Any]]) -> None:
    assert fields(model) == expected


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (SSEStatus, {"status": "resting"}),
        (SSEToolCall, {"index": "first"}),
        (SSEDelta, {"content": 5}),
        (SSEDelta, {"metadata": "x"}),
        (SSEDelta, {"tool_calls": {}}),
        (SSEChoice, {"index": 0, "delta": None}),
        (SSEChunk, {"id": "i", "object": "o", "created": "now", "model": "m", "choices": []}),
    ],
)
def test_a_wrong_type_is_refused(model: type[BaseModel], body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(body)


def test_a_text_chunk_holds_text_alone() -> None:
    before = time.time()
    chunk = SSEChunk.make_text_chunk("hello")
    assert before <= float(chunk.id.removeprefix("chatcmpl-")) <= time.time()
    assert int(before) <= chunk.created <= int(time.time())
    assert json.loads(chunk.model_dump_json(exclude_none=True)) == {
        "id": chunk.id,
        "object": "chat.completion.chunk",
        "created": chunk.created,
        "model": "agent-01",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hello"}}],
    }


async def test_a_status_chunk_holds_its_status_in_the_metadata() -> None:
    chunk = await SSEChunk.make_status_chunk(AgentStatus.TOOL_DETECTED, {"tools": ["weather"]})
    assert float(chunk.id.removeprefix("status_")) > 0
    assert (chunk.object, chunk.model) == ("chat.completion.chunk", "agent-01")
    assert json.loads(chunk.model_dump_json(exclude_none=True))["choices"] == [
        {"index": 0, "delta": {"role": "system", "metadata": {"status": "tool_call_detected", "tools": ["weather"]}}}
    ]


async def test_a_status_chunk_needs_no_extra_info() -> None:
    chunk = await SSEChunk.make_status_chunk(AgentStatus.MAX_DEPTH)
    assert chunk.choices[0].delta.metadata == {"status": AgentStatus.MAX_DEPTH}


async def test_a_stop_chunk_ends_the_answer() -> None:
    chunk = await SSEChunk.make_stop_chunk(refusal="No.")
    assert chunk.choices == [
        SSEChoice(index=0, delta=SSEDelta(role="assistant", refusal="No."), finish_reason="stop"),
    ]
    empty = await SSEChunk.make_stop_chunk()
    assert empty.choices[0].delta.model_dump(exclude_none=True) == {"role": "assistant"}
