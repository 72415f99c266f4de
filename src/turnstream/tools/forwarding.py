"""What of a user's request goes along with the user's tool calls: what the configuration names, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from turnstream import errors, requests

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Forwarding:
    """``headers`` are names of request headers, ``context`` maps a header to the context value that it carries."""

    def __init__(self, headers: Sequence[str] = (), context: Mapping[str, str] | None = None) -> None:
        self._headers = tuple(header.lower() for header in headers)
        self._context = dict(context or {})
        for name in (*self._headers, *self._context):
            if not is_name(name):
                raise errors.ConfigurationError(f"{name!r} is not a valid name of a header")

    def __bool__(self) -> bool:
        return bool(self._headers or self._context)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the headers that are filled, if the request has them."""
        return (*self._headers, *self._context)

    def of(self, context: requests.RunContext) -> dict[str, str]:
        """Values that cannot stand in a header are left out: a client wrote them."""
        found = {name: context.headers[name] for name in self._headers if name in context.headers}
        for header, key in self._context.items():
            if (value := context.values.get(key)) is not None:
                found[header] = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
        return {name: value for name, value in found.items() if is_value(value)}


def is_name(name: str) -> bool:
    """RFC 9110, section 5.1."""
    return _NAME.fullmatch(name) is not None


def is_value(value: str) -> bool:
    """No line break, so that no value brings a header of its own."""
    return value.isascii() and value.isprintable()
