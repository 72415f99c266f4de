"""From a file's bytes to its title and its text in sections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TypeAlias

from turnstream.tools.retrieval import html, markdown, pdf
from turnstream.tools.retrieval.decoding import decode
from turnstream.tools.retrieval.documents import Document, Section, SkippedError

VERSION = 4
"""To be raised when the same bytes give another document, or a document other chunks: then all files are read again."""

Reader: TypeAlias = Callable[[bytes, str, str | None], Document]


def _text(data: bytes, name: str, encoding: str | None) -> Document:
    return Document(name, [Section("", decode(data, encoding=encoding))])


def _markdown(data: bytes, name: str, encoding: str | None) -> Document:
    return markdown.read(decode(data, encoding=encoding), name)


def _html(data: bytes, name: str, encoding: str | None) -> Document:
    return html.read(decode(data, html=True, encoding=encoding), name)


def _pdf(data: bytes, name: str, encoding: str | None) -> Document:
    return pdf.read(data, name)


READERS: Mapping[str, Reader] = {
    **dict.fromkeys((".txt", ".text", ".rst"), _text),
    **dict.fromkeys((".md", ".markdown", ".mdx"), _markdown),
    **dict.fromkeys((".html", ".htm", ".xhtml"), _html),
    ".pdf": _pdf,
}
"""By the ending of the file's name, in lower case. Other files are not looked at."""


def extract(path: str, data: bytes, encoding: str | None = None) -> Document:
    """``encoding`` is that of texts which are not UTF-8 and name none. Raises `SkippedError`."""
    name = PurePath(path)
    document = READERS[name.suffix.lower()](data, name.name, encoding)
    if not any(section.text.strip() for section in document.sections):
        raise SkippedError("it has no text")
    return document
