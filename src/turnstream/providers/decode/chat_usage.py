"""The ``usage`` object of chat completions, in our numbers."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from turnstream import usage

_Count = Annotated[int, Meta(ge=0, lt=10**15)]


class _Details(Struct, gc=False):
    cached_tokens: _Count = 0
    cache_write_tokens: _Count = 0
    reasoning_tokens: _Count = 0


_NO_DETAILS = _Details()


class _Counts(Struct, gc=False):
    prompt_tokens: _Count = 0
    completion_tokens: _Count = 0
    total_tokens: _Count = 0
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: _Count = 0
    cache_read_input_tokens: _Count = 0
    cached_tokens: _Count = 0
    cache_creation_input_tokens: _Count = 0
    reasoning_tokens: _Count = 0


def read(raw: dict[str, Any]) -> usage.Usage:
    """What vendors count outside of ``completion_tokens`` (xAI and Gemini: reasoning) is in their total."""
    try:
        counts = msgspec.convert(raw, _Counts)
    except msgspec.ValidationError:
        counts = _read_leniently(raw)
    prompt, completion = counts.prompt_tokens, counts.completion_tokens
    prompts = counts.prompt_tokens_details or _NO_DETAILS
    completions = counts.completion_tokens_details or _NO_DETAILS
    cached = counts.prompt_cache_hit_tokens or counts.cache_read_input_tokens or counts.cached_tokens
    return usage.Usage(
        input=prompt,
        output=max(completion, counts.total_tokens - prompt) if prompt else completion,
        cached=prompts.cached_tokens or cached,
        cache_write=prompts.cache_write_tokens or counts.cache_creation_input_tokens,
        reasoning=completions.reasoning_tokens or counts.reasoning_tokens,
        raw=raw,
    )


def _read_leniently(raw: dict[str, Any]) -> _Counts:
    """What is no number of tokens counts as none."""
    counts: dict[str, Any] = _numbers(raw, _Counts)
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        if isinstance(details := raw.get(name), dict):
            counts[name] = _numbers(details, _Details)
    return msgspec.convert(counts, _Counts)


def _numbers(raw: dict[str, Any], kind: type[Struct]) -> dict[str, int]:
    found = {name: raw[name] for name in kind.__struct_fields__ if name in raw}
    return {name: int(value) for name, value in found.items() if isinstance(value, int | float) and 0 <= value < 1e15}
