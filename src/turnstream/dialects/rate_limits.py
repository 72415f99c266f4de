"""What is left of a client's rates, as headers in the words of its protocol's vendor.

OpenAI's are `x-ratelimit-*`, with times as `6m0s`; Anthropic's are `anthropic-ratelimit-*`, with times by RFC 3339. The
other protocols have none of their own: they get OpenAI's, which most gateways and clients know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from turnstream import limits
from turnstream.dialects.anthropic_messages import AnthropicMessages

_OPENAI = "x-ratelimit-{part}-{kind}"
_ANTHROPIC = "anthropic-ratelimit-{kind}-{part}"
NAMES = [
    name.format(kind=kind, part=part)
    for name in (_OPENAI, _ANTHROPIC)
    for kind in ("requests", "tokens")
    for part in ("limit", "remaining", "reset")
]


def headers(dialect: str, rates: Sequence[limits.Rate], now: float) -> Mapping[str, str]:
    """``now`` is in seconds since the epoch."""
    told = {}
    for rate in rates:
        if dialect == AnthropicMessages.name:
            name, reset = _ANTHROPIC, datetime.fromtimestamp(now + rate.reset, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        else:
            name, reset = _OPENAI, _duration(rate.reset)
        for part, value in (("limit", rate.limit), ("remaining", max(0, rate.remaining)), ("reset", reset)):
            told[name.format(kind=rate.kind, part=part)] = str(value)
    return told


def _duration(seconds: float) -> str:
    """As Go writes it: 850ms, 7.66s, 6m0s."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 2), 60)
    return f"{int(minutes)}m{rest:g}s" if minutes else f"{rest:g}s"
