"""Functions and toolboxes in Python."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import WithJsonSchema

from turnstream import errors
from turnstream.config import context, references
from turnstream.config.tools.kind import Kind
from turnstream.protocols import Toolbox
from turnstream.tools import python


def build(reference: str, where: context.ConfigContext) -> Iterable[Toolbox]:
    found = references.resolve(reference, where.folder)
    for tool in found if isinstance(found, list | tuple) else (found,):
        if hasattr(tool, "tools") and hasattr(tool, "call"):
            toolbox: Toolbox = tool
        elif callable(tool) or python.is_object(tool):
            toolbox = python.tool(tool)
        else:
            raise errors.ConfigurationError("expected a function, a toolbox, or a list of them")
        if isinstance(toolbox, python.FunctionTool):
            _ = toolbox.spec  # a signature that cannot be described is found now
        yield toolbox


KIND = Kind(
    "python",
    Annotated[str, WithJsonSchema({"type": "string", "pattern": references.PATTERN})],
    build,
    "A function or a toolbox: `package.module:name`, or `tools.py:name` next to this file.",
)
