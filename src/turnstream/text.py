"""Text that comes from elsewhere, made fit to be sent on: whole characters, a bounded length, no secrets."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

import msgspec

V = TypeVar("V")
MASK = "***"
_LONE = re.compile("[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]")
SHORTEST_SECRET = 6
"""Characters. Shorter values are not masked: they would stand in ordinary words too."""


def join_surrogates(text: str) -> str:
    """``text`` with halves of one character joined and each lone half as U+FFFD, so that it can be encoded."""
    whole = _LONE.sub("\ufffd", text)  # by codecs' own error handlers a million of them take a third of a second
    return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def join_surrogates_in(value: V) -> V:
    """A JSON value with each of its strings, keys included, as `join_surrogates` gives it."""
    same_shape: V = _map_strings(join_surrogates, value)
    return same_shape


def excerpt(text: str, most: int) -> str:
    """``text``, or its beginning and an ellipsis: ``most`` characters in all."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Redactor:
    """Puts `MASK` for each of the secrets, wherever it stands in a text, in the encodings that texts quote it in: as it
    is, percent-encoded, as part of a JSON string or of HTML, also twice (JSON thrice), and in base64, also as part of
    something longer.
    """

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        wanted = {secret for secret in secrets if secret and len(secret) >= SHORTEST_SECRET}
        self._secrets = [_Secret(each) for each in sorted(wanted, key=len, reverse=True)]  # one may contain another

    def redact(self, value: V) -> V:
        """The value with the secrets masked in every string of it: a text, or a JSON value."""
        if not self._secrets or not self._may_be_in(value):
            return value
        masked: V = _map_strings(self._mask, value)
        return masked

    def _may_be_in(self, value: Any) -> bool:
        """Asked of a value as a whole, because to ask it of each of its strings takes long where they are many."""
        if isinstance(value, str):
            return True
        try:
            whole = msgspec.json.encode(value).decode()
        except (TypeError, ValueError, UnicodeError, RecursionError):
            return True
        return any(clue in whole for secret in self._secrets for clue in secret.clues)

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def _mask(self, text: str) -> str:
        for secret in self._secrets:
            if any(clue in text for clue in secret.clues):
                for form in secret.forms:
                    text = text.replace(form, MASK)
        return text


class _Secret:
    """``forms`` are its encodings, the longest first. Letters and digits are the same in all of them but base64, so a
    text that has none of the ``clues`` has no form of it: most texts are looked through a few times, and not for each.
    """

    __slots__ = ("clues", "forms")

    def __init__(self, secret: str) -> None:
        plain = join_surrogates(secret)
        once = _encode(plain) | {secret}
        twice = once.union(*map(_encode, once))
        often = twice.union(*map(_encode_json, twice))
        in_base64 = {encoded for form in twice for encoded in _in_base64(join_surrogates(form).encode())}
        self.forms = sorted(often | in_base64, key=len, reverse=True)
        core = max(re.findall("[A-Za-z0-9]+", plain) or [""], key=len)
        clues = [core, *_in_base64(core.encode())]
        self.clues = clues if len(core) >= SHORTEST_SECRET else self.forms


def _encode(text: str) -> set[str]:
    quoted = {quote(text, safe=""), quote(text), quote_plus(text)}
    lower = {re.sub("%..", lambda found: found[0].lower(), form) for form in quoted}
    return {text, html.escape(text), *quoted, *lower, *_encode_json(text)}


def _encode_json(text: str) -> set[str]:
    inside = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return inside | {each.replace("/", "\\/") for each in inside}


def _in_base64(secret: bytes) -> Iterator[str]:
    """What is the same in the base64 of whatever has the secret in it: three bytes are four characters, so it depends
    on where it begins, and a character that has bits of its neighbours too is none of it."""
    for shift in range(3):
        encoded = b64encode(bytes(shift) + secret).decode().rstrip("=")
        whole = encoded[(0, 2, 3)[shift] : (shift + len(secret)) * 8 // 6]
        if len(whole) >= SHORTEST_SECRET:
            yield whole
            yield whole.replace("+", "-").replace("/", "_")


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


def find_near(word: str, known: Iterable[str], most: int = 1, likeness: float = 0.6) -> list[str]:
    """Those of the known words that are like it, at most so many, the nearest first. ``likeness`` is 1 for the same
    word, and 0 for one that has nothing of it."""
    import difflib  # for messages alone

    return difflib.get_close_matches(word, list(known), most, likeness)
