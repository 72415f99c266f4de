"""YAML 1.2 as JSON: ``on``, ``no`` and dates are texts, and so is each key (YAML 1.2.2, chapter 10; OpenAPI's section
on formats asks for it). PyYAML itself reads YAML 1.1, in which Norway is false.

The text may be a stranger's. An alias stands for a whole tree, so a kilobyte of them can stand for more than any
memory holds: nodes are counted as if each alias were written out, before anything is written out. Depth is bounded as
well, since libyaml's reader would end the process where Python's raises `RecursionError`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

MOST_NODES = 1_000_000
"""Of a text, its aliases written out."""

_DEEPEST = 400
_TEXT_PER_NODE = 64  # characters that cost about as much as a node
_PREFIX = "tag:yaml.org,2002:"
_RESOLVERS = (
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF"),
    ("null", re.compile(r"null|Null|NULL|~|"), ["n", "N", "~", ""]),
    ("int", re.compile(r"-?(?:0|[1-9][0-9]*)"), "-0123456789"),
    ("float", re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"), "-0123456789"),
    ("merge", re.compile(r"<<"), "<"),
)

Spend = Callable[[int], None]


class RefusedError(ValueError):
    """Valid YAML that is not read; the message says why, and begins where the name of the text ends."""


def load(text: str | bytes, *, aliases: bool = True, spend: Spend | None = None) -> Any:
    """Raises `yaml.YAMLError`, `ValueError` and `RecursionError` for what is not YAML, `RefusedError` for what is too
    large or too deep, and for aliases if they are not wanted.

    ``spend`` is told of nodes as they are read, and may raise; without it there may be `MOST_NODES`.
    """
    loader = _loader()(text)
    loader.spend = spend or _counter()
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        loader.spend(_count_expanded(node, {}, aliases) - loader.nodes)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def scalar(text: str) -> Any:
    """The value of a scalar without quotes."""
    tag = next((tag for tag, pattern, _ in _RESOLVERS if pattern.fullmatch(text)), "")
    match tag:
        case "bool":
            return text.lower() == "true"
        case "null":
            return None
        case "int":
            return int(text)
        case "float":
            return float(text)
        case _:
            return text


def _counter() -> Spend:
    left = MOST_NODES

    def spend(nodes: int) -> None:
        nonlocal left
        left -= nodes
        if left < 0:
            raise RefusedError(f"has more than {MOST_NODES:,} values, its aliases written out")

    return spend


def _count_expanded(node: Any, sizes: dict[int, int], aliases: bool) -> int:
    """Nodes of a tree, each alias written out. A node that is met again is one; what an alias stands for is counted
    once, so this takes as long as the text is, not as long as what it stands for."""
    size = sizes.get(id(node))
    if size is not None:
        if not aliases:
            raise RefusedError("uses YAML aliases, which are not read in a document from the network")
        if size == 0:
            raise RefusedError("has a YAML alias for a value that contains it")
        return size
    sizes[id(node)] = 0
    if isinstance(node.value, str):
        size = 1 + len(node.value) // _TEXT_PER_NODE
    else:
        members = (one for item in node.value for one in (item if isinstance(item, tuple) else (item,)))
        size = 1 + sum(_count_expanded(one, sizes, aliases) for one in members)
    sizes[id(node)] = size
    return size


@functools.cache
def _loader() -> Any:
    import yaml

    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, firsts in _RESOLVERS:
        for first in firsts:
            resolvers.setdefault(first, []).append((_PREFIX + tag, re.compile(rf"(?:{pattern.pattern})\Z")))

    def descend(self: Any, parent: Any, index: Any) -> None:
        self.depth += 1
        self.nodes += 1
        self.spend(1)
        if self.depth > _DEEPEST:
            raise RefusedError(f"is nested more than {_DEEPEST} levels deep")

    def ascend(self: Any) -> None:
        self.depth -= 1

    def construct(self: Any, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            self.flatten_mapping(node)
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    key.tag = _PREFIX + "str"
        value: dict[str, Any] = {}
        yield value
        members: Any = base.construct_mapping(self, node)
        value.update(members)

    members = {
        "yaml_implicit_resolvers": resolvers, "descend_resolver": descend, "ascend_resolver": ascend,
        "depth": 0, "nodes": 0,
    }  # fmt: skip
    loader: Any = type("Loader", (base,), members)
    loader.add_constructor(_PREFIX + "map", construct)
    # PyYAML's own take forms of YAML 1.1, some of them in quadratic time, and raise anything for what they do not take
    for tag in ("bool", "int", "float", "timestamp"):
        loader.add_constructor(_PREFIX + tag, _construct_scalar)
    return loader


def _construct_scalar(loader: Any, node: Any) -> Any:
    return scalar(loader.construct_scalar(node))
