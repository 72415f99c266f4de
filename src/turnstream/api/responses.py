"""The bodies of OpenAI Responses requests, as data.

Unknown members are skipped. Only types are checked here, the meaning is in `turnstream.dialects`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class InputPart(Struct, gc=False):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | dict[str, Any] | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    input_audio: dict[str, str] | None = None


class InputItem(Struct, gc=False):
    """One item of ``input``; which members count depends on ``type``, and a message may leave that out."""

    type: str | None = None
    id: str | None = None
    role: str | None = None
    content: Any = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | dict[str, Any] | None = None
    input: Any = None
    action: Any = None
    operation: Any = None
    output: Any = None
    error: Any = None
    text: str | None = None
    summary: Any = None
    approval_request_id: str | None = None
    approve: bool | None = None
    reason: str | None = None


class ResponsesTool(Struct):
    """``tools`` are those of a namespace; ``function`` holds the rest where it is written as in chat completions."""

    type: str = "function"
    function: dict[str, Any] | None = None
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    tools: list[ResponsesTool] | None = None


class ResponsesRequest(Struct):
    """What ``POST /v1/responses`` takes."""

    input: str | list[InputItem] = []
    model: str | None = None
    instructions: str | None = None
    stream: bool | None = None
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    tools: list[ResponsesTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | float | None = None
    max_tool_calls: int | float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    top_logprobs: int | float | None = None
    truncation: str | None = None
    prompt: dict[str, Any] | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    include: list[str] | None = None
    text: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    user: str | None = None
    background: bool | None = None
    store: bool | None = None
    safety_identifier: str | None = None
