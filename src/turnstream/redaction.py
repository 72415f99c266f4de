"""Which parts of what is configured are secrets, by their names and places: for the one `text.Redactor` that keeps them
out of results, errors and logs."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_NAME = re.compile(
    r"(?:^|[^a-z])(?:api)?(?:key|token|secret|password|passwd|passphrase|pwd|pass|credential|authorization|auth|bearer"
    r"|cookie|signature|sig|pat|jwt)s?[0-9]*$"
)
_WORDS = re.compile(r"([a-z0-9])([A-Z])")
_HARMLESS = re.compile(
    r"(?:^|[^a-z])(?:(?:max|min)[^a-z].*"
    r"|(?:public|sort|order|primary|foreign|partition|cache|row|idempotency)[-_ .]?keys?)$"
)
_FOLDERS = frozenset({"PWD", "OLDPWD"})  # of the shell, which tells them to whatever it starts
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
LONGEST_NAME = 200


def is_secret_name(name: str) -> bool:
    """Whether what has this name is a secret: ``X-API-Key``, ``accessToken``, ``DB_PASSWORD``; not ``max_tokens``."""
    return _is_secret(name[:LONGEST_NAME])


@lru_cache(maxsize=1000)  # the headers of each kept request are asked about
def _is_secret(name: str) -> bool:
    words = _WORDS.sub(r"\1_\2", name).lower()
    return _NAME.search(words) is not None and _HARMLESS.search(words) is None and name not in _FOLDERS


def of_header(name: str, value: str) -> list[str]:
    """The value, and the part of it behind its scheme (``Bearer …``), if the name is that of a secret."""
    return [value, value.rpartition(" ")[2]] if is_secret_name(name) else []


def of_login(user: str, password: str) -> list[str]:
    """A password, and the form in which a request carries it (RFC 7617)."""
    return [password, b64encode(f"{user}:{password}".encode("utf-8", "surrogatepass")).decode()]


def of_url(url: str) -> list[str]:
    """The password in front of its host, and the values in its query that have the names of secrets."""
    try:
        parts = urlsplit(url)
        user, password = parts.username or "", parts.password
    except ValueError:
        return []
    found = [] if not password else [password, *of_login(unquote(user), unquote(password))]
    if user and not password:  # a token in the place of the user
        found += [user, unquote(user)]
    pairs = parse_qsl(parts.query, max_num_fields=1000) if parts.query.count("&") < 1000 else []
    return found + [value for name, value in pairs if is_secret_name(name)]


def collect(value: Any, name: str = "") -> Iterator[str]:
    """Those in a configuration, or in any JSON value: what has the name of one, whatever is in a list with such a name,
    what URLs carry, what follows ``--token`` in a list of arguments."""
    match value:
        case str():
            if is_secret_name(name):
                yield value
                yield value.rpartition(" ")[2]
            elif _URL.match(value):
                yield from of_url(value)
        case Mapping():
            user, password = value.get("username") or value.get("user"), value.get("password")
            if isinstance(user, str) and isinstance(password, str):
                yield from of_login(user, password)
            for key, item in value.items():
                yield from collect(item, str(key))
        case list() | tuple():
            before = ""
            for item in value:
                option = before if before.startswith("-") else ""
                if isinstance(item, str):
                    before, _, given = item.partition("=")
                    if before.startswith("-") and given and is_secret_name(before):
                        yield given
                yield from collect(item, option.lstrip("-") if is_secret_name(option) else name)
        case _:
            return
