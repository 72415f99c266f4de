"""The text of a PDF, a section for each page."""

from __future__ import annotations

import io
import re
from typing import Any

from turnstream.tools.retrieval import pdf_layout
from turnstream.tools.retrieval.documents import Document, Section, SkippedError

_CUT_WORD = re.compile(r"([^\W\d_])[-\u00ad\u2010][ \t]*\n[ \t]*([^\W\d_])")
_NO_TITLE = re.compile(
    r"untitled[ \d()]*|(?:document|presentation|slide|book|sheet|dokument|scan)[ _-]?\d*|(?:microsoft|powerpoint)\b.*"
    r"|(?:\S+|.* - .*)\.(?:docx?|pptx?|xlsx?|odt|rtf|pdf|indd|qxd|tex|dvi|ps|cdr|ai|html?|txt)",
    re.IGNORECASE,
)
_MOST_PAGES = 5_000
_MOST_CHARACTERS = 20_000_000


def read(data: bytes, name: str) -> Document:
    """Raises `SkippedError`, also for a PDF of pictures: it has no text, and nobody here can see."""
    try:
        import pypdf
    except ModuleNotFoundError:
        raise SkippedError("PDF needs: pip install 'turnstream[retrieval]'", lasting=False) from None
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise SkippedError("it is encrypted")
        if len(reader.pages) > _MOST_PAGES:
            raise SkippedError(f"it has more than {_MOST_PAGES:,} pages")
        return Document(_title(reader) or name, _pages(reader))
    except (SkippedError, MemoryError):
        raise
    except Exception as error:  # a broken file makes the library raise whatever it likes, a RecursionError too
        raise SkippedError(f"it is not a PDF that can be read ({type(error).__name__})") from error


def _pages(reader: Any) -> list[Section]:
    sections: list[Section] = []
    characters = 0
    for number, page in enumerate(reader.pages, 1):
        text = _text(page)
        characters += len(text)
        if characters > _MOST_CHARACTERS:
            raise SkippedError(f"it has more than {_MOST_CHARACTERS:,} characters")
        sections.append(Section(f"page {number}", text))
    if not characters:
        raise SkippedError("it has no text, only pictures of it")
    return sections


def _text(page: Any) -> str:
    """In the order in which it is read. A word that was cut at the end of a line is one word again."""
    text = page.extract_text().replace("\x00", "")
    if pdf_layout.may_be_out_of_order(text):
        text = pdf_layout.read(text, page.extract_text(extraction_mode="layout").replace("\x00", ""))
    return _CUT_WORD.sub(_join, text)


def _join(match: re.Match[str]) -> str:
    return match[1] + match[2] if match[2].islower() else match[0]


def _title(reader: Any) -> str:
    """ "" for what a program wrote because nobody did."""
    title = reader.metadata.title if reader.metadata else None
    title = " ".join(title.split()) if isinstance(title, str) else ""
    return "" if _NO_TITLE.fullmatch(title) else title
