"""What makes a kind of tools: each file beside this one ends with its own."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from turnstream import errors
from turnstream.config import context, document
from turnstream.protocols import Toolbox

Builder: TypeAlias = Callable[[Any, context.ConfigContext], Iterable[Toolbox]]
EffectName = Literal["none", "idempotent", "once"]


@dataclass(frozen=True, slots=True)
class Kind:
    """``name`` is its key in an entry, ``section`` the type of what is written there, ``build`` makes its toolboxes.

    ``filled_later`` names, by their place in the section, texts in which the tool itself fills some ``${names}``;
    ``as_json`` are places of JSON, which YAML 1.2 reads as it is: Norway's NO is a text there, and a date too.
    A builder imports what its toolboxes need when it runs: a configuration pays for the kinds that it has.
    """

    name: str
    section: Any
    build: Builder
    description: str
    filled_later: Mapping[document.Path, Sequence[str]] = field(default_factory=dict)
    as_json: Sequence[document.Path] = ()


def require(module: str, what: str, extra: str) -> None:
    """Raises `ConfigurationError` if the extra is not installed. ``what`` is a plural."""
    if importlib.util.find_spec(module) is None:
        raise errors.ConfigurationError(f"{what} need the extra '{extra}': pip install 'turnstream[{extra}]'")
