"""Keeps keys out of error texts: vendors and proxies do quote what they were sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from turnstream.providers import base

_Value = TypeVar("_Value")
_TELLING = ("auth", "key", "token", "secret", "cookie")


def secrets(settings: base.Settings) -> list[str]:
    """The key, and each header that by its name may hold one. What is too short to be a secret is left out."""
    found = [settings.api_key or ""]
    for name, value in settings.headers.items():
        if any(word in name.lower() for word in _TELLING):
            found += [value, value.rpartition(" ")[2]]
    return sorted({secret for secret in found if len(secret) >= 6}, key=len, reverse=True)


def without(hidden: Sequence[str], value: _Value) -> _Value:
    """The value, with ``***`` for each secret in any string of it."""
    return _replace(hidden, value) if hidden else value  # type: ignore[return-value]  # same shape, same type


def _replace(hidden: Sequence[str], value: object) -> object:
    if isinstance(value, str):
        for secret in hidden:
            value = value.replace(secret, "***")
        return value
    if isinstance(value, list):
        return [_replace(hidden, item) for item in value]
    if isinstance(value, dict):
        return {key: _replace(hidden, item) for key, item in value.items()}
    return value
