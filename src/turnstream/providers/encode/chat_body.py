"""A model request as the JSON body of a chat completion.

Quirks (``Settings.quirks``), each absent unless a vendor needs it:

- ``output_limit``: the one name that the vendor knows for it, ``max_tokens`` or ``max_completion_tokens``.
- ``system_role``: ``developer`` instead of ``system``.
- ``reasoning``: the field in which the vendor wants the reasoning of the current tool loop sent back
  (``reasoning_content``, ``reasoning`` or ``reasoning_details``).
- ``text_only``: content must be a string; a user's parts that are not text are left out, a tool's are put into words.
- ``no_files``: the vendor takes no files.
- ``no_stream_options``: the vendor rejects ``stream_options``.
- ``without``: names of body members that the vendor rejects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any, assert_never

import msgspec

from turnstream import errors, messages, requests, toolspec
from turnstream.providers import base
from turnstream.providers.encode import data_urls, translate

_OTHERS = ("gemini", "openai-responses")  # what other protocols keep with a call
_PLAIN = (
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "response_format",
    "reasoning_effort",
)


def encode(settings: base.Settings, request: requests.ModelRequest) -> bytes:
    """The body as bytes. Lone surrogates, which UTF-8 cannot carry, become U+FFFD."""
    return translate.encode(body(settings, request))


def body(settings: base.Settings, request: requests.ModelRequest) -> dict[str, Any]:
    """The options of the request win over those of the settings; ``extra`` is merged last, over everything."""
    quirks = settings.quirks
    whole: dict[str, Any] = {
        "model": settings.model,
        "messages": message_list(request.messages, quirks),
        "stream": True,
    }
    if not quirks.get("no_stream_options"):
        whole["stream_options"] = {"include_usage": True}
    if request.tools:
        whole["tools"] = [tool(spec) for spec in request.tools]
    options = settings.options.overlaid(request.options)
    whole |= _options(options, with_tools=bool(request.tools))
    limit_name = quirks.get("output_limit")
    if limit_name and options.output_limit is not None:
        whole.pop("max_tokens", None)
        whole.pop("max_completion_tokens", None)
        whole[limit_name] = options.output_limit
    for unwanted in quirks.get("without", ()):
        whole.pop(unwanted, None)
    return {**whole, **(options.extra or {})}


def _options(options: requests.ModelOptions, *, with_tools: bool) -> dict[str, Any]:
    given = {name: getattr(options, name) for name in _PLAIN if getattr(options, name) is not None}
    if options.stop is not None:
        given["stop"] = list(options.stop)
    if with_tools:  # vendors reject these two where there are no tools
        choice = options.tool_choice
        if isinstance(choice, dict) and isinstance(choice.get("name"), str):
            given["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
        elif choice is not None:
            given["tool_choice"] = choice
        if options.parallel_tool_calls is not None:
            given["parallel_tool_calls"] = options.parallel_tool_calls
    return given


def tool(spec: toolspec.ToolSpec) -> dict[str, Any]:
    """A tool as chat completions spell it."""
    function: dict[str, Any] = {"name": spec.name, "description": spec.description, "parameters": spec.parameters}
    if spec.strict is not None:
        function["strict"] = spec.strict
    return {"type": "function", "function": function}


def message_list(history: tuple[messages.Message, ...], quirks: dict[str, Any]) -> list[dict[str, Any]]:
    """A tool message can only hold text, so images that tools gave follow their tool messages, as the user's."""
    history = translate.readable_results(history, partial(_result_part, quirks))
    whole: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    loop = _current_loop(history)
    for position, message in enumerate(history):
        if shown and not isinstance(message, messages.ToolMessage):
            whole.append({"role": "user", "content": shown})
            shown = []
        match message:
            case messages.SystemMessage(content=content):
                whole.append({"role": quirks.get("system_role", "system"), "content": content})
            case messages.UserMessage(content=content, name=name):
                whole.append({"role": "user", "content": _content(content, quirks), **({"name": name} if name else {})})
            case messages.AssistantMessage():
                whole.append(_assistant(message, quirks, in_loop=position >= loop))
            case messages.ToolMessage():
                whole.append(_result(message))
                shown.extend(_shown_parts(message))
            case _:
                assert_never(message)
    if shown:
        whole.append({"role": "user", "content": shown})
    return whole


def _current_loop(history: tuple[messages.Message, ...]) -> int:
    """Where the messages after the last user message begin."""
    return max((at for at, message in enumerate(history) if isinstance(message, messages.UserMessage)), default=-1) + 1


def _content(content: messages.Content, quirks: dict[str, Any]) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    texts = [part.text for part in content if isinstance(part, messages.TextPart)]
    if quirks.get("text_only"):
        return "\n\n".join(texts)
    if len(content) == len(texts) == 1:
        return texts[0]
    return [_part(part) for part in content]


def _part(part: messages.ContentPart) -> dict[str, Any]:
    match part:
        case messages.TextPart(text=text):
            return {"type": "text", "text": text}
        case messages.ImagePart(url=url, detail=detail):
            return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if detail else {})}}
        case messages.AudioPart(data=data, format=container):
            return {"type": "input_audio", "input_audio": {"data": data, "format": container}}
        case messages.FilePart(url=url, file_id=file_id, filename=filename):
            file = {"file_id": file_id, "file_data": url, "filename": filename}
            return {"type": "file", "file": {key: value for key, value in file.items() if value is not None}}
        case _:
            assert_never(part)


def _result_part(quirks: dict[str, Any], part: messages.ContentPart) -> dict[str, Any]:
    """Raises `RequestError` for what chat completions do not take, or the server behind them does not."""
    takes = True
    match part:
        case messages.TextPart():
            return _part(part)
        case messages.AudioPart(format=container):
            takes = container in ("wav", "mp3")
        case messages.FilePart(url=str(url)):
            media = data_urls.inline(url)
            takes = media is not None and media.type == "application/pdf"
        case _:
            pass
    if not takes or quirks.get("text_only") or (isinstance(part, messages.FilePart) and quirks.get("no_files")):
        raise errors.RequestError("This model takes no such part.")
    return _part(part)


def _assistant(message: messages.AssistantMessage, quirks: dict[str, Any], *, in_loop: bool) -> dict[str, Any]:
    calls = [_call(call) for call in message.tool_calls]
    whole: dict[str, Any] = {"role": "assistant", "content": message.text or (None if calls else "")}
    if calls:
        whole["tool_calls"] = calls
    field = quirks.get("reasoning")
    if field and in_loop:
        if field == "reasoning_details":
            details = list(_details(message))
            if details:
                whole[field] = details
            elif message.reasoning:
                whole["reasoning"] = message.reasoning
        elif message.reasoning:
            whole[field] = message.reasoning
    return whole


def _details(message: messages.AssistantMessage) -> Iterator[Any]:
    for part in message.parts:
        if isinstance(part, messages.ProviderItem) and part.provider == "openai":
            yield from part.data.get("reasoning_details", ())


def _call(call: messages.ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": _arguments(call.arguments)}
    kept = {key: value for key, value in (call.extra or {}).items() if key not in _OTHERS}
    if isinstance(inner := kept.pop("extra_content", None), dict):  # as clients got it from earlier versions
        kept = {**inner, **kept}
    return {"id": call.id, "type": "function", "function": function, **({"extra_content": kept} if kept else {})}


def _arguments(text: str) -> str:
    """Many a server parses the arguments of the history, and fails if they are no JSON object."""
    try:
        if isinstance(msgspec.json.decode(text or "{}"), dict):
            return text or "{}"
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    return json.dumps({"invalid_json": text})


def _result(message: messages.ToolMessage) -> dict[str, Any]:
    """The protocol has no mark for a failure, so the text says it."""
    text = messages.content_text(message.content)
    if message.is_error and "error" not in text[:40].lower():
        text = f"Error: {text}"
    return {"role": "tool", "tool_call_id": message.tool_call_id, "content": text}


def _shown_parts(message: messages.ToolMessage) -> list[dict[str, Any]]:
    if isinstance(message.content, str):
        return []
    parts = [_part(part) for part in message.content if not isinstance(part, messages.TextPart)]
    label = f"What the tool {message.name or message.tool_call_id} gave:"
    return [{"type": "text", "text": label}, *parts] if parts else []
