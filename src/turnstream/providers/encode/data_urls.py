"""Images and documents of a message, taken apart for vendors that want them so."""

from __future__ import annotations

import base64
from urllib.parse import unquote_to_bytes

from msgspec import Struct


class Media(Struct, frozen=True):
    """A ``data:`` URL taken apart: its media type in lower case, its content as base64."""

    type: str
    base64: str

    @property
    def content(self) -> bytes:
        """Raises `ValueError` for text that is not base64."""
        return base64.b64decode(self.base64, validate=True)

    @property
    def text(self) -> str:
        """The content as text; bytes that are not UTF-8 are replaced, what is not base64 is given as it stands."""
        try:
            return self.content.decode("utf-8", "replace")
        except ValueError:
            return self.base64


def inline(url: str) -> Media | None:
    """None for a URL that is not a ``data:`` URL (RFC 2397)."""
    if url[:5].lower() != "data:":
        return None
    head, _, content = url[5:].partition(",")
    media_type, *parameters = head.split(";")
    if "base64" not in (parameter.strip().lower() for parameter in parameters):
        content = base64.b64encode(unquote_to_bytes(content)).decode("ascii")
    return Media(media_type.strip().lower() or "text/plain", content)
