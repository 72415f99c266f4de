"""What each Claude model takes, read from its name. The same models stand behind several vendors' protocols.

Facts of November 2026, from Anthropic's model overview, migration guides and error messages.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

Thinking = Literal["none", "budget", "either", "adaptive"]

_VERSION = re.compile(r"claude(?:-[a-z]+)*?-v?(\d{1,2})(?:[-.](\d{1,2}))?(?![0-9])")


class Claude(Struct, frozen=True):
    """``thinking`` is the form of extended thinking; ``sampling`` is False where temperature and top_p are refused;
    ``both_samplings`` is False where only one of them may be given. ``schemas``: answers can be held to a JSON Schema.
    """

    thinking: Thinking
    output_limit: int
    sampling: bool = True
    both_samplings: bool = True
    schemas: bool = False
    effort: bool = False
    xhigh: bool = False


def version(name: str) -> tuple[int, int] | None:
    """(4, 5) of ``us.anthropic.claude-sonnet-4-5-20250929-v1:0``; None for a name that tells none."""
    found = _VERSION.search(name.lower())
    return (int(found[1]), int(found[2] or 0)) if found else None


def capabilities(name: str) -> Claude:
    """Of the model with that name. A name that is not a known Claude's gets what most servers of this protocol take."""
    lower = name.lower()
    if "mythos" in lower or "fable" in lower:
        return Claude("adaptive", 64_000, False, False, True, True, True)
    known = version(lower)
    if known is None:
        return Claude("budget", 8192)
    if known < (3, 7):
        return Claude("none", 8192 if known >= (3, 5) else 4096)
    if known < (4, 1):
        return Claude("budget", 32_000)
    if known < (4, 6):
        return Claude("budget", 32_000, True, False, True, effort="opus-4-5" in lower or "opus-4.5" in lower)
    if known < (4, 7):
        return Claude("either", 64_000, True, False, True, True)
    return Claude("adaptive", 64_000, False, False, True, True, True)


def continues_answers(name: str) -> bool:
    """Whether a conversation may end with words of the assistant, which the model then goes on with."""
    lower = name.lower()
    known = version(lower)
    newer = "mythos" in lower or "fable" in lower or (known is not None and known >= (4, 6))
    return not ("claude" in lower and newer)
