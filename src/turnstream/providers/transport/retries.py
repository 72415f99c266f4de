"""When to try again, and how long to wait before. No clock and no randomness of its own."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

FIRST_WAIT = 0.5
LONGEST_WAIT = 8.0
LONGEST_ASKED = 30.0
"""The longest ``Retry-After`` that is waited for, in seconds: whoever asks for more is not asked again."""


def read_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the vendor asks to wait (RFC 9110, section 10.2.3; and ``retry-after-ms``), None if it does not say.

    ``now`` is the wall clock, seconds since the epoch.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError, TypeError):
        return None


def _number(value: str | None) -> float | None:
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e9 else None


def wait(attempt: int, asked: float | None, chance: float) -> float | None:
    """Seconds before the next try; None: do not try. ``attempt`` counts from 0, ``chance`` is from 0 to 1.

    Without a word of the vendor the wait doubles each time, and jitter keeps many runs from coming back at once.
    """
    if asked is None:
        return float(min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * (0.5 + chance / 2))
    return None if asked > LONGEST_ASKED else asked + chance * FIRST_WAIT / 5
