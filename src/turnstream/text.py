"""Text that comes from elsewhere, made fit to be sent on: whole characters, a bounded length, no secrets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

V = TypeVar("V")
MASK = "***"
SHORTEST_SECRET = 6
"""Characters. Shorter values are not masked: they would stand in ordinary words too."""


def join_surrogates(text: str) -> str:
    """``text`` with halves of one character joined and each lone half as U+FFFD, so that it can be encoded."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def join_surrogates_in(value: V) -> V:
    """A JSON value with each of its strings, keys included, as `join_surrogates` gives it."""
    same_shape: V = _map_strings(join_surrogates, value)
    return same_shape


def excerpt(text: str, most: int) -> str:
    """``text``, or its beginning and an ellipsis: ``most`` characters in all."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Redactor:
    """Puts `MASK` for each of the secrets, wherever it stands in a text, in the encodings that texts quote it in: as it
    is, percent-encoded, and as part of a JSON string."""

    def __init__(self, secrets: Iterable[str | None]) -> None:
        forms = {form for secret in secrets if secret and len(secret) >= SHORTEST_SECRET for form in _encodings(secret)}
        self._forms = sorted(forms, key=len, reverse=True)  # a secret may contain another one

    def redact(self, value: V) -> V:
        """The value with the secrets masked in every string of it: a text, or a JSON value."""
        masked: V = _map_strings(self._mask, value) if self._forms else value
        return masked

    def _mask(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, MASK)
        return text


def _encodings(secret: str) -> tuple[str, ...]:
    plain = join_surrogates(secret)
    return secret, quote(plain, safe=""), quote(plain), quote_plus(plain), json.dumps(secret)[1:-1]


def _map_strings(change: Callable[[str], str], value: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_map_strings(change, key): _map_strings(change, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_map_strings(change, item) for item in value]
    if isinstance(value, tuple):
        return tuple(_map_strings(change, item) for item in value)
    return value
