"""The ``usage`` object of chat completions, in our numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from turnstream import usage

_CACHED = ("prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens")


def read(raw: dict[str, Any]) -> usage.Usage:
    """What vendors count outside of ``completion_tokens`` (xAI and Gemini: reasoning) is in their total."""
    prompt, completion = _number(raw, "prompt_tokens"), _number(raw, "completion_tokens")
    total = _number(raw, "total_tokens")
    prompts, completions = _details(raw, "prompt_tokens_details"), _details(raw, "completion_tokens_details")
    return usage.Usage(
        input=prompt,
        output=max(completion, total - prompt) if prompt else completion,
        cached=_number(prompts, "cached_tokens") or _first(raw, _CACHED),
        cache_write=_number(prompts, "cache_write_tokens") or _number(raw, "cache_creation_input_tokens"),
        reasoning=_number(completions, "reasoning_tokens") or _number(raw, "reasoning_tokens"),
        raw=raw,
    )


def _details(raw: dict[str, Any], name: str) -> dict[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _first(raw: dict[str, Any], names: Sequence[str]) -> int:
    """The first of these numbers that there is."""
    for name in names:
        if name in raw and (number := _number(raw, name)):
            return number
    return 0


def _number(raw: dict[str, Any], name: str) -> int:
    value = raw.get(name, 0)
    if type(value) is not int:
        value = int(value) if isinstance(value, int | float) and 0 <= value < 1e15 else 0
    return value if 0 <= value < 1e15 else 0
