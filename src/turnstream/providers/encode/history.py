"""The conversation as any vendor takes it, whatever the form of its messages: what has to hold before a body is made.

- Leading system messages are one. A later one keeps its place, for the front of a prompt must not change with every
  reminder (vendors cache it); where the vendor knows no system message there, it is the user's.
- Tools are called by names that the vendor takes, in the history too. A name becomes the same one in every request, and
  the answer's calls get their own names back.
- Call ids are unique, and what Claude's newer models refuse to continue is followed by the user's "Continue.".

All of it is pure, and what needs no change is not touched, byte by byte: the prompt caches depend on that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from turnstream import messages, requests, toolspec
from turnstream.prompts import families
from turnstream.providers.encode import claude_models

ANY_NAME = r"[a-zA-Z0-9_-]{1,64}"
_LONGEST_NAME = 64
_STRICT = re.compile(r"kimi|gemini", re.IGNORECASE)  # models whose names of tools begin with a letter, at any host
_FIRST_LETTER = re.compile(r"[a-zA-Z_]")
_SHORT_IDS = re.compile(r"mistral|mixtral|ministral|devstral|magistral|codestral", re.IGNORECASE)
_INVENTED = re.compile(r"^(?:functions|default_api|tools?)[.:]|<\|.*", re.DOTALL)
_PICTURE_MARK = "](data:"
_PICTURE = re.compile(r"\s*!\[image\]\(data:[^)\s]*\)\s*")
_CONTINUE = "Continue."
_NAME = attrgetter("name")
_LATE = "(An instruction of the operator:)\n{}"


class Rules(Struct, frozen=True):
    """Of one vendor. ``late_system``: it takes system messages anywhere. ``names`` matches the names that it takes."""

    late_system: bool = False
    names: str = ANY_NAME


class Names:
    """The tools' names on the wire, and back."""

    def __init__(self, tools: Iterable[str], model: str, rules: Rules) -> None:
        self._legal = re.compile(rules.names)
        self._strict = _STRICT.search(model) is not None
        self._unchanged: set[str] = set()  # that are the wire's too
        self._offered = set(tools)
        self._taken = {name for name in self._offered if self._is_legal(name)}
        self._wire: dict[str, str] = {}
        for name in sorted(self._offered - self._taken):
            self._wire[name] = self.wire(name)
            self._taken.add(self._wire[name])
        self._own = {wire: name for name, wire in self._wire.items()}
        self.differ = bool(self._wire)
        """Whether some tool is offered by another name."""

    def wire(self, name: str) -> str:
        """The same for the same name; two offered tools never become one, nor a made-up one an offered one."""
        if name in self._unchanged:
            return name
        if name in self._taken or self._is_legal(name):
            self._unchanged.add(name)
            return name
        if (known := self._wire.get(name)) is not None:
            return known
        result = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_LONGEST_NAME]
        if not _FIRST_LETTER.match(result):
            result = f"_{result}"[:_LONGEST_NAME]
        if result in self._taken or len(name) > _LONGEST_NAME:
            digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
            result = f"{result[: _LONGEST_NAME - 7]}_{digest}"
        return result

    def own(self, name: str) -> str:
        """The offered tool that an answer means: models also call theirs ``functions.get_weather``."""
        if name in self._offered:
            return name
        if (known := self._own.get(name)) is not None:
            return known
        plain = _INVENTED.sub("", name)
        return plain if plain in self._offered else name

    def _is_legal(self, name: str) -> bool:
        return bool(self._legal.fullmatch(name)) and not (self._strict and not _FIRST_LETTER.match(name))


@lru_cache(256)
def _has_short_ids(model: str) -> bool:
    return _SHORT_IDS.search(model) is not None


_names_of = lru_cache(128)(Names)  # most requests offer the tools of the one before


def adapt(request: requests.ModelRequest, model: str, rules: Rules) -> tuple[requests.ModelRequest, Names]:
    """The request with its conversation and its names as that model's vendor takes them."""
    names = _names_of(tuple(map(_NAME, request.tools)), model, rules)
    head, rest = _split_head(tuple(request.messages))
    late, repeated, renamed = _look_for_changes(rest, names)
    if late:
        rest = _place_late(rest, rules)
    if repeated:
        rest = tuple(_with_unique_ids(rest))
    if renamed:
        rest = tuple(_rename(message, names) for message in rest)
    history = head + rest if head else rest
    if _has_short_ids(model):
        history = families.with_short_ids(history)
    if history and type(history[-1]) is messages.AssistantMessage:
        history = _end(history, history[-1], model)
    tools, options = request.tools, request.options
    if names.differ:
        tools = tuple(_rename_tool(spec, names) for spec in tools)
    if type(options.tool_choice) is dict:
        options = _rename_choice(options, options.tool_choice, names)
    return requests.ModelRequest(history, tools, options, request.time), names


def _split_head(
    history: tuple[messages.Message, ...],
) -> tuple[tuple[messages.Message, ...], tuple[messages.Message, ...]]:
    """The leading system messages as one, and what follows."""
    said: list[str] = []
    at = 0
    for message in history:
        if not isinstance(message, messages.SystemMessage):
            break
        at += 1
        if message.content.strip():
            said.append(message.content)
    return (messages.SystemMessage("\n\n".join(said)),) if said else (), history[at:]


def _look_for_changes(history: tuple[messages.Message, ...], names: Names) -> tuple[bool, bool, bool]:
    """Whether there is a late system message, a call's id that comes again, and a name or a picture that the vendor is
    not sent: nearly always none of it, and a long history is looked through once."""
    ids: list[str] = []
    called: set[str] = set()
    answered: set[str] = set()
    late = pictures = False
    message: Any  # to ask for its type once costs less than to match it
    part: Any
    for message in history:
        kind = type(message)
        if kind is messages.AssistantMessage:
            for part in message.parts:
                if type(part) is messages.ToolCall:
                    ids.append(part.id)
                    called.add(part.name)
                elif type(part) is messages.TextPart and "]" in part.text and _PICTURE_MARK in part.text:
                    pictures = True
        elif kind is messages.ToolMessage:
            answered.add(message.name)
        elif kind is messages.SystemMessage:
            late = True
    if not ids and not answered:
        return late, False, pictures
    answered.discard("")  # most results do not say whose they are
    renamed = pictures or any(names.wire(name) != name for name in called | answered)
    return late, len(set(ids)) < len(ids), renamed


def _place_late(history: Sequence[messages.Message], rules: Rules) -> tuple[messages.Message, ...]:
    """Each system message in its place, but never between a call and its results."""
    placed: list[messages.Message] = []
    late: list[messages.Message] = []
    for message in history:
        if isinstance(message, messages.SystemMessage):
            if message.content.strip():
                late.append(message if rules.late_system else messages.UserMessage(_LATE.format(message.content)))
            continue
        if late and not isinstance(message, messages.ToolMessage):
            placed += late
            late = []
        placed.append(message)
    return (*placed, *late)


def _with_unique_ids(history: Sequence[messages.Message]) -> Iterator[messages.Message]:
    """Clients number calls anew in each turn: the second call of one id gets another, and its results with it."""
    seen: dict[str, int] = {}
    pending: dict[str, list[str]] = {}  # of the last step with calls of that id, in the order of its calls
    for message in history:
        if isinstance(message, messages.AssistantMessage):
            yield _number(message, seen, pending)
        elif isinstance(message, messages.ToolMessage) and (ids := pending.get(message.tool_call_id)):
            ident = ids.pop(0) if len(ids) > 1 else ids[0]
            same = ident == message.tool_call_id
            yield message if same else msgspec.structs.replace(message, tool_call_id=ident)
        else:
            yield message


def _number(
    message: messages.AssistantMessage, seen: dict[str, int], pending: dict[str, list[str]]
) -> messages.AssistantMessage:
    if len(message.parts) == 1 and message.parts[0].__class__ is messages.TextPart:
        return message
    step: dict[str, list[str]] = {}
    parts: list[messages.AssistantPart] = []
    for part in message.parts:
        if isinstance(part, messages.ToolCall):
            number = seen[part.id] = seen.get(part.id, 0) + 1
            ident = part.id if number == 1 else f"{part.id}_{number}"
            step.setdefault(part.id, []).append(ident)
            if number > 1:
                part = msgspec.structs.replace(part, id=ident)
        parts.append(part)
    pending.update(step)
    same = all(seen[ident] == len(ids) == 1 for ident, ids in step.items())
    return message if same else messages.AssistantMessage(tuple(parts))


def _rename(message: messages.Message, names: Names) -> messages.Message:
    """With the wire's names of tools, and without the pictures that we showed in the text."""
    if message.__class__ is messages.AssistantMessage:
        for part in message.parts:
            if _must_change(part, names):
                return messages.AssistantMessage(tuple(_rename_part(part, names) for part in message.parts))
    elif message.__class__ is messages.ToolMessage and message.name and names.wire(message.name) != message.name:
        return msgspec.structs.replace(message, name=names.wire(message.name))
    return message


def _must_change(part: messages.AssistantPart, names: Names) -> bool:
    if isinstance(part, messages.ToolCall):
        return names.wire(part.name) != part.name
    return isinstance(part, messages.TextPart) and _PICTURE_MARK in part.text


def _rename_part(part: messages.AssistantPart, names: Names) -> messages.AssistantPart:
    if isinstance(part, messages.ToolCall) and (wire := names.wire(part.name)) != part.name:
        return msgspec.structs.replace(part, name=wire)
    if isinstance(part, messages.TextPart) and _PICTURE_MARK in part.text:
        return messages.TextPart(_PICTURE.sub("\n\n[image]\n\n", part.text))
    return part


def _rename_tool(spec: toolspec.ToolSpec, names: Names) -> toolspec.ToolSpec:
    wire = names.wire(spec.name)
    return spec if wire == spec.name else msgspec.structs.replace(spec, name=wire)


def _rename_choice(options: requests.ModelOptions, choice: dict[str, Any], names: Names) -> requests.ModelOptions:
    if isinstance(name := choice.get("name"), str) and names.wire(name) != name:
        return msgspec.structs.replace(options, tool_choice={**choice, "name": names.wire(name)})
    return options


def _end(
    history: tuple[messages.Message, ...], last: messages.AssistantMessage, model: str
) -> tuple[messages.Message, ...]:
    """Claude 4.6 and later continue no answer of theirs, but one that paused in the middle of a hosted tool."""
    if last.tool_calls or claude_models.continues_answers(model):
        return history
    if any(isinstance(part, messages.ProviderItem) and _is_hosted(part) for part in last.parts):
        return history
    return (*history, messages.UserMessage(_CONTINUE))


def _is_hosted(item: messages.ProviderItem) -> bool:
    """A part of the vendor's own tool, which is not for us to answer; in Anthropic's form or in Bedrock's."""
    return str(item.data.get("type") or "").endswith(("tool_use", "tool_result")) or "toolUse" in item.data
