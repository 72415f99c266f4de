"""The wire models: one chunk of a streamed chat completion, field for field, and the statuses of a run.

They are the schema of the stream in the OpenAPI document, and what a Python client may parse a frame with. The server
does not build one per token: `turnstream.dialects.openai_chat` writes the same bytes, and a property test holds it to
``model_dump_json(exclude_none=True)``.

The factories stamp a chunk with the time of day: they are for callers outside of the pipe, which has its clock from
its arguments.
"""

from __future__ import annotations

import time
from enum import Enum
from typing import Any

from pydantic import BaseModel


class AgentStatus(str, Enum):  # noqa: UP042  str(StrEnum member) is its value; clients know "AgentStatus.STARTING"
    """Where a run stands."""

    STARTING = "starting_generation"
    TOOL_DETECTED = "tool_call_detected"
    TOOLS_EXECUTED = "tools_executed"
    MAX_DEPTH = "max_depth_reached"
    CONTINUING = "continuing_generation"


class SSEStatus(BaseModel):
    """The top-level ``agent`` member of a status chunk."""

    status: AgentStatus
    details: dict[str, Any] | None = None


class SSEFunction(BaseModel):
    name: str = ""
    arguments: str = ""


class SSEToolCall(BaseModel):
    index: int = 0
    id: str | None = None
    type: str = "function"
    function: SSEFunction | None = None


class SSEDelta(BaseModel):
    role: str | None = None
    content: str | None = None
    tool_calls: list[SSEToolCall] | None = None
    refusal: str | None = None
    status: str | None = None
    metadata: dict[str, Any] | None = None


class SSEChoice(BaseModel):
    index: int
    delta: SSEDelta
    logprobs: dict[str, Any] | None = None
    finish_reason: str | None = None


class SSEChunk(BaseModel):
    """``created`` is in Unix seconds; ``thread_id`` is watsonx Orchestrate's."""

    id: str
    object: str
    created: int
    model: str
    service_tier: str | None = None
    system_fingerprint: str | None = None
    choices: list[SSEChoice]
    thread_id: str | None = None

    @staticmethod
    def make_text_chunk(text: str) -> SSEChunk:
        """User-visible text and nothing else, so that no fragment of a function call can reach the user."""
        return _chunk("chatcmpl-", SSEDelta(role="assistant", content=text))

    @staticmethod
    async def make_status_chunk(status: AgentStatus, extra_info: dict[str, Any] | None = None) -> SSEChunk:
        return _chunk("status_", SSEDelta(role="system", metadata={"status": status, **(extra_info or {})}))

    @staticmethod
    async def make_stop_chunk(content: str | None = None, refusal: str | None = None) -> SSEChunk:
        return _chunk("chatcmpl-", SSEDelta(role="assistant", content=content, refusal=refusal), "stop")


def _chunk(prefix: str, delta: SSEDelta, finish_reason: str | None = None) -> SSEChunk:
    now = time.time()
    return SSEChunk(
        id=f"{prefix}{now}",
        object="chat.completion.chunk",
        created=int(now),
        model="agent-01",
        choices=[SSEChoice(index=0, delta=delta, finish_reason=finish_reason)],
    )
