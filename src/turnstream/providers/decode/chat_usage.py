"""The ``usage`` object of chat completions, in our numbers."""

from __future__ import annotations

from typing import Any

from turnstream import usage


def read(raw: dict[str, Any]) -> usage.Usage:
    """What vendors count outside of ``completion_tokens`` (xAI and Gemini: reasoning) is in their total."""
    prompt, completion = _number(raw, "prompt_tokens"), _number(raw, "completion_tokens")
    total = _number(raw, "total_tokens")
    prompts, completions = _details(raw, "prompt_tokens_details"), _details(raw, "completion_tokens_details")
    return usage.Usage(
        input=prompt,
        output=max(completion, total - prompt) if prompt else completion,
        cached=_number(prompts, "cached_tokens")
        or _number(raw, "prompt_cache_hit_tokens")
        or _number(raw, "cache_read_input_tokens")
        or _number(raw, "cached_tokens"),
        cache_write=_number(prompts, "cache_write_tokens") or _number(raw, "cache_creation_input_tokens"),
        reasoning=_number(completions, "reasoning_tokens") or _number(raw, "reasoning_tokens"),
        raw=raw,
    )


def _details(raw: dict[str, Any], name: str) -> dict[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _number(raw: dict[str, Any], name: str) -> int:
    value = raw.get(name)
    return int(value) if isinstance(value, int | float) and 0 <= value < 1e15 else 0
