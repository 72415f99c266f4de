"""Names of questions, short enough to be typed: ``K7QF-3M2P``."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import msgspec

from turnstream import events

_LETTERS, _DIGITS = "ABCDEFGHJKMNPQRSTVWXYZ", "23456789"  # none that is taken for another


def new_code() -> str:
    """40 bits. Each half begins with a letter and has a digit, so that no word is one."""
    return "-".join(_half() for _ in range(2))


def _half() -> str:
    rest = [secrets.choice(_DIGITS), secrets.choice(_LETTERS + _DIGITS), secrets.choice(_LETTERS + _DIGITS)]
    secrets.SystemRandom().shuffle(rest)
    return secrets.choice(_LETTERS) + "".join(rest)


def name_ask(ask: events.Ask, until: float | None) -> events.Ask:
    if ask.code:
        return ask
    return msgspec.structs.replace(ask, code=new_code(), expires_at=ask.expires_at or until)


def find_altered(batch: Sequence[events.RunEvent], shown: Sequence[events.RunEvent]) -> set[str]:
    """Those whose arguments somebody who reads the run does not see as they are."""
    given = _arguments(batch)
    return {id for id, arguments in _arguments(shown).items() if id in given and given[id] != arguments}


def _arguments(batch: Sequence[events.RunEvent]) -> dict[str, str]:
    detected = [event for event in batch if isinstance(event, events.ToolCallsDetected)]
    return {call.id: call.arguments for event in detected for call in event.tool_calls}
