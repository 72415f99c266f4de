"""The chunk of a chat completion stream: only what is read of it, typed, and read leniently where vendors differ."""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec
from msgspec import Struct

from turnstream import errors, jsontext, text
from turnstream.providers.decode import chat_parts

ABSENT = msgspec.Raw()
_GOOD = (None, "", 0, 200, "0", "200", "success", "Success", "ok", "OK")


class Function(Struct, gc=False):
    """``parameters`` are what imitators call the arguments of a call, as those of a tool are called."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    parameters: str | dict[str, Any] | None = None


class ToolCallFragment(Struct, gc=False):
    """Imitators leave ``function`` out, and write its members beside the id."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    extra_content: dict[str, Any] | None = None
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class Delta(Struct, gc=False):
    """``content`` is a list of typed parts with Magistral and Databricks. Reasoning has six names, and with Gemini it
    is content that ``extra_content`` marks; see `turnstream.providers.decode.chat_reasoning`."""

    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_text: str | None = None
    reasoning_details: list[Any] | None = None
    reasoning_opaque: str | None = None
    thinking_blocks: list[Any] | None = None
    thinking: Any = None
    thought: Any = None
    extra_content: dict[str, Any] | None = None
    images: list[Any] | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallFragment] | None = None
    function_call: Function | None = None
    annotations: list[Any] | None = None
    executed_tools: list[Any] | None = None
    audio: dict[str, Any] | None = None


class Choice(Struct, gc=False):
    index: int | None = None
    delta: Delta | None = None
    finish_reason: str | None = None
    message: msgspec.Raw = ABSENT
    usage: dict[str, Any] | None = None
    text: str | None = None
    error: Any = None


class Chunk(Struct, gc=False):
    choices: list[Choice] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None
    object: str | None = None
    x_groq: dict[str, Any] | None = None
    base_resp: Any = None
    code: Any = None
    message: Any = None
    citations: msgspec.Raw = ABSENT
    search_results: msgspec.Raw = ABSENT


strict = msgspec.json.Decoder(Chunk).decode


class PlainDelta(Struct, gc=False, forbid_unknown_fields=True):
    content: str
    role: str | None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None
    reasoning_content: None = None
    reasoning: None = None
    annotations: None = None
    audio: None = None


class PlainChoice(Struct, gc=False):
    delta: PlainDelta
    index: Literal[0] = 0
    finish_reason: None = None
    usage: None = None


class PlainChunk(Struct, gc=False):
    """A chunk that says text and nothing else; any other is refused."""

    choices: tuple[PlainChoice]
    usage: None = None
    error: None = None
    x_groq: None = None
    citations: None = None
    search_results: None = None


_plain = msgspec.json.Decoder(PlainChunk).decode


def read_text(data: bytes) -> str:
    """What a chunk says that says text and nothing else. Raises what msgspec raises for any other."""
    return _plain(data).choices[0].delta.content


def decode(data: bytes) -> Chunk:
    """Raises `ProtocolError` for what is not a JSON object. Fields of a wrong type are read as absent."""
    try:
        return strict(data)
    except jsontext.UNDECODABLE:
        return read_leniently(data)


def read_leniently(data: bytes) -> Chunk:
    """For lone surrogates, invalid UTF-8, NaN and fields of unexpected types: slower, and rare."""
    try:
        raw = json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise errors.ProtocolError(
            "The model's stream has an event that is not valid JSON.", detail=_excerpt(data)
        ) from error
    if not isinstance(raw, dict):
        raise errors.ProtocolError("The model's stream has an event that is not a JSON object.", detail=_excerpt(data))
    try:
        return _chunk(text.join_surrogates_in(raw))
    except RecursionError as error:
        raise errors.ProtocolError("The model's stream has an event that is nested too deep.") from error


def _excerpt(data: bytes) -> str:
    return data[:500].decode("utf-8", "replace")


def _chunk(raw: dict[str, Any]) -> Chunk:
    choices = raw.get("choices")
    if isinstance(choices, dict):
        choices = [choices]
    return Chunk(
        choices=[_choice(choice) for choice in choices if isinstance(choice, dict)]
        if isinstance(choices, list)
        else None,
        usage=_dict(raw.get("usage")),
        error=raw.get("error"),
        object=_str(raw.get("object")),
        x_groq=_dict(raw.get("x_groq")),
        base_resp=raw.get("base_resp"),
        code=raw.get("code"),
        message=raw.get("message"),
        citations=msgspec.Raw(msgspec.json.encode(raw.get("citations"))),
        search_results=msgspec.Raw(msgspec.json.encode(raw.get("search_results"))),
    )


def _choice(raw: dict[str, Any]) -> Choice:
    delta = raw.get("delta")
    return Choice(
        index=_int(raw.get("index")),
        delta=_delta(delta) if isinstance(delta, dict) else None,
        finish_reason=_str(raw.get("finish_reason")),
        message=msgspec.Raw(msgspec.json.encode(raw["message"])) if "message" in raw else ABSENT,
        usage=_dict(raw.get("usage")),
        text=_str(raw.get("text")),
        error=raw.get("error"),
    )


def _delta(raw: dict[str, Any]) -> Delta:
    calls = raw.get("tool_calls")
    if isinstance(calls, dict):
        calls = [calls]
    content = raw.get("content")
    if isinstance(content, dict):
        content = [content]
    call = raw.get("function_call")
    return Delta(
        content=content if isinstance(content, str | list) else None,
        reasoning_content=_thought(raw.get("reasoning_content")),
        reasoning=_thought(raw.get("reasoning")),
        reasoning_text=_str(raw.get("reasoning_text")),
        reasoning_details=_list(raw.get("reasoning_details")),
        reasoning_opaque=_str(raw.get("reasoning_opaque")),
        thinking_blocks=_list(raw.get("thinking_blocks")),
        thinking=raw.get("thinking"),
        thought=raw.get("thought"),
        extra_content=_dict(raw.get("extra_content")),
        images=_list(raw.get("images")),
        refusal=_str(raw.get("refusal")),
        tool_calls=[_fragment(call) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else None,
        function_call=_function(call) if isinstance(call, dict) else None,
        annotations=_list(raw.get("annotations")),
        executed_tools=_list(raw.get("executed_tools")),
        audio=_dict(raw.get("audio")),
    )


def _fragment(raw: dict[str, Any]) -> ToolCallFragment:
    call_id, function = raw.get("id"), raw.get("function")
    return ToolCallFragment(
        index=_int(raw.get("index")),
        id=str(call_id) if isinstance(call_id, str | int) else None,
        function=_function(function) if isinstance(function, dict) else None,
        extra_content=_dict(raw.get("extra_content")),
        name=_str(raw.get("name")),
        arguments=_arguments(raw.get("arguments")),
    )


def _function(raw: dict[str, Any]) -> Function:
    return Function(_str(raw.get("name")), _arguments(raw.get("arguments")), _arguments(raw.get("parameters")))


def _arguments(value: Any) -> str | dict[str, Any] | None:
    """What is neither text nor an object is shown as it came: the model hears that it is wrong."""
    return value if value is None or isinstance(value, str | dict) else msgspec.json.encode(value).decode()


def _thought(value: Any) -> str | None:
    """A text, or (Heroku) an object or parts that hold one."""
    return value if value is None or isinstance(value, str) else chat_parts.thought(value)


def _int(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    return int(value) if isinstance(value, int | float) and -1e9 < value < 1e9 else None


def _str(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _dict(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None


def message_delta(choice: Choice) -> Delta | None:
    """The message of an answer that was not streamed, read as if it were one delta."""
    raw = bytes(choice.message)
    if raw[:1] != b"{":
        return None
    try:
        return jsontext.decode(raw, Delta)
    except ValueError:
        return read_leniently(b'{"choices":[{"delta":' + raw + b"}]}").choices[0].delta  # type: ignore[index]


def is_failure(chunk: Chunk) -> bool:
    """Whether a chunk without choices is an error as a whole (vLLM; DashScope: a code that is not a good one, and words
    about it), or MiniMax's own status in it says so, of which 0 is good."""
    if chunk.object == "error" or (isinstance(chunk.base_resp, dict) and chunk.base_resp.get("status_code")):
        return True
    return isinstance(chunk.message, str) and chunk.code not in _GOOD
