"""HTML as sections, without markup, scripts, styles, navigation, footers and what is hidden.

libxml2 reads the page and says where elements begin and end, also those that nobody closed. It builds no tree here, so
time and memory grow with the page alone, however deep its elements are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from turnstream.tools.retrieval.documents import Document, Section, SkippedError, web_address
from turnstream.tools.retrieval.markdown import Path

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_MOST_HEADING = 300  # characters: what is longer was a heading that nobody closed
_LEFT_OUT = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "nav", "footer"})
_CONTENT = frozenset({"main", "article", "h1"})
_HIDING_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "dialog", "alertdialog", "menu", "menubar"})
_HIDING_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)", re.IGNORECASE)
_COOKIES = re.compile(r"cookie|consent|gdpr", re.IGNORECASE)
_NOTICES = re.compile(r"banner|notice|popup|modal|dialog|overlay|consent|bar\b|message", re.IGNORECASE)
_BLOCKS = frozenset(
    {"p", "div", "section", "article", "main", "header", "aside", "ul", "ol", "dl", "table", "blockquote", "form"}
    | {"pre", "figure", "hr", "address", "details", "summary", "fieldset", "body"}
)
_LINES = frozenset({"br", "li", "tr", "dt", "dd", "option", "caption", "figcaption"})


def read(text: str, name: str) -> Document:
    """The title is the ``title`` element's, else the first heading's, else ``name``; the address the canonical one.
    Raises `SkippedError`."""
    try:
        from lxml import etree
    except ModuleNotFoundError:
        raise SkippedError("HTML needs: pip install 'turnstream[retrieval]'", lasting=False) from None
    page = _Page()
    parser = etree.HTMLParser(target=page, huge_tree=True)
    try:
        parser.feed(text)
        parser.close()
    except (etree.LxmlError, ValueError) as error:
        raise SkippedError(f"it is not HTML that can be read ({type(error).__name__})") from error
    title = " ".join("".join(page.title).split()) or page.first_heading or name
    return Document(title, page.sections, web_address(page.canonical))


def _is_hidden(tag: str, attributes: Mapping[str, str]) -> bool:
    """What no reader of the page sees is noise, and a place for orders to whoever reads it here."""
    if "hidden" in attributes and attributes["hidden"].lower() != "until-found":
        return True
    if attributes.get("aria-hidden", "").strip().lower() == "true":
        return True
    if attributes.get("role", "").strip().lower() in _HIDING_ROLES or (tag == "dialog" and "open" not in attributes):
        return True
    if _HIDING_STYLE.search(attributes.get("style", "")):
        return True
    named = f"{attributes.get('id', '')} {attributes.get('class', '')} {attributes.get('aria-label', '')}"
    return tag not in ("html", "body") and bool(_COOKIES.search(named) and _NOTICES.search(named))


class _Page:
    """Told of each element and each text by libxml2: `start` and `end` of each, `data`, at last `close`."""

    def __init__(self) -> None:
        self.title: list[str] = []
        self.first_heading = ""
        self.canonical: str | None = None
        self.sections: list[Section] = []
        self._path = Path()
        self._words: list[str] = []
        self._heading: list[str] | None = None
        self._in_title = False
        self._left_out = self._hidden = 0  # how many such elements are open; of hidden ones, all within them
        self._as_written = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._hidden or _is_hidden(tag, attributes):
            self._hidden += 1
            return
        if tag in _CONTENT:
            self._left_out = 0  # somebody forgot to close their navigation
        if tag in _LEFT_OUT:
            self._left_out += 1
        elif tag == "title":
            self._in_title = not self._left_out
        elif tag == "link":
            if "canonical" in attributes.get("rel", "").lower().split():
                self.canonical = self.canonical or attributes.get("href")
        elif tag in _HEADINGS and not self._left_out:
            self._end_section()
            self._heading = []
        else:
            self._as_written += tag == "pre"
            self._break(tag)

    def end(self, tag: str) -> None:
        if self._hidden:
            self._hidden -= 1
        elif self._left_out and tag in _LEFT_OUT:
            self._left_out -= 1
        elif tag == "title":
            self._in_title = False
        elif tag in _HEADINGS and self._heading is not None:
            heading = " ".join("".join(self._heading).split())
            if len(heading) > _MOST_HEADING:
                self._words += self._heading
                heading = ""
            self._heading = None
            if heading:
                self.first_heading = self.first_heading or heading
                self._path.enter(_HEADINGS[tag], heading)
        else:
            self._as_written -= tag == "pre" and self._as_written > 0
            if tag in _BLOCKS:
                self._break(tag)

    def data(self, text: str) -> None:
        if self._left_out or self._hidden:
            return
        if self._in_title:
            self.title.append(text)
        elif self._heading is not None:
            self._heading.append(text)
        else:
            self._words.append(text if self._as_written else re.sub(r"\s+", " ", text))

    def close(self) -> None:
        self._end_section()

    def _end_section(self) -> None:
        self._words += self._heading or ()  # a heading within a heading: the outer one is text
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
