"""The messages of a chat completion's body.

A history has thousands of them. Nearly all have one of four forms, and these are structs: they are made and written in
two thirds of the time that dictionaries take. All others are dictionaries. The quirks are those of
`turnstream.providers.encode.chat_body`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, assert_never

import msgspec
from msgspec import Struct

from turnstream import errors, jsontext, messages
from turnstream.providers.encode import chat_thinking, data_urls, translate

_ALTERNATE = re.compile(r"gemma|mixtral|mistral-7b", re.IGNORECASE)  # models whose templates refuse anything else
_GREETING = "Hello."
_SIGNS_CALLS = re.compile(r"gemini-(?:[3-9]|\d\d)")
_UNSIGNED = {"google": {"thought_signature": "skip_thought_signature_validator"}}
_OTHERS = ("gemini", "openai-responses")  # what other protocols keep with a call
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class _Function(Struct, gc=False):
    name: str
    arguments: str


class _Call(Struct, gc=False, omit_defaults=True):
    id: str
    type: str
    function: _Function
    extra_content: dict[str, Any] | None = None


class _Said(Struct, gc=False, omit_defaults=True):
    """By anybody but a tool."""

    role: str
    content: str | list[dict[str, Any]] | None
    name: str | None = None
    tool_calls: list[_Call] | None = None


class _Result(Struct, gc=False):
    role: str
    tool_call_id: str
    content: str


def encode(history: Sequence[messages.Message], quirks: dict[str, Any], model: str) -> list[Any]:
    """As `translate.encode` takes them; dictionaries where the model demands its thoughts (`chat_thinking.demands`)."""
    writer = _Writer(quirks, model)
    writer.write(history)
    if writer.functions:
        writer.mend_arguments()
    takes_turns = quirks.get("alternate") or _alternates(model)
    if not takes_turns and not chat_thinking.demands(model):
        return writer.whole
    whole = [message if isinstance(message, dict) else _as_dict(message) for message in writer.whole]
    return _take_turns(whole) if takes_turns else whole


def _as_dict(message: _Said | _Result) -> dict[str, Any]:
    members = msgspec.structs.asdict(message).items()
    return {name: value for name, value in members if value is not None or name == "content"}


class _Writer:
    def __init__(self, quirks: dict[str, Any], model: str) -> None:
        self.whole: list[_Said | _Result | dict[str, Any]] = []
        self._quirks, self._model = quirks, model
        self.functions: list[_Function] = []  # that are called
        self._loop: int | None = None  # see `_current_loop`, which only thoughts need
        self._named = bool(quirks.get("assistant_name"))
        self._beside_calls = "" if quirks.get("empty_content") else None
        self._signs_calls = quirks.get("thought_signatures") and _SIGNS_CALLS.search(model) is not None

    def write(self, history: Sequence[messages.Message]) -> None:
        """A tool message can only hold text, so images that tools gave follow their tool messages, as the user's."""
        add, quirks = self.whole.append, self._quirks
        user, answer, result = messages.UserMessage, messages.AssistantMessage, messages.ToolMessage
        shown: list[dict[str, Any]] = []
        message: Any  # to ask for its type once costs less than to match it
        for at, message in enumerate(history):
            kind = type(message)
            if shown and kind is not result:
                add(_Said("user", shown))
                shown = []
            if kind is user:
                content = message.content
                add(_Said("user", content if type(content) is str else _content(content, quirks), message.name or None))
            elif kind is answer:
                parts = message.parts
                if len(parts) == 1 and type(parts[0]) is messages.TextPart and not message.name:
                    add(_Said("assistant", parts[0].text))
                else:
                    add(self._write_answer(message, history, at))
            elif kind is not result:
                add(_Said(quirks.get("system_role", "system"), message.content))
            elif type(content := message.content) is str and not message.is_error:
                add(_Result("tool", message.tool_call_id, content))
            else:
                message = translate.readable_result(message, partial(_result_part, quirks))
                add(_result(message))
                shown += _shown_parts(message)
        if shown:
            add(_Said("user", shown))

    def _write_answer(
        self, message: messages.AssistantMessage, history: Sequence[messages.Message], at: int
    ) -> _Said | dict[str, Any]:
        texts: list[str] = []
        calls: list[_Call] = []
        thinks = False
        part: Any
        for part in message.parts:
            kind = type(part)
            if kind is messages.TextPart:
                texts.append(part.text)
            elif kind is messages.ToolCall:
                function = _Function(part.name, part.arguments or "{}")
                self.functions.append(function)
                extra = _extra_content(part.extra) if part.extra else None
                calls.append(_Call(part.id, "function", function, extra))
            else:
                thinks = True
        name = message.name or None if self._named else None
        text = "".join(texts)
        said = _Said("assistant", text if text or not calls else self._beside_calls, name, calls or None)
        if calls and self._signs_calls and calls[0].extra_content is None:
            calls[0].extra_content = _UNSIGNED
        if not thinks:
            return said
        if self._loop is None:
            self._loop = _current_loop(history)
        field = str(self._quirks.get("reasoning") or "")
        thoughts = chat_thinking.members(message, field, self._model, in_loop=at >= self._loop)
        return _as_dict(said) | thoughts if thoughts else said

    def mend_arguments(self) -> None:
        """Many a server parses the arguments of the history, and fails if they are not a JSON object."""
        try:
            for _ in map(_decode_object, [function.arguments for function in self.functions]):
                pass
        except (ValueError, RecursionError):
            for function in self.functions:
                function.arguments = _as_object(function.arguments)


def _as_object(arguments: str) -> str:
    try:
        jsontext.decode(arguments, dict[str, Any])
    except ValueError:
        return json.dumps({"invalid_json": arguments})
    return arguments


def _current_loop(history: Sequence[messages.Message]) -> int:
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


def _result(message: messages.ToolMessage) -> _Result:
    """The protocol has no mark for a failure, so the text says it."""
    text = translate.mark_error(messages.content_text(message.content), failed=message.is_error)
    return _Result("tool", message.tool_call_id, text)


def _shown_parts(message: messages.ToolMessage) -> list[dict[str, Any]]:
    if isinstance(message.content, str):
        return []
    parts = [_part(part) for part in message.content if not isinstance(part, messages.TextPart)]
    label = f"What the tool {message.name or message.tool_call_id} gave:"
    return [{"type": "text", "text": label}, *parts] if parts else []


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


def _extra_content(extra: dict[str, Any]) -> dict[str, Any] | None:
    kept = {key: value for key, value in extra.items() if key not in _OTHERS}
    if isinstance(inner := kept.pop("extra_content", None), dict):  # as clients got it from earlier versions
        kept = {**inner, **kept}
    return kept or None
