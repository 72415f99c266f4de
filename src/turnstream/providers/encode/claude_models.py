"""What each Claude model takes, read from its name. The same models stand behind several vendors' protocols.

Facts of November 2026, from Anthropic's model overview, migration guides and error messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

from turnstream import messages

Thinking = Literal["none", "budget", "either", "adaptive"]

SMALLEST_BUDGET = 1024
"""Tokens to think with."""
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24_576, "xhigh": 30_000, "max": 30_000}

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


def thinking_budget(effort: str) -> int:
    """The tokens that an effort means, for models that want them counted."""
    return _BUDGETS.get(effort, _BUDGETS["medium"])


def is_thoughtless_round(
    conversation: Sequence[messages.Message], is_thinking: Callable[[messages.ProviderItem], bool]
) -> bool:
    """Whether the round of tools to be continued was begun by an answer without thinking of this vendor's.

    With thinking on, the vendor refuses such a history.
    """
    for message in reversed(conversation):
        if isinstance(message, messages.UserMessage):
            return False
        if isinstance(message, messages.AssistantMessage) and message.tool_calls:
            return not any(isinstance(part, messages.ProviderItem) and is_thinking(part) for part in message.parts)
    return False


def continues_answers(name: str) -> bool:
    """Whether a conversation may end with words of the assistant, which the model then goes on with."""
    lower = name.lower()
    known = version(lower)
    newer = "mythos" in lower or "fable" in lower or (known is not None and known >= (4, 6))
    return not ("claude" in lower and newer)
