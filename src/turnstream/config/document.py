"""YAML text → plain values, each with the line it stands on and with its ``${…}`` filled from the environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from turnstream import errors
from turnstream.parsing import yaml12

Path: TypeAlias = tuple[str | int, ...]

SHORTEST_SECRET = 6
"""Characters. Shorter values are not looked for in errors: they stand in ordinary words."""
_IN_BRACKETS = " (between brackets, '${NAME}' needs quotes)"
_MARKS = ("\\t", "<block end>", "<stream end>", "<scalar>", "<document start>")
_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{")
_PLACEHOLDER = "placeholder"
_MERGE = "tag:yaml.org,2002:merge"
_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_QUOTED = re.compile(r"'([^']*)'")


class EnvText(str):
    """A text that came, at least in part, from the environment: the field that it fills decides what type it has."""

    __slots__ = ()

    def read_typed(self) -> Any:
        """What YAML would make of the text, were it written in the file without quotes."""
        tag = Resolver().resolve(ScalarNode, str(self), (True, False))  # type: ignore[no-untyped-call]
        try:
            return SafeConstructor().construct_object(ScalarNode(tag, str(self)))
        except (ValueError, yaml.YAMLError):  # looks like a date, and is not
            return str(self)

    def split_at_commas(self) -> list[str]:
        return [part.strip() for part in self.split(",") if part.strip()]


@dataclass(slots=True)
class Document:
    """One YAML file, and everything found wrong with it so far.

    ``file`` is its name as errors spell it, ``lines`` knows the line of each path in it, ``variables`` what the
    environment put into it. ``unset`` are the paths of texts with a variable that is not set: what they would be is
    unknown, so nothing further is said about them. Where that is allowed, ``skipped`` names what could not be checked
    for it.
    """

    file: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    unset: set[Path] = field(default_factory=set)
    allow_unset: bool = False
    skipped: list[str] = field(default_factory=list)
    _problems: list[tuple[int, str]] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of the value at ``path``, or of the nearest thing around it. Lines count from 1."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def report(self, path: Path, message: str, line: int | None = None) -> None:
        """Remember ``agent.yaml:12: tools[1].python: message``. What came from the environment is shown as its
        variable.
        """
        for name, value in sorted(self.variables.items(), key=lambda item: -len(item[1])):
            if len(value) >= SHORTEST_SECRET:
                message = message.replace(value, f"${{{name}}}")
        line = self.line(path) if line is None else line
        where = f"{format_path(path)}: " if path else ""
        self._problems.append((line, f"{self.file}:{line}: {where}{message}"))

    def depends_on_unset(self, path: Path) -> bool:
        return any(unset[: len(path)] == path for unset in self.unset)

    @property
    def problems(self) -> list[str]:
        """In the order of the lines."""
        return [message for _, message in sorted(self._problems, key=lambda problem: problem[0])]

    def check(self) -> None:
        """Raises one `ConfigurationError` for all problems, if there are any."""
        if self._problems:
            raise errors.ConfigurationError("\n".join(self.problems))


def format_path(path: Path) -> str:
    """``("tools", 1, "python")`` → ``tools[1].python``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _no_names(path: Path) -> Sequence[str]:
    return ()


def _no_json(path: Path) -> bool:
    return False


def read(
    text: str,
    file: str,
    environ: Mapping[str, str],
    filled_later: Callable[[Path], Sequence[str]] = _no_names,
    is_json: Callable[[Path], bool] = _no_json,
    *,
    allow_unset: bool = False,
    raw: bool = False,
) -> Document:
    """``filled_later`` names the variables which, at that path, are left as they are: a tool fills them at each call.
    ``is_json`` says where values are read as YAML 1.2 has them: a tool sends them on as JSON. ``raw`` leaves all
    variables as they are written.

    Keys given twice and unset variables are among the document's problems. Raises `ConfigurationError` for text that
    is not YAML.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        spelled = text.splitlines()[line - 1 : line] if error.problem_mark else []
        hint = _IN_BRACKETS if any("${" in part for part in spelled) else ""
        raise errors.ConfigurationError(f"{file}:{line}: not valid YAML: {_explain(error.problem)}{hint}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise errors.ConfigurationError(f"{file}:1: not valid YAML: forbidden character or nesting") from None
    document = Document(file, allow_unset=allow_unset)
    if node is not None:
        document.value = _Reader(document, environ, filled_later, is_json, raw=raw).read(node, ())
    return document


def _explain(problem: str | None) -> str:
    """PyYAML's words, without those of the file: a line of a configuration may hold a secret."""
    if problem is None:
        return "it cannot be read"
    if problem.startswith("mapping values are not allowed"):
        return "unexpected ':' (check the indentation, and quote values that contain ': ')"
    return _QUOTED.sub(lambda match: match[0] if len(match[1]) < 2 or match[1] in _MARKS else "(…)", problem)


class _Reader:
    def __init__(
        self,
        document: Document,
        environ: Mapping[str, str],
        filled_later: Callable[[Path], Sequence[str]],
        is_json: Callable[[Path], bool],
        *,
        raw: bool = False,
    ) -> None:
        self.document, self.raw = document, raw
        self.environ = environ
        self.filled_later = filled_later
        self.is_json = is_json
        self._inside: list[Node] = []

    def read(self, node: Node, path: Path) -> Any:
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        if node in self._inside:
            return self.document.report(path, "refers to itself")
        if node.tag not in _TAGS and not isinstance(node, ScalarNode):
            return self.document.report(path, "tags ('!…') are not supported")
        self._inside.append(node)
        try:
            match node:
                case MappingNode():
                    return self._mapping(node, path)
                case SequenceNode():
                    return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
                case _:
                    return self._scalar(node, path)
        finally:
            self._inside.pop()

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for other in self._merge(value_node, path):
                    merged = {**other, **merged}
                continue
            key = str(key_node.value) if isinstance(key_node, ScalarNode) else "?"
            line = key_node.start_mark.line + 1
            if key in result:
                self.document.report((*path, key), "the key is given twice", line)
                continue
            self.document.lines[(*path, key)] = line
            result[key] = self.read(value_node, (*path, key))
        return {**merged, **result}

    def _merge(self, node: Node, path: Path) -> Iterator[dict[str, Any]]:
        for part in node.value if isinstance(node, SequenceNode) else (node,):
            if isinstance(part, MappingNode) and part not in self._inside:
                yield self._mapping(part, path)
            else:
                self.document.report(path, "'<<' takes a mapping, or a list of mappings")

    def _scalar(self, node: Node, path: Path) -> Any:
        if isinstance(node.value, str) and "${" in node.value:
            return node.value if self.raw else self._substitute(node.value, path)
        if isinstance(node, ScalarNode) and node.style is None and self.is_json(path):
            return yaml12.scalar(node.value)
        try:
            return SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError):
            return self.document.report(path, "the value cannot be read as its type")

    def _substitute(self, text: str, path: Path) -> str:
        later = self.filled_later(path)

        def fill(match: re.Match[str]) -> str:
            name, default = match.group(1), match.group(2)
            if match.group() == "$${":
                return "$${" if later else "${"
            if name in later and default is None:
                return match.group()
            if name is None:
                self.document.report(path, "'${' begins a variable: write ${NAME}, ${NAME:-default}, or $${ for itself")
                return ""
            value = self._look_up(name, path, later) if default is None else self._value(name) or default
            return value.replace("${", "$${") if later else value

        return EnvText(_VARIABLE.sub(fill, text))

    def _look_up(self, name: str, path: Path, later: Sequence[str]) -> str:
        if name not in self.environ:
            also = f"; each search fills {', '.join(later)}" if later else ""
            message = f"the environment variable {name} is not set (${{{name}:-…}} gives a default){also}"
            self.document.unset.add(path)
            if self.document.allow_unset:
                return _PLACEHOLDER
            self.document.report(path, message)
        return self._value(name)

    def _value(self, name: str) -> str:
        value = self.environ.get(name, "")
        self.document.variables[name] = value
        return value
