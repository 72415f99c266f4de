"""What a run waits for: a word from outside, about one of its calls each."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct

AskKind: TypeAlias = Literal["outcome", "approval", "question"]


class Ask(Struct, frozen=True, omit_defaults=True):
    """Why a call waits. ``outcome``: it was begun, must not happen twice, and nobody knows whether it had its effect.
    ``approval``: whether it may be made. ``question``: its result is what somebody answers, by ``schema`` or at ``url``
    if there is one.

    ``text`` is for the person, who may answer with ``code`` where nothing else says which ask is meant. ``expires_at``
    is in seconds since the epoch. ``by`` says who may answer: "" is the run's principal, else ``scope:NAME`` or
    ``group:NAME``. ``source`` is who asks, ``state`` what that wants back with the answer; nobody is shown it.
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
