"""HTML as sections, without markup, scripts, styles, navigation and footers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser

from turnstream.tools.retrieval.documents import Document, Section, web_address
from turnstream.tools.retrieval.markdown import Path

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LEFT_OUT = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "nav", "footer"})
_CONTENT = frozenset({"main", "article", "h1"})
_BLOCKS = frozenset(
    {"p", "div", "section", "article", "main", "header", "aside", "ul", "ol", "dl", "table", "blockquote", "form"}
    | {"pre", "figure", "hr", "address", "details", "summary", "fieldset", "body"}
)
_LINES = frozenset({"br", "li", "tr", "dt", "dd", "option", "caption", "figcaption"})


def read(text: str, name: str) -> Document:
    """The title is the ``title`` element's, else the first heading's, else ``name``; the address the canonical one."""
    page = _Page()
    page.feed(text)
    page.close()
    page.end_section()
    title = " ".join("".join(page.title).split()) or page.first_heading or name
    return Document(title, page.sections, web_address(page.canonical))


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.first_heading = ""
        self.canonical: str | None = None
        self.sections: list[Section] = []
        self._path = Path()
        self._words: list[str] = []
        self._heading: list[str] | None = None
        self._in_title = False
        self._left_out: list[str] = []
        self._as_written = 0

    def handle_starttag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        if tag in _CONTENT:
            self._left_out.clear()  # somebody forgot to close their navigation
        if tag in _LEFT_OUT:
            self._left_out.append(tag)
        elif tag == "title":
            self._in_title = not self._left_out
        elif tag == "link":
            values = dict(attributes)
            if "canonical" in (values.get("rel") or "").lower().split():
                self.canonical = self.canonical or values.get("href")
        elif tag in _HEADINGS and not self._left_out:
            self.end_section()
            self._heading = []
        else:
            self._as_written += tag == "pre"
            self._break(tag)

    def handle_startendtag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        if tag not in _LEFT_OUT:  # <svg/> leaves out nothing
            self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._left_out:
            del self._left_out[self._left_out.index(tag) :]
        elif tag == "title":
            self._in_title = False
        elif tag in _HEADINGS and self._heading is not None:
            heading = " ".join("".join(self._heading).split())
            self._heading = None
            self.first_heading = self.first_heading or heading
            self._path.enter(_HEADINGS[tag], heading)
        else:
            self._as_written -= tag == "pre" and self._as_written > 0
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._left_out:
            return
        if self._in_title:
            self.title.append(data)
        elif self._heading is not None:
            self._heading.append(data)
        else:
            self._words.append(data if self._as_written else re.sub(r"\s+", " ", data))

    def end_section(self) -> None:
        if self._heading is not None:  # a heading that was never closed is text
            self._words += self._heading
            self._heading = None
        lines = "".join(self._words).split("\n")
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")
        if text.strip():
            self.sections.append(Section(str(self._path), text))
        self._words = []

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._words.append("\n\n")
        elif tag in _LINES:
            self._words.append("\n")
        elif tag in ("td", "th"):
            self._words.append(" ")
