"""``turnstream tools``: every tool that a configuration offers, now."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from turnstream.agent import Agent
    from turnstream.agent.protocols import Toolbox
    from turnstream.events import ToolSpec

_LONGEST_SUMMARY = 100


def tools(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="FILE", help="agent.yaml, a folder of them, or module:agent.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with the whole schema.")] = False,
    seconds: Annotated[float, typer.Option("--timeout", help="Seconds that each source may take.")] = 30.0,
) -> None:
    """List every tool, its source and its schema.

    Servers are started and asked, documents are searched once, and no other tool is called. A source that is down is
    said to be so, and the command exits with 1.

    Example: turnstream tools agent.yaml
    """
    from turnstream.config import load

    down = False
    with contextlib.nullcontext() if context.obj else _quiet():
        for agent in load(target).agents.values():
            sources = asyncio.run(_asked(agent.toolboxes, seconds))
            down = down or any(isinstance(found, str) for _, found in sources)
            typer.echo("\n".join(_json(agent, sources) if as_json else _text(agent, sources)))
    if down:
        raise typer.Exit(1)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What goes wrong is told in a sentence; with --debug the log's traceback is shown too."""
    log = logging.getLogger("turnstream")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


Sources = list[tuple[str, "Sequence[ToolSpec] | str"]]
"""Each source with its tools, or with what is wrong with it."""


async def _asked(toolboxes: Sequence[Toolbox], seconds: float) -> Sources:
    answers = await asyncio.gather(*(_one(toolbox, seconds) for toolbox in toolboxes))
    return list(zip([repr(toolbox) for toolbox in toolboxes], answers, strict=True))


async def _one(toolbox: Toolbox, seconds: float) -> Sequence[ToolSpec] | str:
    from turnstream.events import RunContext, TurnstreamError
    from turnstream.tools import wrap
    from turnstream.tools.retrieval import Retrieval

    try:
        async with AsyncExitStack() as stack:
            if isinstance(toolbox, AbstractAsyncContextManager):
                await stack.enter_async_context(toolbox)
            async with asyncio.timeout(seconds):
                if isinstance(inner := wrap.innermost(toolbox), Retrieval):
                    await inner.check()
                return await toolbox.tools(RunContext())
    except TurnstreamError as error:
        return error.message
    except TimeoutError:
        return f"it did not answer within {seconds:g} seconds"
    except Exception as error:  # the boundary to toolboxes that are not ours
        return f"it failed with {type(error).__name__}"


def _json(agent: Agent, sources: Sources) -> list[str]:
    lines: list[dict[str, Any]] = []
    for name, found in sources:
        if isinstance(found, str):
            lines.append({"agent": agent.name, "source": name, "down": found})
            continue
        for spec in found:
            lines.append(
                {
                    "agent": agent.name,
                    "source": spec.source,
                    "name": spec.name,
                    "description": spec.description,
                    "effect": spec.effect,
                    "approval": spec.approval,
                    "parameters": spec.parameters,
                }
            )
    return [json.dumps(line) for line in lines]


def _text(agent: Agent, sources: Sources) -> list[str]:
    lines = [f"agent {agent.name}" if sources else f"agent {agent.name}: no tools"]
    for name, found in sources:
        if isinstance(found, str):
            lines.append(f"  {name}: DOWN: {_printable(found)}")
            continue
        lines.append(f"  {name}")
        for spec in found:
            marks = [spec.effect] * (spec.effect != "none") + ["approval"] * spec.approval
            treated = f" [{', '.join(marks)}]" if marks else ""
            lines.append(f"    {_printable(spec.name)}({_signature(spec.parameters)}){treated}")
            if summary := spec.description.strip().partition("\n")[0]:
                lines.append(f"        {_printable(summary)[:_LONGEST_SUMMARY]}")
    return lines


def _signature(schema: dict[str, Any]) -> str:
    """``path: string, head?: number``: the arguments with their types, those that may be left out with a mark."""
    required = schema.get("required") or ()
    properties = schema.get("properties") or {}
    return ", ".join(
        f"{_printable(name)}{'' if name in required else '?'}: {_type(one)}" for name, one in properties.items()
    )


def _type(schema: Any) -> str:
    match schema:
        case {"enum": [*values]}:
            return " | ".join(_printable(json.dumps(value, ensure_ascii=False)) for value in values)
        case {"type": "array", "items": items}:
            return f"[{_type(items)}]"
        case {"type": str(kind)}:
            return _printable(kind)
        case {"type": [*kinds]}:
            return " | ".join(_printable(str(kind)) for kind in kinds)
        case {"anyOf": [*some]} | {"oneOf": [*some]}:
            return " | ".join(_type(one) for one in some)
        case {"$ref": str(name)}:
            return _printable(name.rpartition("/")[2])
        case _:
            return "any"


def _printable(text: str) -> str:
    """A server's words, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
