"""Which tools a message asks for, by its words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from turnstream import toolspec
from turnstream.providers.demo import words
from turnstream.providers.demo.arguments import fill

# A tool is meant when its score reaches this: one word of its name, or two of its description.
_ENOUGH = 2
_VERBS = frozenset(words.stems("get set list find search fetch run read write create update look query call check"))
_STRONG = re.compile(r"([?!;\n]+|\.\s+)")
_WEAK = re.compile(r"(\s*,\s*(?:and\s+)?|\s+(?:and|then|also|plus|&)\s+)(?!\d)|(\s+(?:and|then|also)\s+)")
_PLACE = re.compile(r"(?:in\s+|for\s+)?[A-ZÀ-Þ][\w'’-]*(?:\s+[A-ZÀ-Þ][\w'’-]*)*(?:\s+[a-zß-ÿ]\w*){0,3}\s*$")


class Choice(Struct, frozen=True):
    """A tool and its arguments; ``missing`` names required arguments that the message does not give."""

    tool: toolspec.ToolSpec
    arguments: dict[str, Any]
    missing: tuple[str, ...] = ()


def choose(text: str, tools: Sequence[toolspec.ToolSpec]) -> list[Choice]:
    """A choice for each question in the message that a tool answers, in order, none twice."""
    text = words.plain(text)
    chosen: list[Choice] = []
    for part, tool in _parts(text, tools):
        arguments, missing = fill(tool.parameters, part, _words_of(tool))
        choice = Choice(tool, arguments, tuple(missing))
        if choice not in chosen:
            chosen.append(choice)
    return chosen


def best(text: str, tools: Sequence[toolspec.ToolSpec]) -> Choice:
    """The likeliest tool, however unlikely; of equals the first."""
    text = words.plain(text)
    tool = max(tools, key=lambda tool: _score(text, tool))
    arguments, missing = fill(tool.parameters, text, _words_of(tool))
    return Choice(tool, arguments, tuple(missing))


def _words_of(tool: toolspec.ToolSpec) -> set[str]:
    return {*words.stems(tool.name), *words.stems(tool.description), *_VERBS}


def _parts(text: str, tools: Sequence[toolspec.ToolSpec]) -> list[tuple[str, toolspec.ToolSpec]]:
    """Each part of the text that asks for a tool. "and" divides only where what follows asks for a tool too."""
    found: list[tuple[str, toolspec.ToolSpec]] = []
    for question in _STRONG.split(text)[::2]:
        parts: list[tuple[str, toolspec.ToolSpec | None]] = []
        pieces = [piece for piece in _WEAK.split(question) if piece is not None]
        for position in range(0, len(pieces), 2):
            piece = pieces[position]
            tool = _tool(piece, tools)
            previous = parts[-1][1] if parts else None
            if tool is None and previous is not None and _PLACE.match(piece):
                parts.append((f"in {piece.removeprefix('in ').removeprefix('for ')}", previous))
            elif parts and (tool is None or previous is None):
                joined = parts.pop()[0] + pieces[position - 1] + piece
                parts.append((joined, tool or previous or _tool(joined, tools)))
            else:
                parts.append((piece, tool))
        found += [(part, tool) for part, tool in parts if tool is not None]
    return found


def _tool(text: str, tools: Sequence[toolspec.ToolSpec]) -> toolspec.ToolSpec | None:
    scored = [(_score(text, tool), tool) for tool in tools]
    score, tool = max(scored, key=lambda pair: pair[0], default=(0, None))
    return tool if score >= _ENOUGH else None


def _score(text: str, tool: toolspec.ToolSpec) -> int:
    if ("_" in tool.name or "-" in tool.name) and tool.name in text:
        return 20  # named as no one names it by accident
    said = set(words.stems(text))
    properties = tool.parameters.get("properties", {})
    score = sum(1 if word in _VERBS else 3 for word in set(words.stems(tool.name)) & said)
    score += len(set(words.stems(tool.description)) & said)
    score += sum(1 for name in properties if set(words.stems(name)) & said)
    takes_expression = any("expression" in name or "formula" in name for name in properties)
    if takes_expression and words.expression(text) is not None:
        score += 5
    return score
