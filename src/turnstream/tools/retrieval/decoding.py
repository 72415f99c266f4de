"""The bytes of a text file as text."""

from __future__ import annotations

import codecs
import re

from turnstream.tools.retrieval.documents import SkippedError
from turnstream.tools.retrieval.encodings import guess

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


def decode(data: bytes, *, html: bool = False, encoding: str | None = None) -> str:
    """By the byte order mark, as UTF-8, by what an HTML page declares, as ``encoding``, else as what it looks like.
    Raises `SkippedError`."""
    for mark, marked in _BOMS:
        if data.startswith(mark):
            return _check(data[len(mark) :].decode(marked, "replace"))
    if b"\0" in data[:_WHERE_CHARSET]:
        return _check(data.decode(guess(data), "replace"))
    try:
        return _check(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    declared = _CHARSET.search(data[:_WHERE_CHARSET]) if html else None
    for named in (declared[1].decode() if declared else None, encoding):
        if named is not None:
            try:
                return _check(data.decode(named, "replace"))
            except LookupError:  # no such encoding, or none of texts
                pass
    return _check(data.decode(guess(data), "replace"))


def _check(text: str) -> str:
    if len(_UNUSED.findall(text)) + text.count("\ufffd") > max(3, _MOST_UNUSED * len(text)):
        raise SkippedError("it is not text")
    return _UNUSED.sub(" ", text).replace("\r\n", "\n").replace("\r", "\n")
