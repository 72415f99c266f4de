"""What extraction makes of a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Section(NamedTuple):
    """``heading`` is the path of headings above the text: ``Install › On Linux``."""

    heading: str
    text: str


class Document(NamedTuple):
    """``url`` is the address that the document itself names, None if it names none."""

    title: str
    sections: Sequence[Section]
    url: str | None = None


class SkippedError(Exception):
    """A file that cannot be indexed, in words for whoever runs the index. ``lasting``: as long as it is not changed."""

    def __init__(self, reason: str, *, lasting: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lasting = lasting


def web_address(value: str | None) -> str | None:
    """The value if it is an address that a citation may show."""
    value = (value or "").strip()
    return value if value.lower().startswith(("http://", "https://")) and not any(map(str.isspace, value)) else None
