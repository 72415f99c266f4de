"""Pieces of our request that several vendors need in another form."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from turnstream import errors, jsontext, messages, requests, text
from turnstream.parsing import media
from turnstream.providers import base


def encode(body: dict[str, Any]) -> bytes:
    """The body as JSON. Lone surrogates, which UTF-8 cannot carry, become U+FFFD; keys that are not text, as YAML
    and Python have them, become text."""
    try:
        return msgspec.json.encode(body)
    except (UnicodeEncodeError, TypeError):
        dumped = json.dumps(body, ensure_ascii=False, default=_as_json)
        return text.join_surrogates(dumped).encode()


def _as_json(value: Any) -> Any:
    return msgspec.to_builtins(value) if isinstance(value, Struct) else str(value)


def with_extra(body: dict[str, Any], extra: dict[str, Any] | None) -> dict[str, Any]:
    """The body with the operator's own members: objects are merged into objects, anything else replaces."""
    result = dict(body)
    for key, value in (extra or {}).items():
        before = result.get(key)
        result[key] = with_extra(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result


def options_of(settings: base.Settings, model_request: requests.ModelRequest) -> requests.ModelOptions:
    """The options of the settings, overlaid by those of the request."""
    return settings.options.overlaid(model_request.options)


def arguments_object(call: messages.ToolCall) -> dict[str, Any]:
    """The arguments as an object. Text that is not a JSON object stands in it under the key ``arguments``."""
    found = jsontext.decode_object(call.arguments)
    return {"arguments": call.arguments} if found is None else found


def arguments_text(call: messages.ToolCall) -> str:
    """The arguments as the text of a JSON object, for vendors that parse those of the history."""
    text = call.arguments.strip() or "{}"
    try:
        jsontext.decode(text, dict[str, Any])
    except ValueError:
        return json.dumps({"arguments": call.arguments})
    return text


def mark_error(text: str, *, failed: bool) -> str:
    """A tool's result for a protocol without a mark for a failure: then the text says it."""
    return f"Error: {text}" if failed and "error" not in text[:40].lower() else text


def parts_of(content: messages.Content) -> tuple[messages.ContentPart, ...]:
    """The parts with something in them; a plain string is one text part."""
    if isinstance(content, str):
        return (messages.TextPart(content),) if content else ()
    return tuple(part for part in content if not isinstance(part, messages.TextPart) or part.text)


def readable_results(
    conversation: Sequence[messages.Message], encode_part: Callable[[messages.ContentPart], object]
) -> tuple[messages.Message, ...]:
    """The conversation with tools' results that the vendor takes: what ``encode_part`` refuses by a `RequestError`
    is told to the model in words. What a user sends may be refused; a tool has done its work when its result is here,
    and the same result is in every later request.
    """
    return tuple(
        readable_result(message, encode_part)
        if message.__class__ is messages.ToolMessage and message.content.__class__ is not str
        else message
        for message in conversation
    )


def readable_result(
    message: messages.ToolMessage, encode_part: Callable[[messages.ContentPart], object]
) -> messages.ToolMessage:
    """One of `readable_results`."""
    if isinstance(message.content, str):
        return message
    parts = [_readable_part(part, encode_part) for part in message.content]
    if parts == list(message.content):
        return message
    merged: list[messages.ContentPart] = []
    for part in parts:
        last = merged[-1] if merged else None
        if isinstance(part, messages.TextPart) and isinstance(last, messages.TextPart):
            merged[-1] = messages.TextPart(f"{last.text}\n{part.text}")
        else:
            merged.append(part)
    return msgspec.structs.replace(message, content=tuple(merged))


def _readable_part(
    part: messages.ContentPart, encode_part: Callable[[messages.ContentPart], object]
) -> messages.ContentPart:
    result = media.readable(part)
    try:
        encode_part(result)
    except errors.RequestError:
        return messages.TextPart(media.in_words(result))
    return result


def system_text(conversation: Iterable[messages.Message]) -> str:
    """All system messages, a blank line between them."""
    return "\n\n".join(m.content for m in conversation if isinstance(m, messages.SystemMessage) and m.content.strip())


def leading_system(conversation: Iterable[messages.Message]) -> str:
    """Those system messages that nothing else precedes, a blank line between them."""
    return system_text(itertools.takewhile(lambda message: isinstance(message, messages.SystemMessage), conversation))


def tool_names(conversation: Iterable[messages.Message]) -> dict[str, str]:
    """The tool names of the conversation by call id, for results that do not say which tool they are of."""
    names: dict[str, str] = {}
    for message in conversation:
        if type(message) is messages.AssistantMessage:
            names.update((call.id, call.name) for call in message.tool_calls)
        elif type(message) is messages.ToolMessage and message.name:
            names.setdefault(message.tool_call_id, message.name)
    return names


class Ids:
    """Call ids in the characters that a vendor allows: the same id always becomes the same, two never become one."""

    def __init__(self, legal: re.Pattern[str], rewritten: Callable[[str], str]) -> None:
        self._legal = legal
        self._rewritten = rewritten
        self._made: dict[str, str] = {}
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}  # the last one of each id that others became as well

    @classmethod
    def of_word_characters(cls, longest: int = 64) -> Ids:
        """Letters, digits, ``_`` and ``-``."""
        pattern = re.compile(rf"[a-zA-Z0-9_-]{{1,{longest}}}")
        return cls(pattern, lambda text: re.sub(r"[^a-zA-Z0-9_-]", "_", text)[: longest - 4] or "call")

    def __call__(self, given: str) -> str:
        result = self._made.get(given)
        if result is None:
            result = given if self._legal.fullmatch(given) else self._rewritten(given)
            base, number = result, self._numbers.get(result, 1)
            while result in self._taken:
                number += 1
                result = f"{base}_{number}"
            self._numbers[base] = number
            self._taken.add(result)
            self._made[given] = result
        return result


class JsonAnswer(Struct, frozen=True):
    """What ``response_format`` asks for. ``schema`` is None where any JSON object will do."""

    schema: dict[str, Any] | None
    name: str = "answer"
    description: str | None = None
    strict: bool | None = None


def json_answer(response_format: dict[str, Any] | None) -> JsonAnswer | None:
    """None for plain text. Raises `RequestError` for a format that OpenAI's chat completions do not have."""
    match response_format:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return JsonAnswer(None)
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)} as named}:
            return JsonAnswer(schema, named.get("name") or "answer", named.get("description"), named.get("strict"))
        case _:
            raise errors.RequestError(
                "It must be text, json_object, or json_schema with a schema.", param="response_format"
            )


def close_objects(schema: Any) -> Any:
    """The schema with ``additionalProperties: false`` on each object that does not say; strict vendors ask for it."""
    if isinstance(schema, list):
        return [close_objects(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {
        key: value if key in ("enum", "const", "default", "examples") else close_objects(value)
        for key, value in schema.items()
    }
    if schema.get("type") == "object" and "additionalProperties" not in schema:
        result["additionalProperties"] = False
    return result


def forced_tool(tool_choice: str | dict[str, Any] | None) -> str | None:
    """The tool that ``tool_choice`` names, None if it is one of the words."""
    return str(tool_choice["name"]) if isinstance(tool_choice, dict) else None


def called_tools(conversation: Iterable[messages.Message]) -> Iterable[str]:
    """The names of the tools that the assistant has called, each once: for vendors that want tools beside calls."""
    answers = (message for message in conversation if isinstance(message, messages.AssistantMessage))
    return dict.fromkeys(call.name for answer in answers for call in answer.tool_calls)


Block = dict[str, Any]


def alternate(
    conversation: Iterable[messages.Message],
    convert: Callable[[messages.Message, str], list[Block]],
    opening: Block,
) -> list[dict[str, Any]]:
    """Messages as vendors want them who know two roles: they alternate, the first is the user's (``opening``, where the
    assistant began), none is empty, and an answer to be continued does not end in white space. ``convert`` gives the
    blocks of a message; it is told where that stands. Raises `RequestError` for a conversation without a message.
    """
    turns: list[dict[str, Any]] = []
    for at, message in enumerate(conversation):
        kind = type(message)
        if kind is messages.SystemMessage:
            continue
        role = "assistant" if kind is messages.AssistantMessage else "user"
        blocks = convert(message, f"messages[{at}].content")
        if blocks and turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    if not turns:
        raise errors.RequestError("The conversation has no message for the model.", param="messages")
    if turns[0]["role"] != "user":
        turns.insert(0, {"role": "user", "content": [opening]})
    last = turns[-1]["content"][-1]
    if turns[-1]["role"] == "assistant" and isinstance(last.get("text"), str):
        last["text"] = last["text"].rstrip()
    return turns
