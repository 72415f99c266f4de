"""What a docstring says: about a function, and about each of its arguments."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    import griffe

_SECTIONS = (
    "args|arguments|params|parameters|keyword args|keyword parameters|keyword arguments|other args|other arguments"
    "|other params|other parameters|raises|exceptions|returns|yields|receives|examples?|attributes|functions|methods"
    "|classes|modules|warns|warnings?|deprecated|notes?|tip|hint|see also|references|todo|important"
)
_GOOGLE = re.compile(rf"(?:{_SECTIONS})\s*:\s*", re.IGNORECASE)
_NUMPY = re.compile(rf"(?:{_SECTIONS})\s*", re.IGNORECASE)
_DASHES = re.compile(r"-{3,}\s*")
_ITEM = re.compile(r"(?:[-*+•]|\d+[.)])\s")
_MARKED = re.compile(r"`|^[\s:>=-]|[\s:]$", re.MULTILINE)  # what may be more than text, in some style
_PLAIN_ITEM = re.compile(r"    (\w+)(?: \([^():\n]+\))?: (\S.*(?:\n {8}\S.*)*)\n?")
_PLAIN_ITEMS = re.compile(rf"(?:{_PLAIN_ITEM.pattern})+")
_LISTED = re.compile(rf"(?:^|: )\s*{_ITEM.pattern}", re.MULTILINE)
_INDENTED = re.compile(r" {4}\S.*(?:\n {4,}\S.*)*")
_STYLES: tuple[Literal["google", "numpy", "sphinx"], ...] = ("google", "numpy", "sphinx")


class Docs(Struct, frozen=True):
    """``description`` has no section about arguments, results or errors; ``arguments`` is by name."""

    description: str = ""
    arguments: dict[str, str] = {}


def read(docstring: str | None, names: Collection[str]) -> Docs:
    """Read a docstring in the Google, NumPy or Sphinx style: the one that tells most about the arguments ``names``."""
    text = inspect.cleandoc(docstring or "")
    plain = _read_plain(text)
    return _parse(text, names) if plain is None else plain


def _read_plain(text: str) -> Docs | None:
    """Nearly all are a text and ``Args:`` with an item a line or two, which needs no parser: to load that takes a
    tenth of a server's start and 3 MiB. None for what is not as plain as that."""
    if "\n" not in text:
        return Docs(text)
    if _LISTED.search(text):
        return None
    texts: list[str] = []
    arguments: dict[str, str] = {}
    titles: list[str] = []
    for block in text.split("\n\n"):
        title, _, lines = block.partition("\n")
        if title == "Args:" and _PLAIN_ITEMS.fullmatch(lines):
            arguments.update((item[1], " ".join(item[2].split())) for item in _PLAIN_ITEM.finditer(lines))
            titles.append(title)
        elif title in ("Returns:", "Raises:") and _INDENTED.fullmatch(lines):
            titles.append(title)
        elif block and not titles and not _MARKED.search(block):
            texts.append(block)
        else:
            return None
    return Docs("\n\n".join(texts), arguments)


def _parse(text: str, names: Collection[str]) -> Docs:
    import griffe

    text = _with_lists_below(_with_blank_lines(text))
    documented = set(names)
    best, best_score = Docs(text), (0, 0)
    for style in _STYLES:
        sections = griffe.Docstring(text).parse(style, warnings=False)
        docs = _docs(sections)
        score = (len(documented & docs.arguments.keys()), len(sections))
        if score > best_score:
            best, best_score = docs, score
    return best


def _with_blank_lines(text: str) -> str:
    """One before each section: parsers know a section only so, and many people write none."""
    lines = text.expandtabs(4).split("\n")
    made: list[str] = []
    for at, line in enumerate(lines):
        after = lines[at + 1] if at + 1 < len(lines) else ""
        if made and made[-1].strip() and _begins_section(line, after):
            made.append("")
        made.append(line)
    return "\n".join(made)


def _with_lists_below(text: str) -> str:
    """Items of a list that stand as far left as the arguments, with what belongs to them, below the argument before
    them: a parser would take each for an argument."""
    made: list[str] = []
    column = shift = 0  # of a section's arguments, 0 outside of sections; how far the item goes to the right
    for line in text.split("\n"):
        at = len(line) - len(line.lstrip())
        if line.strip() and at == 0:
            column = -1 if _GOOGLE.fullmatch(line) else 0
        elif line.strip() and column:
            column = at if column < 0 else column
            if at <= column:
                shift = 4 if _ITEM.match(line.lstrip()) else 0
        made.append(" " * shift + line if column > 0 and line.strip() else line)
    return "\n".join(made)


def _begins_section(line: str, after: str) -> bool:
    """``Args:`` with indented lines below, or ``Parameters`` over a line of dashes. A text that merely ends in a colon
    is not one."""
    if _GOOGLE.fullmatch(line):
        return after[:1] == " " and bool(after.strip())
    return _NUMPY.fullmatch(line) is not None and _DASHES.fullmatch(after) is not None


def _join_lines(text: str) -> str:
    """On one line, but for the items of lists, each on its own, and what comes after a list."""
    made: list[str] = []
    column: int | None = None  # of the list's items
    for line in text.split("\n"):
        words, at = " ".join(line.split()), len(line) - len(line.lstrip())
        if not words:
            continue
        is_item = _ITEM.match(words) is not None
        if is_item or not made or (column is not None and (at, words[0].islower()) <= (column, False)):
            made.append(words)
            column = at if is_item else None
        else:
            made[-1] += f" {words}"
    return "\n".join(made)


def _under(title: str, contents: str) -> str:
    """A list stays below its title, one item a line."""
    return f"{title}:\n{textwrap.indent(contents, '    ')}" if _ITEM.match(contents) else f"{title}: {contents}"


def _docs(sections: list[griffe.DocstringSection]) -> Docs:
    texts: list[str] = []
    arguments: dict[str, str] = {}
    for section in sections:
        match section.kind.value:
            case "text":
                texts.append(section.value)
            case "admonition":  # a note or a warning is meant for whoever calls: here, the model
                texts.append(_under(section.title or "", section.value.contents))
            case "parameters" | "other parameters":
                for item in section.value:
                    arguments[item.name.lstrip("*")] = _join_lines(item.description)
            case _:  # results, errors and examples are for readers of the code
                pass
    return Docs("\n\n".join(texts).strip(), arguments)
