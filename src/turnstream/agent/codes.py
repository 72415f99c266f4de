"""Names of questions, short enough to be typed: ``K7QF-3M2P``."""

from __future__ import annotations

import secrets

_LETTERS, _DIGITS = "ABCDEFGHJKMNPQRSTVWXYZ", "23456789"  # none that is taken for another


def new_code() -> str:
    """40 bits. Each half begins with a letter and has a digit, so that no word is one."""
    return "-".join(_half() for _ in range(2))


def _half() -> str:
    rest = [secrets.choice(_DIGITS), secrets.choice(_LETTERS + _DIGITS), secrets.choice(_LETTERS + _DIGITS)]
    secrets.SystemRandom().shuffle(rest)
    return secrets.choice(_LETTERS) + "".join(rest)
