"""Markdown as sections, one for each heading. Everything but headings stays as it is written: models read Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from turnstream.tools.retrieval.documents import Document, Section, web_address

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_FRONT = re.compile(r"---[ \t]*\n(.{0,16384}?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_MEMBER = re.compile(r"^(title|url)[ \t]*:[ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)


def read(text: str, name: str) -> Document:
    """The title is the front matter's, else the first heading's, else ``name``."""
    front = _FRONT.match(text)
    members = {key.lower(): value.strip("\"'") for key, value in _MEMBER.findall(front[1])} if front else {}
    sections = list(_sections(text[front.end() :] if front else text))
    first = next((section.heading.partition(" › ")[0] for section in sections if section.heading), "")
    return Document(members.get("title") or first or name, sections, web_address(members.get("url")))


def _sections(text: str) -> Iterator[Section]:
    path = Path()
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and (not fence or (mark[1].startswith(fence) and line.strip() == mark[1])):
            fence = "" if fence else mark[1]
        heading = None if fence or mark else _HEADING.fullmatch(line)
        if heading is None:
            lines.append(line)
            continue
        yield Section(str(path), "\n".join(lines))
        path.enter(len(heading[1]), heading[2])
        lines = []
    yield Section(str(path), "\n".join(lines))


class Path:
    """The headings that stand above a place, by their levels from 1 to 6."""

    def __init__(self) -> None:
        self._headings: dict[int, str] = {}

    def enter(self, level: int, heading: str) -> None:
        self._headings = {above: text for above, text in self._headings.items() if above < level}
        self._headings[level] = " ".join(heading.split())

    def __str__(self) -> str:
        return " › ".join(text for text in self._headings.values() if text)
