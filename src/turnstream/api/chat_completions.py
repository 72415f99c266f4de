"""The bodies of chat completion requests, as data: what clients really send, which is more than they should.

Unknown keys are skipped. Only types are checked here (an error of ``msgspec`` names the path of the field);
`turnstream.dialects.openai_chat_request` checks the meaning.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct

from turnstream.api import responses


class ImageUrl(Struct, gc=False):
    url: str
    detail: str | None = None


class InputAudio(Struct, gc=False):
    data: str
    format: str = "wav"


class InputFile(Struct, gc=False):
    """``file_data`` is a ``data:`` URL, or a web address."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class Part(Struct, gc=False):
    """One part of a message's content, as OpenAI has it or as Anthropic's and other histories do: which members count
    depends on ``type``."""

    type: str = "text"
    text: Any = UNSET
    refusal: str | None = None
    image_url: str | ImageUrl | None = None
    detail: str | None = None
    input_audio: InputAudio | None = None
    file: InputFile | None = None
    video_url: Any = None
    audio_url: Any = None
    thinking: Any = None
    think: Any = None
    reasoning: Any = None
    source: Any = None
    title: str | None = None
    image: Any = None
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    tool_use_id: str | None = None
    content: Any = None


class Function(Struct, gc=False):
    """``arguments`` is JSON text, or (watsonx Orchestrate) the object itself."""

    name: str | None = None
    arguments: Any = None


class CustomCall(Struct, gc=False):
    """The call of a custom tool: its argument is a text."""

    name: str | None = None
    input: Any = None


class MessageToolCall(Struct, gc=False):
    """``function`` or ``custom`` holds it; or it is flat, as imitators have it."""

    function: Function | None = None
    id: str | int | None = None
    extra_content: dict[str, Any] | None = None
    custom: CustomCall | None = None
    name: str | None = None
    arguments: Any = None


class ChatMessage(Struct, gc=False):
    """``function_call`` and the role ``function`` are OpenAI's forms of 2023, which old histories still hold."""

    role: str
    content: str | list[Part | str] | dict[str, Any] | int | float | bool | None = None
    name: str | None = None
    tool_calls: list[MessageToolCall] | None = None
    tool_call_id: str | int | None = None
    function_call: Function | None = None
    refusal: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    images: list[Part] | None = None
    audio: Any = None


class FunctionSpec(Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class CustomSpec(Struct):
    """A tool that takes a text. Its ``format``, which is a grammar or none, is not kept to."""

    name: str
    description: str | None = None


class Tool(Struct):
    """``function`` or ``custom`` holds it; or it is flat, as in Responses, or has an ``input_schema``, as with
    Anthropic."""

    type: str = "function"
    function: FunctionSpec | None = None
    custom: CustomSpec | None = None
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None


class StreamOptions(Struct):
    include_usage: bool | None = None


class ChatRequest(Struct):
    """``POST /v1/chat/completions``. ``model`` names an agent; without it the default agent answers. ``user`` may be
    an object with an ``id``, which Open WebUI sends to pipelines. Without ``messages``, ``input`` is the conversation
    as Responses has it, which Cursor sends here.
    """

    messages: list[ChatMessage] | None = None
    input: str | list[responses.InputItem] | None = None
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    include_status_updates: bool | None = None
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | float | None = None
    max_completion_tokens: int | float | None = None
    stop: str | list[str | None] | None = None
    seed: int | float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    n: int | float | None = None
    user: str | dict[str, Any] | None = None
    thread_id: str | None = None
    metadata: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    extra_body: dict[str, Any] | None = None
    functions: list[FunctionSpec] | None = None
    function_call: str | dict[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | float | None = None
    reasoning: Any = None
    # passed on to the model as they are
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    prediction: dict[str, Any] | None = None
    logit_bias: dict[str, Any] | None = None
    top_k: int | float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    enable_thinking: bool | None = None
    thinking: dict[str, Any] | None = None
