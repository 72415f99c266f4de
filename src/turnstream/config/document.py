"""YAML text → plain values, each with the line it stands on and with its ``${…}`` filled from the environment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from turnstream.events import ConfigurationError
from turnstream.tools.retrieval import template

Path: TypeAlias = tuple[str | int, ...]

SHORTEST_SECRET = 6
"""Characters. Shorter values are not looked for in errors: they stand in ordinary words."""
_IN_BRACKETS = " (between brackets, '${NAME}' needs quotes)"
_MARKS = ("\\t", "<block end>", "<stream end>", "<scalar>", "<document start>")
_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{")
_MERGE = "tag:yaml.org,2002:merge"
_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_QUOTED = re.compile(r"'([^']*)'")
_TEMPLATES: dict[Path, tuple[str, ...]] = {("retrieval", "elasticsearch", "body"): template.NAMES}
"""Keys of a tool under which some names are filled at each call. There these, and ``$${``, are left as they are."""


class Substituted(str):
    """A text that came, at least in part, from the environment: the field that it fills decides what type it has."""

    __slots__ = ()

    def typed(self) -> Any:
        """What YAML would make of the text, were it written in the file without quotes."""
        tag = Resolver().resolve(ScalarNode, str(self), (True, False))  # type: ignore[no-untyped-call]
        try:
            return SafeConstructor().construct_object(ScalarNode(tag, str(self)))
        except (ValueError, yaml.YAMLError):  # looks like a date, and is none
            return str(self)


@dataclass(slots=True)
class Document:
    """One YAML file, read. ``file`` is its name as errors spell it; ``lines`` knows the line of each path in it,
    ``filled`` what the environment put into it, by variable.
    """

    file: str
    value: Any
    lines: dict[Path, int] = field(default_factory=dict)
    filled: dict[str, str] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of the value at ``path``, or of the nearest thing around it. Lines count from 1."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def error(self, path: Path, message: str) -> str:
        """``agent.yaml:12: tools[1].python: message``. What came from the environment is shown as its variable."""
        where = spell(path)
        for name, value in sorted(self.filled.items(), key=lambda item: -len(item[1])):
            if len(value) >= SHORTEST_SECRET:
                message = message.replace(value, f"${{{name}}}")
        return f"{self.file}:{self.line(path)}: {where + ': ' if where else ''}{message}"


def spell(path: Path) -> str:
    """``("tools", 1, "python")`` → ``tools[1].python``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def read(text: str, file: str, environ: Mapping[str, str]) -> Document:
    """Raises `ConfigurationError` for what is no YAML, for a key given twice, and for unset variables (all at once)."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        spelled = text.splitlines()[line - 1 : line] if error.problem_mark else []
        hint = _IN_BRACKETS if any("${" in part for part in spelled) else ""
        raise ConfigurationError(f"{file}:{line}: not valid YAML: {_plain(error.problem)}{hint}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigurationError(f"{file}:1: not valid YAML: a character or a nesting that YAML forbids") from None
    document = Document(file, None)
    if node is not None:
        reader = _Reader(document, environ)
        document.value = reader.value(node, ())
        if reader.problems:
            raise ConfigurationError("\n".join(reader.problems))
    return document


def _plain(problem: str | None) -> str:
    """PyYAML's words, without those of the file: a line of a configuration may hold a secret."""
    if problem is None:
        return "it cannot be read"
    if problem.startswith("mapping values are not allowed"):
        return "a ':' stands where none may be (indentation, or a value that needs quotes)"
    return _QUOTED.sub(lambda match: match[0] if len(match[1]) < 2 or match[1] in _MARKS else "(…)", problem)


class _Reader:
    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self.document = document
        self.environ = environ
        self.problems: list[str] = []
        self._inside: list[Node] = []

    def value(self, node: Node, path: Path) -> Any:
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        if node in self._inside:
            return self._problem(path, "refers to itself")
        if node.tag not in _TAGS and not isinstance(node, ScalarNode):
            return self._problem(path, "a tag ('!…') has no meaning here")
        self._inside.append(node)
        try:
            match node:
                case MappingNode():
                    return self._mapping(node, path)
                case SequenceNode():
                    return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
                case _:
                    return self._scalar(node, path)
        finally:
            self._inside.pop()

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for other in self._merged(value_node, path):
                    merged = {**other, **merged}
                continue
            key = str(key_node.value) if isinstance(key_node, ScalarNode) else "?"
            line = key_node.start_mark.line + 1
            if key in result:
                self.problems.append(f"{self.document.file}:{line}: {spell((*path, key))}: the key is given twice")
                continue
            self.document.lines[(*path, key)] = line
            result[key] = self.value(value_node, (*path, key))
        return {**merged, **result}

    def _merged(self, node: Node, path: Path) -> Iterator[dict[str, Any]]:
        for part in node.value if isinstance(node, SequenceNode) else (node,):
            if isinstance(part, MappingNode) and part not in self._inside:
                yield self._mapping(part, path)
            else:
                self._problem(path, "'<<' takes a mapping, or a list of mappings")

    def _scalar(self, node: Node, path: Path) -> Any:
        if isinstance(node.value, str) and "${" in node.value:
            return self._substitute(node.value, path)
        try:
            return SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError):
            return self._problem(path, "the value cannot be read as its type")

    def _substitute(self, text: str, path: Path) -> str:
        later = _TEMPLATES.get(path[2:5], ())

        def fill(match: re.Match[str]) -> str:
            name, default = match.group(1), match.group(2)
            if match.group() == "$${":
                return "$${" if later else "${"
            if name in later and default is None:
                return match.group()
            if name is None:
                self._problem(path, "'${' begins a variable: write ${NAME}, ${NAME:-default}, or $${ for itself")
                return ""
            value = self._required(name, path) if default is None else self._filled(name) or default
            return value.replace("${", "$${") if later else value

        return Substituted(_VARIABLE.sub(fill, text))

    def _required(self, name: str, path: Path) -> str:
        if name not in self.environ:
            later = _TEMPLATES.get(path[2:5])
            also = f"; each search fills {', '.join(later)}" if later else ""
            self._problem(path, f"the environment variable {name} is not set (${{{name}:-…}} gives a default){also}")
        return self._filled(name)

    def _filled(self, name: str) -> str:
        value = self.environ.get(name, "")
        self.document.filled[name] = value
        return value

    def _problem(self, path: Path, message: str) -> None:
        self.problems.append(self.document.error(path, message))
