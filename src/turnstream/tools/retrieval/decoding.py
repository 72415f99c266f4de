"""The bytes of a text file as text."""

from __future__ import annotations

import codecs
import re

from turnstream.tools.retrieval.documents import Skipped

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_WHERE_CHARSET = 4096
_UNUSED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_MOST_UNUSED = 0.01
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decoded(data: bytes, *, html: bool = False) -> str:
    """By the byte order mark, as UTF-8, by what an HTML page declares, or as Windows-1252. Raises `Skipped`."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _checked(data[len(mark) :].decode(encoding, "replace"))
    try:
        return _checked(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    declared = _CHARSET.search(data[:_WHERE_CHARSET]) if html else None
    try:
        return _checked(data.decode(declared[1].decode() if declared else "cp1252", "replace"))
    except LookupError:  # no such encoding, or none of texts
        return _checked(data.decode("cp1252", "replace"))


def _checked(text: str) -> str:
    if len(_UNUSED.findall(text)) + text.count("\ufffd") > max(3, _MOST_UNUSED * len(text)):
        raise Skipped("it is no text")
    return _UNUSED.sub(" ", text).replace("\r\n", "\n").replace("\r", "\n")
