"""The text of a PDF, a section for each page."""

from __future__ import annotations

import io
from typing import Any

from turnstream.tools.retrieval.documents import Document, Section, Skipped

_MOST_PAGES = 5_000
_MOST_CHARACTERS = 20_000_000


def read(data: bytes, name: str) -> Document:
    """Raises `Skipped`, also for a PDF of pictures: it has no text, and nobody here can see."""
    try:
        import pypdf
    except ModuleNotFoundError:
        raise Skipped("PDF needs: pip install 'turnstream[retrieval]'", lasting=False) from None
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Skipped("it is encrypted")
        if len(reader.pages) > _MOST_PAGES:
            raise Skipped(f"it has more than {_MOST_PAGES:,} pages")
        return Document(_title(reader) or name, _pages(reader))
    except (Skipped, MemoryError):
        raise
    except Exception as error:  # a broken file makes the library raise whatever it likes, a RecursionError too
        raise Skipped(f"it is no PDF that can be read ({type(error).__name__})") from error


def _pages(reader: Any) -> list[Section]:
    sections: list[Section] = []
    characters = 0
    for number, page in enumerate(reader.pages, 1):
        text = page.extract_text().replace("\x00", "")
        characters += len(text)
        if characters > _MOST_CHARACTERS:
            raise Skipped(f"it has more than {_MOST_CHARACTERS:,} characters")
        sections.append(Section(f"page {number}", text))
    if not characters:
        raise Skipped("it has no text, only pictures of it")
    return sections


def _title(reader: Any) -> str:
    title = reader.metadata.title if reader.metadata else None
    return " ".join(title.split()) if isinstance(title, str) else ""
