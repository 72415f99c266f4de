"""Names that every vendor accepts for a tool: 1 to 64 of A-Z, a-z, 0-9, _ and -."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

LONGEST = 64
_REFUSED = re.compile(r"[^A-Za-z0-9_-]+")


def valid(name: str) -> str:
    """``name`` with what vendors refuse made ``_``. A longer one is cut and keeps a digest of the whole."""
    made = _REFUSED.sub("_", name).strip("_") or "tool"
    if len(made) <= LONGEST:
        return made
    return f"{made[: LONGEST - 9]}_{sha256(name.encode()).hexdigest()[:8]}"


def has_valid_characters(name: str) -> bool:
    """Whether something of the name is left when what vendors refuse is gone."""
    return bool(_REFUSED.sub("", name).strip("_-"))


def unique(names: Iterable[str]) -> dict[str, str]:
    """Valid name → the name that it stands for, in the order given. Of two that become the same, the later gets a
    number."""
    made: dict[str, str] = {}
    for name in names:
        short, number = valid(name), 2
        candidate = short
        while candidate in made:
            candidate = f"{short[: LONGEST - len(str(number)) - 1]}_{number}"
            number += 1
        made[candidate] = name
    return made
