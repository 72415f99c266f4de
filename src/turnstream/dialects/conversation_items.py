"""What a thread has, as the items of an OpenAI conversation, and back to what is left of a message without one.

A message is one item or several: the texts of an answer that follow each other are one, reasoning and each call are
items of their own. An item's id says which message it is of, so that a page of a long conversation needs no more of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

from turnstream import messages

_ID = re.compile(r"[a-z]+_[0-9a-f]{16}_(\d{1,9})_[0-9a-z]{1,16}")
NOTHING = messages.AssistantMessage(())
"""Stands in the place of a message that was deleted: no model is shown it."""


class Item(NamedTuple):
    """``shown`` is the item; ``parts`` are the places of an answer's parts that it is made of."""

    shown: dict[str, Any]
    parts: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        return str(self.shown["id"])


def place_of(id: str) -> int | None:
    """Which message of its thread the item is of."""
    found = _ID.fullmatch(id)
    return None if found is None else int(found[1])


def items_of(thread: str, n: int, message: messages.Message) -> list[Item]:
    """The items of the message that is number ``n``, from 0, of the thread with that id."""
    return list(_items(_Ids(thread, n), message))


def without(message: messages.Message, item: Item) -> messages.Message:
    """What is left of its message."""
    if not isinstance(message, messages.AssistantMessage):
        return NOTHING
    return messages.AssistantMessage(tuple(part for at, part in enumerate(message.parts) if at not in item.parts))


class _Ids:
    def __init__(self, thread: str, n: int) -> None:
        self._middle = f"{hashlib.sha256(thread.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}_{n}"

    def make(self, prefix: str, last: int | str) -> str:
        return f"{prefix}_{self._middle}_{last}"

    def of_call(self, prefix: str, call_id: str) -> str:
        """Of a call and its result, which stay when others beside them are deleted."""
        return self.make(prefix, hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:12])


def _items(ids: _Ids, message: messages.Message) -> Iterator[Item]:
    match message:
        case messages.SystemMessage(content=text):
            yield Item(_message(ids.make("msg", 0), "developer", [{"type": "input_text", "text": text}]))
        case messages.UserMessage(content=content):
            yield Item(_message(ids.make("msg", 0), "user", _content(content)))
        case messages.ToolMessage(tool_call_id=call_id, content=content):
            output: Any = content if isinstance(content, str) else _content(content)
            shown = {"type": "function_call_output", "id": ids.of_call("fco", call_id), "call_id": call_id}
            yield Item({**shown, "output": output, "status": "completed"})
        case messages.AssistantMessage(parts=parts):
            yield from _answer(ids, parts)


def _answer(ids: _Ids, parts: tuple[messages.AssistantPart, ...]) -> Iterator[Item]:
    counts = {messages.TextPart: 0, messages.ReasoningPart: 0}
    for kind, group in groupby(enumerate(parts), lambda numbered: type(numbered[1])):
        places, run = zip(*group, strict=True)
        if kind is messages.TextPart:
            texts = [{"type": "output_text", "text": part.text, "annotations": [], "logprobs": []} for part in run]
            yield Item(_message(ids.make("msg", counts[kind]), "assistant", texts), places)
            counts[kind] += 1
        elif kind is messages.ReasoningPart:
            summary = [{"type": "summary_text", "text": part.text} for part in run]
            yield Item({"type": "reasoning", "id": ids.make("rs", counts[kind]), "summary": summary}, places)
            counts[kind] += 1
        elif kind is messages.ToolCall:
            for place, call in zip(places, run, strict=True):
                shown = {"type": "function_call", "id": ids.of_call("fc", call.id), "call_id": call.id}
                named = {"name": call.name, "arguments": call.arguments, "status": "completed"}
                yield Item({**shown, **named}, (place,))


def _message(id: str, role: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "message", "id": id, "role": role, "status": "completed", "content": content}


def _content(content: messages.Content) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "input_text", "text": content}]
    return [_part(part) for part in content]


def _part(part: messages.ContentPart) -> dict[str, Any]:
    match part:
        case messages.TextPart(text=text):
            return {"type": "input_text", "text": text}
        case messages.ImagePart(url=url, detail=detail):
            return {"type": "input_image", "image_url": url, "file_id": None, "detail": detail or "auto"}
        case messages.FilePart(url=url, file_id=file_id, filename=filename):
            member = "file_data" if url is not None and url.startswith("data:") else "file_url"
            named = {member: url, "file_id": file_id, "filename": filename}
            return {"type": "input_file", **{name: value for name, value in named.items() if value is not None}}
        case messages.AudioPart(data=data, format=format):
            return {"type": "input_audio", "input_audio": {"data": data, "format": format}}
        case messages.MediaPart(url=url):
            return {"type": "input_file", "file_url": url}
