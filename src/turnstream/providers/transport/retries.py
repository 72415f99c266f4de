"""When to try again, and how long to wait before. No clock and no randomness of its own."""

from __future__ import annotations

FIRST_WAIT = 0.5
LONGEST_WAIT = 8.0
LONGEST_ASKED = 30.0
"""The longest ``Retry-After`` that is waited for, in seconds: whoever asks for more is not asked again."""


def wait(attempt: int, asked: float | None, chance: float) -> float | None:
    """Seconds before the next try; None: do not try. ``attempt`` counts from 0, ``chance`` is from 0 to 1.

    Without a word of the vendor the wait doubles each time, and jitter keeps many runs from coming back at once.
    """
    if asked is None:
        return float(min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * (0.5 + chance / 2))
    return None if asked > LONGEST_ASKED else asked + chance * FIRST_WAIT / 5
