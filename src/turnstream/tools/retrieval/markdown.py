"""Markdown as sections, one for each heading. Everything but headings stays as it is written: models read Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from turnstream.tools.retrieval.documents import Document, Section, web_address

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
_NO_PARAGRAPH = re.compile(r"\s*(?:[-*+>|#]|\d+[.)]|<|`{3}|~{3})|\s{4}")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_FRONT = re.compile(r"(---|\+\+\+)[ \t]*\r?\n(.{0,16384}?)(?:^|\n)\1[ \t]*\r?(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_MEMBER = re.compile(r"^(title|url)[ \t]*[:=][ \t]*(.+?)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_KEY = re.compile(r"[\w.-]+[ \t]*:(?:[ \t]|$)|[ \t]|-[ \t]|#")


def read(text: str, name: str) -> Document:
    """The title is the front matter's, else the first heading's, else ``name``."""
    members, start = _front_matter(text)
    sections = list(_sections(text[start:]))
    first = next((section.heading.partition(" › ")[0] for section in sections if section.heading), "")
    return Document(members.get("title") or first or name, sections, web_address(members.get("url")))


def _front_matter(text: str) -> tuple[dict[str, str], int]:
    """Its title and address, and where it ends. What stands between two rules and is not a mapping is text."""
    front = _FRONT.match(text)
    if front is None:
        return {}, 0
    value = _toml(front[2]) if front[1] == "+++" else _yaml(front[2])
    if value is None:
        return {}, 0
    members = {str(key).lower(): one for key, one in value.items()}
    return {key: str(members[key]) for key in ("title", "url") if members.get(key)}, front.end()


def _yaml(text: str) -> Mapping[str, Any] | None:
    """None for what is not a mapping. What merely should have been one counts by its lines."""
    import yaml

    from turnstream.parsing import yaml12

    try:
        value = yaml12.load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines or not all(_KEY.match(line) for line in lines):
            return None
        return {key: one.strip("\"'") for key, one in _MEMBER.findall(text)}
    return {} if value is None else value if isinstance(value, dict) else None


def _toml(text: str) -> Mapping[str, Any] | None:
    import tomllib

    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _sections(text: str) -> Iterator[Section]:
    path = Path()
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and (not fence or (mark[1].startswith(fence) and line.strip() == mark[1])):
            fence = "" if fence else mark[1]
        if fence or mark:
            lines.append(line)
            continue
        heading = _HEADING.fullmatch(line)
        underline = _UNDERLINE.fullmatch(line)
        if heading is not None:
            level, title = len(heading[1]), heading[2]
        elif underline is not None and _is_alone(lines):
            level, title = (1 if underline[1][0] == "=" else 2), lines.pop()
        else:
            lines.append(line)
            continue
        yield Section(str(path), "\n".join(lines))
        path.enter(level, title)
        lines = []
    yield Section(str(path), "\n".join(lines))


def _is_alone(lines: list[str]) -> bool:
    """The last line is a paragraph of its own, which what stands below it makes a heading."""
    if not lines or not lines[-1].strip() or _NO_PARAGRAPH.match(lines[-1]):
        return False
    return len(lines) == 1 or not lines[-2].strip()


class Path:
    """The headings that stand above a place, by their levels from 1 to 6."""

    def __init__(self) -> None:
        self._headings: dict[int, str] = {}

    def enter(self, level: int, heading: str) -> None:
        self._headings = {above: text for above, text in self._headings.items() if above < level}
        self._headings[level] = " ".join(heading.split())

    def __str__(self) -> str:
        return " › ".join(text for text in self._headings.values() if text)
