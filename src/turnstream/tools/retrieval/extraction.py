"""From a file's bytes to its title and its text in sections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TypeAlias

from turnstream.tools.retrieval import html, markdown, pdf
from turnstream.tools.retrieval.decoding import decoded
from turnstream.tools.retrieval.documents import Document, Section, Skipped

VERSION = 1
"""To be raised when the same bytes give another document, or a document other chunks: then all files are read anew."""

Reader: TypeAlias = Callable[[bytes, str], Document]


def _text(data: bytes, name: str) -> Document:
    return Document(name, [Section("", decoded(data))])


def _markdown(data: bytes, name: str) -> Document:
    return markdown.read(decoded(data), name)


def _html(data: bytes, name: str) -> Document:
    return html.read(decoded(data, html=True), name)


READERS: Mapping[str, Reader] = {
    **dict.fromkeys((".txt", ".text", ".rst"), _text),
    **dict.fromkeys((".md", ".markdown", ".mdx"), _markdown),
    **dict.fromkeys((".html", ".htm", ".xhtml"), _html),
    ".pdf": pdf.read,
}
"""By the ending of the file's name, in lower case. Other files are not looked at."""


def extract(path: str, data: bytes) -> Document:
    """Raises `Skipped`."""
    name = PurePath(path)
    document = READERS[name.suffix.lower()](data, name.name)
    if not any(section.text.strip() for section in document.sections):
        raise Skipped("it has no text")
    return document
