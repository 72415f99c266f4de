"""YAML 1.2 as JSON: ``on``, ``no`` and dates are texts, and so is each key (YAML 1.2.2, chapter 10; OpenAPI's section
on formats asks for it). PyYAML itself reads YAML 1.1, in which Norway is false.
"""

from __future__ import annotations

import functools
import re
from typing import Any

_PREFIX = "tag:yaml.org,2002:"
_RESOLVERS = (
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF"),
    ("null", re.compile(r"null|Null|NULL|~|"), ["n", "N", "~", ""]),
    ("int", re.compile(r"-?(?:0|[1-9][0-9]*)"), "-0123456789"),
    ("float", re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"), "-0123456789"),
    ("merge", re.compile(r"<<"), "<"),
)


def load(text: str | bytes) -> Any:
    """Raises `yaml.YAMLError`, `ValueError` and `RecursionError` for what is not YAML."""
    import yaml

    return yaml.load(text, Loader=_loader())


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


@functools.cache
def _loader() -> Any:
    import yaml

    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, firsts in _RESOLVERS:
        for first in firsts:
            resolvers.setdefault(first, []).append((_PREFIX + tag, re.compile(rf"(?:{pattern.pattern})\Z")))

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

    def construct_float(self: Any, node: Any) -> float:
        return float(node.value)

    loader: Any = type("Loader", (base,), {"yaml_implicit_resolvers": resolvers})
    loader.add_constructor(_PREFIX + "map", construct)
    loader.add_constructor(_PREFIX + "float", construct_float)
    return loader
