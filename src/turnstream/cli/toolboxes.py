"""Where tools come from, in a word for whoever reads of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnstream.protocols import Toolbox


def source(toolbox: Toolbox) -> str:
    """Where tools come from: ``mcp:files``, ``rest:api.example.com``, ``python``."""
    from turnstream.tools.python import FunctionTool
    from turnstream.tools.wrap import innermost

    inner = innermost(toolbox)
    if isinstance(inner, FunctionTool):
        kind = inner.spec.source
        return kind if kind == "python" else f"{kind}:{inner.name}"
    named = getattr(inner, "source", None)
    return named if isinstance(named, str) else type(inner).__name__
