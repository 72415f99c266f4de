"""What a docstring says: about a function, and about each of its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    import griffe

_STYLES: tuple[Literal["google", "numpy", "sphinx"], ...] = ("google", "numpy", "sphinx")


class Docs(Struct, frozen=True):
    """``description`` has no section about arguments, results or errors; ``arguments`` is by name."""

    description: str = ""
    arguments: dict[str, str] = {}


def read(docstring: str | None, names: Collection[str]) -> Docs:
    """Read a docstring in the Google, NumPy or Sphinx style: the one that tells most about the arguments ``names``."""
    text = inspect.cleandoc(docstring or "")
    if "\n" not in text:  # one line has no sections; most tools then never load the parser
        return Docs(text)
    import griffe

    documented = set(names)
    best, best_score = Docs(text), (0, 0)
    for style in _STYLES:
        sections = griffe.Docstring(text).parse(style, warnings=False)
        docs = _docs(sections)
        score = (len(documented & docs.arguments.keys()), len(sections))
        if score > best_score:
            best, best_score = docs, score
    return best


def _docs(sections: list[griffe.DocstringSection]) -> Docs:
    texts: list[str] = []
    arguments: dict[str, str] = {}
    for section in sections:
        match section.kind.value:
            case "text":
                texts.append(section.value)
            case "admonition":  # a note or a warning is meant for whoever calls: here, the model
                texts.append(f"{section.title}: {section.value.contents}")
            case "parameters" | "other parameters":
                for item in section.value:
                    arguments[item.name.lstrip("*")] = " ".join(item.description.split())
            case _:  # results, errors and examples are for readers of the code
                pass
    return Docs("\n\n".join(texts).strip(), arguments)
