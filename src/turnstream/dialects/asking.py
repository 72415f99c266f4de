"""What a waiting run asks of a person, in words: for protocols without another form of it. And the turns that answer.

A question names its call by a code, and only a user's turn that begins with ``approve CODE``, ``deny CODE`` or
``answer CODE`` is an answer. The whole call is shown, for what was shown is what runs: arguments stand in a fence that
no text in them can close, and characters that nobody sees are written out.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from turnstream import asks, events, messages

_CODE = r"([0-9A-Za-z]{4})-?([0-9A-Za-z]{4})"
# Typed by hand: any case, with or without the hyphen, perhaps with the marks that a front end shows code in.
_TURN = re.compile(
    rf"[\s`*>]*(approve|deny|answer)\s+[`*]*{_CODE}(?![0-9A-Za-z])[`*]*[\s:,]*(.*)",
    re.DOTALL | re.IGNORECASE,
)
_SHOWN = re.compile(r"`(?:approve|answer) ([0-9A-Z]{4}-[0-9A-Z]{4})`")


def read_turn(text: str) -> asks.Answer | None:
    """The answer that a user's turn is; None for any other turn. A word of eight letters is no code: each has a
    digit."""
    found = _TURN.match(text)
    if found is None:
        return None
    word, first, second, rest = found.groups()
    code = f"{first}-{second}".upper()
    if not any(character.isdigit() for character in code):
        return None
    rest = rest.strip().strip("`").strip()
    if word.lower() == "deny":
        return asks.Answer(code, "decline", reason=rest)
    return asks.Answer(code, "accept", text=rest)


def shown_codes(text: str) -> list[str]:
    """Those of the questions in an assistant's message."""
    return list(dict.fromkeys(_SHOWN.findall(text)))


KINDS: Sequence[asks.AskKind] = ("approval", "question", "outcome", "review")
WORDS: Sequence[asks.AskKind] = ("question", "outcome", "review")
"""Those for which no protocol has a form of its own."""


def message(waiting: events.RunWaiting, kinds: Sequence[asks.AskKind] = KINDS) -> str:
    """All questions of these kinds, as a message in Markdown that ends with a code."""
    calls = {call.id: call for call in waiting.tool_calls}
    asked = [ask for ask in waiting.asks if ask.kind in kinds]
    return "\n\n".join(_question(ask, calls[ask.tool_call_id]) for ask in asked if ask.tool_call_id in calls)


def sentence(ask: asks.Ask, call: messages.ToolCall) -> str:
    """The question in one line."""
    if ask.text:
        return printable(ask.text)
    return f"May {printable(call.name)} be called?"


def _question(ask: asks.Ask, call: messages.ToolCall) -> str:
    kind, _, name = ask.by.partition(":")
    whose = f"It is for {printable(kind)} `{printable(name)}` to answer." if name else ""
    quoted = "\n".join(f"> {line}" for line in printable(ask.text).splitlines())
    match ask.kind:
        case "approval":
            head = f"**`{printable(call.name)}` waits for your approval.**"
            parts = [head, quoted, _fence(arguments(call)), whose, _APPROVAL, _lines(ask, "approve", "deny")]
        case "outcome":
            head = f"**Nobody knows what became of a call of `{printable(call.name)}`.**"
            parts = [head, quoted, _fence(arguments(call)), _OUTCOME, _lines(ask, "approve", "deny")]
        case "review":
            parts = ["**A guardrail holds something back.**", quoted, whose, _REVIEW, _lines(ask, "approve", "deny")]
        case "question":
            who = f"`{printable(ask.source or call.name)}`"
            address = f"Open <{printable(ask.url)}>" if ask.url else ""
            schema = _fence(pretty(ask.schema)) if ask.schema and not asks.is_text(ask.schema) else _choices(ask)
            how = _URL if ask.url else _FORM if schema.startswith("`") else _TEXT
            parts = [f"**{who} asks you:**", quoted, address, schema, how, _lines(ask, "answer", "deny")]
    return "\n\n".join(part for part in parts if part)


def _choices(ask: asks.Ask) -> str:
    given = (ask.schema or {}).get("enum")
    return "\n".join(f"- {printable(str(choice))}" for choice in given) if isinstance(given, list) else ""


_APPROVAL = (
    "Only an answer that begins with one of these counts. JSON behind the first replaces the arguments, words behind "
    "the second are your reason."
)
_OUTCOME = "The first calls it once more. The second does not; say behind it what you know of the outcome."
_REVIEW = "Only an answer that begins with one of these counts; words behind the second are your reason."
_TEXT = "Only an answer that begins with one of these counts; what you say stands behind the first."
_FORM = "Only an answer that begins with one of these counts; JSON by this schema stands behind the first."
_URL = "When you are done there, answer with the first of these; the second declines."


def _lines(ask: asks.Ask, *words: str) -> str:
    """The code comes last."""
    return "  \n".join(f"`{word} {ask.code}`" for word in words)


def arguments(call: messages.ToolCall) -> str:
    """All of them, for a person."""
    try:
        value = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return printable(call.arguments)
    return pretty(value)


def pretty(value: Any) -> str:
    return printable(json.dumps(value, ensure_ascii=False, indent=2), keep="\n")


def _fence(text: str, language: str = "json") -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def printable(text: str, keep: str = "\n") -> str:
    """With what nobody sees, or what changes the order in which the rest is read, written out."""
    return "".join(character if character in keep else _visible(character) for character in text)


def _visible(character: str) -> str:
    if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return character
    return json.dumps(character)[1:-1] if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def details(waiting: events.RunWaiting) -> list[dict[str, Any]]:
    """The questions as data, for programs."""
    calls = {call.id: call for call in waiting.tool_calls}
    return [detail(ask, calls[ask.tool_call_id]) for ask in waiting.asks if ask.tool_call_id in calls]


def detail(ask: asks.Ask, call: messages.ToolCall) -> dict[str, Any]:
    shown = {"id": call.id, "name": call.name, "arguments": call.arguments or "{}"}
    return {
        "code": ask.code,
        "kind": ask.kind,
        "text": ask.text,
        "source": ask.source,
        "tool_call": shown,
        "schema": ask.schema,
        "url": ask.url,
        "by": ask.by,
        "expires_at": ask.expires_at,
    }


def iso_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def public(ask: asks.Ask) -> asks.Ask:
    """Without what is the asker's own."""
    return msgspec.structs.replace(ask, state=None)
