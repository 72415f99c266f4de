"""A model request as the JSON body of a chat completion.

Quirks (``Settings.quirks``), each absent unless a vendor needs it:

- ``output_limit``: the one name that the vendor knows for it, ``max_tokens`` or ``max_completion_tokens``.
- ``system_role``: ``developer`` instead of ``system``.
- ``reasoning``: the field in which the vendor wants the reasoning of the current tool loop sent back
  (``reasoning_content``, ``reasoning`` or ``reasoning_details``), or ``none`` if it refuses any.
- ``thinking_switch``: the vendor knows ``thinking: {"type": "disabled"}``.
- ``thought_signatures``: calls without Google's signature get the stand-in that Gemini 3 takes for one.
- ``assistant_name``: the vendor takes the name of an assistant's message; some refuse it.
- ``alternate``: the user and the assistant must take turns, the user first. Some models' templates want it anywhere.
- ``empty_content``: ``""`` and not null beside calls.
- ``late_system``: system messages are taken anywhere; for others a late one is the user's.
- ``body``: members to send with every request, unless ``extra`` has them.
- ``continues``: the vendor goes on with an answer that the conversation ends with, if it is told to (vLLM).
- ``responses``: the vendor also has ``/responses``, for models that refuse tools here.
- ``text_only``: content must be a string; a user's parts that are not text are left out, a tool's are put into words.
- ``no_files``: the vendor takes no files.
- ``no_stream_options``: the vendor rejects ``stream_options``.
- ``without``: names of body members that the vendor rejects.
"""

from __future__ import annotations

import itertools
import json
import re
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, assert_never

import msgspec

from turnstream import errors, jsontext, messages, requests, toolspec
from turnstream.providers import base
from turnstream.providers.encode import chat_thinking, data_urls, model_rules, translate

_ALTERNATE = re.compile(r"gemma|mixtral|mistral-7b", re.IGNORECASE)  # models whose templates refuse anything else
_GREETING = "Hello."
_SIGNS_CALLS = re.compile(r"gemini-(?:[3-9]|\d\d)")
_UNSIGNED = {"google": {"thought_signature": "skip_thought_signature_validator"}}
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
_plain = attrgetter(*_PLAIN)


def encode(settings: base.Settings, request: requests.ModelRequest, notes: list[str]) -> bytes:
    """The body as bytes. Lone surrogates, which UTF-8 cannot carry, become U+FFFD."""
    return translate.encode(body(settings, request, notes))


def body(settings: base.Settings, request: requests.ModelRequest, notes: list[str]) -> dict[str, Any]:
    """The options of the request win over those of the settings; ``extra`` is merged last, over everything.

    ``notes`` gets a sentence for each option that is left out because the model refuses it.
    """
    quirks = settings.quirks
    history = message_list(request.messages, quirks, settings.model)
    whole: dict[str, Any] = {"model": settings.model, "messages": history, "stream": True}
    if not quirks.get("no_stream_options"):
        whole["stream_options"] = {"include_usage": True}
    if request.tools:
        whole["tools"] = [tool(spec) for spec in request.tools]
    options = model_rules.fit(settings.model, settings.options, request.options, notes)
    lost = chat_thinking.find_lost(history, settings.model) if quirks.get("reasoning") != "none" else []
    if lost:
        if quirks.get("thinking_switch") and chat_thinking.can_rest(settings.model):
            whole["thinking"] = {"type": "disabled"}
            options = msgspec.structs.replace(options, reasoning_effort=None)
            notes.append(chat_thinking.RESTS)
        else:
            chat_thinking.stand_in(lost)
    whole |= _options(options, with_tools=bool(request.tools))
    limit_name = quirks.get("output_limit")
    if limit_name and options.output_limit is not None:
        whole.pop("max_tokens", None)
        whole.pop("max_completion_tokens", None)
        whole[limit_name] = options.output_limit
    whole |= {name: value for name, value in (options.openai or {}).items() if name != "truncation"}
    if quirks.get("continues") and history and history[-1]["role"] == "assistant":
        whole |= {"continue_final_message": True, "add_generation_prompt": False}
    whole |= quirks.get("body", {})
    for unwanted in quirks.get("without", ()):
        whole.pop(unwanted, None)
    return {**whole, **(options.extra or {})}


def _options(options: requests.ModelOptions, *, with_tools: bool) -> dict[str, Any]:
    given = {name: value for name, value in zip(_PLAIN, _plain(options), strict=True) if value is not None}
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


def message_list(history: tuple[messages.Message, ...], quirks: dict[str, Any], model: str) -> list[dict[str, Any]]:
    """A tool message can only hold text, so images that tools gave follow their tool messages, as the user's."""
    if any(message.__class__ is messages.ToolMessage for message in history):
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
                whole.append(_assistant(message, quirks, model, in_loop=position >= loop))
            case messages.ToolMessage():
                whole.append(_result(message))
                shown.extend(_shown_parts(message))
            case _:
                assert_never(message)
    if shown:
        whole.append({"role": "user", "content": shown})
    return _take_turns(whole) if quirks.get("alternate") or _alternates(model) else whole


@lru_cache(256)
def _alternates(model: str) -> bool:
    return _ALTERNATE.search(model) is not None


def _take_turns(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbours of one role as one message, and a user's before a greeting of the assistant's."""
    converted: list[dict[str, Any]] = []
    contents: list[list[Any]] = []  # of the messages that became each of these
    for message in history:
        role = message["role"]
        if role == "assistant" and (not converted or converted[-1]["role"] == "system"):
            converted.append({"role": "user", "content": _GREETING})
            contents.append([_GREETING])
        if (
            converted
            and role in ("user", "assistant")
            and converted[-1]["role"] == role
            and "tool_calls" not in converted[-1]
        ):
            converted[-1] = {**converted[-1], **message}
            contents[-1].append(message["content"])
        else:
            converted.append(message)
            contents.append([message.get("content")])
    pairs = zip(converted, contents, strict=True)
    return [{**message, "content": _join(said)} if len(said) > 1 else message for message, said in pairs]


def _join(contents: list[Any]) -> Any:
    texts = list(itertools.takewhile(lambda one: isinstance(one, str), contents))
    text = "\n\n".join(texts)
    if len(texts) == len(contents):
        return text
    parts: list[Any] = [{"type": "text", "text": text}] if texts else []
    for one in contents[len(texts) :]:
        parts += [{"type": "text", "text": one}] if isinstance(one, str) else one or []
    return parts


def _current_loop(history: tuple[messages.Message, ...]) -> int:
    """Where the messages after the last user message begin."""
    for at in reversed(range(len(history))):
        if isinstance(history[at], messages.UserMessage):
            return at + 1
    return 0


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
        case messages.MediaPart(kind=kind, url=url):
            return {"type": f"{kind}_url", f"{kind}_url": {"url": url}}
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
        raise errors.RequestError("This model does not support content of this kind.")
    return _part(part)


def _assistant(
    message: messages.AssistantMessage, quirks: dict[str, Any], model: str, *, in_loop: bool
) -> dict[str, Any]:
    calls = [_call(part) for part in message.parts if part.__class__ is messages.ToolCall]
    nothing = None if calls and not quirks.get("empty_content") else ""
    whole: dict[str, Any] = {"role": "assistant", "content": message.text or nothing}
    if message.name and quirks.get("assistant_name"):
        whole["name"] = message.name
    if calls:
        whole["tool_calls"] = calls
        if quirks.get("thought_signatures") and _SIGNS_CALLS.search(model):
            calls[0].setdefault("extra_content", _UNSIGNED)
    return whole | chat_thinking.members(message, str(quirks.get("reasoning") or ""), model, in_loop=in_loop)


def _call(call: messages.ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": _arguments(call.arguments)}
    if not call.extra:
        return {"id": call.id, "type": "function", "function": function}
    kept = {key: value for key, value in call.extra.items() if key not in _OTHERS}
    if isinstance(inner := kept.pop("extra_content", None), dict):  # as clients got it from earlier versions
        kept = {**inner, **kept}
    return {"id": call.id, "type": "function", "function": function, **({"extra_content": kept} if kept else {})}


def _arguments(text: str) -> str:
    """Many a server parses the arguments of the history, and fails if they are not a JSON object."""
    try:
        if isinstance(jsontext.decode(text or "{}"), dict):
            return text or "{}"
    except ValueError:
        pass
    return json.dumps({"invalid_json": text})


def _result(message: messages.ToolMessage) -> dict[str, Any]:
    """The protocol has no mark for a failure, so the text says it."""
    text = translate.mark_error(messages.content_text(message.content), failed=message.is_error)
    return {"role": "tool", "tool_call_id": message.tool_call_id, "content": text}


def _shown_parts(message: messages.ToolMessage) -> list[dict[str, Any]]:
    if isinstance(message.content, str):
        return []
    parts = [_part(part) for part in message.content if not isinstance(part, messages.TextPart)]
    label = f"What the tool {message.name or message.tool_call_id} gave:"
    return [{"type": "text", "text": label}, *parts] if parts else []
