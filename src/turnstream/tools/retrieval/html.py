"""HTML as sections, without markup, scripts, styles, navigation, footers and what is hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser

from turnstream.tools.retrieval.documents import Document, Section, web_address
from turnstream.tools.retrieval.markdown import Path

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_PARAGRAPH_ENDS = frozenset(
    {"p", "div", "ul", "ol", "dl", "table", "section", "article", "main", "pre", "blockquote", "form", *_HEADINGS}
)  # elements that end a paragraph which nobody closed
_LEFT_OUT = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "nav", "footer"})
_CONTENT = frozenset({"main", "article", "h1"})
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_HIDING_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "dialog", "alertdialog", "menu", "menubar"})
_HIDING_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)", re.IGNORECASE)
_COOKIES = re.compile(r"cookie|consent|gdpr", re.IGNORECASE)
_NOTICES = re.compile(r"banner|notice|popup|modal|dialog|overlay|consent|bar\b|message", re.IGNORECASE)
_ENDS_BEFORE = {
    "p": _PARAGRAPH_ENDS,
    "li": frozenset({"li"}),
    "dd": frozenset({"dt", "dd"}),
    "td": frozenset({"td", "th", "tr"}),
}
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


def _is_hidden(tag: str, attributes: Mapping[str, str | None]) -> bool:
    """What no reader of the page sees is noise, and a place for orders to whoever reads it here."""
    if "hidden" in attributes and (attributes["hidden"] or "").lower() != "until-found":
        return True
    if (attributes.get("aria-hidden") or "").strip().lower() == "true":
        return True
    if (attributes.get("role") or "").strip().lower() in _HIDING_ROLES or (
        tag == "dialog" and "open" not in attributes
    ):
        return True
    if _HIDING_STYLE.search(attributes.get("style") or ""):
        return True
    named = f"{attributes.get('id') or ''} {attributes.get('class') or ''} {attributes.get('aria-label') or ''}"
    return tag not in ("html", "body") and bool(_COOKIES.search(named) and _NOTICES.search(named))


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
        self._hidden: list[str] = []  # the outermost hidden element, and those of its name within it
        self._as_written = 0

    def handle_starttag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        if self._hidden and tag in _ENDS_BEFORE.get(self._hidden[0], ()):
            self._hidden.clear()
        if self._hidden or (tag not in _VOID and _is_hidden(tag, dict(attributes))):
            if not self._hidden or tag == self._hidden[0]:
                self._hidden.append(tag)
            return
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
        if self._hidden:
            if tag == self._hidden[0]:
                self._hidden.pop()
            elif tag == "body":
                self._hidden.clear()  # somebody forgot to close it
        elif tag in self._left_out:
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
        if self._left_out or self._hidden:
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
