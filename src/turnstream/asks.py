"""What a run waits for: a word from outside, about one of its calls each."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct

AskKind: TypeAlias = Literal["outcome", "approval", "question", "review"]


class Ask(Struct, frozen=True, omit_defaults=True):
    """Why a call waits. ``outcome``: it was begun, must not happen twice, and nobody knows whether it had its effect.
    ``approval``: whether it may be made. ``question``: its result is what somebody answers, by ``schema`` or at ``url``
    if there is one. ``review``: whether what a guardrail (``source``) holds back may go on; the call stands for that.

    ``text`` is for the person, who may answer with ``code`` where nothing else says which ask is meant. ``expires_at``
    is in seconds since the epoch. ``by`` says who may answer: "" is the run's principal, else ``scope:NAME`` or
    ``group:NAME``. ``source`` is who asks, ``state`` what that wants back with the answer; nobody is shown it.
    ``arguments`` are those that the call will have, if a guardrail changes what the model wrote.
    """

    tool_call_id: str
    kind: AskKind
    text: str = ""
    schema: dict[str, Any] | None = None
    expires_at: float | None = None
    code: str = ""
    url: str | None = None
    by: str = ""
    source: str = ""
    state: Any = None
    arguments: str | None = None


class Decision(Struct, frozen=True, omit_defaults=True):
    """What becomes of a call that waited: it is made (``call``), with these ``arguments`` if they are given and with
    ``value`` as the answer to its question; or it is not, for ``reason`` (``deny``), or because nobody answers
    (``cancel``). ``by`` is who said so, ``code`` which ask was meant."""

    tool_call_id: str
    action: Literal["call", "deny", "cancel"]
    reason: str = ""
    arguments: str | None = None
    by: str = ""
    value: Any = None
    code: str = ""


class Answer(Struct, frozen=True):
    """What a client says to the question with that code. ``value`` is its answer as data, or the arguments that the
    call shall have; ``text`` is the same as somebody typed it."""

    code: str
    action: Literal["accept", "decline", "cancel"]
    value: Any = None
    text: str = ""
    reason: str = ""


def is_text(schema: dict[str, Any] | None) -> bool:
    """Whether the answer is a text, or an object of one text: then it can be typed without JSON."""
    return text_field(schema) is not None


def text_field(schema: dict[str, Any] | None) -> str | None:
    """The one property that a text is the answer for; "" where the answer is the text itself."""
    if not schema or schema.get("type") == "string":
        return ""
    properties = schema.get("properties")
    if isinstance(properties, dict) and len(properties) == 1:
        name, inner = next(iter(properties.items()))
        if isinstance(inner, dict) and inner.get("type") == "string":
            return str(name)
    return None
