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

from turnstream.cli.options import Target
from turnstream.cli.text import printable
from turnstream.cli.toolboxes import source

if TYPE_CHECKING:
    from turnstream import toolspec
    from turnstream.agent import Agent
    from turnstream.protocols import Toolbox

_LONGEST_SUMMARY = 100


def tools(
    context: typer.Context,
    target: Target = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with the whole schema.")] = False,
    seconds: Annotated[float, typer.Option("--timeout", help="Seconds that each source may take.")] = 30.0,
) -> None:
    """List every tool, its source and its schema.

    Servers are started and asked, documents are searched once, and no other tool is called. A source that is down is
    reported, and the command exits with 1.

    Example: turnstream tools agent.yaml
    """
    from turnstream.cli.target import load_service

    down = False
    with _loud() if context.obj else _quiet():
        for agent in load_service(target).agents.values():
            sources = asyncio.run(_ask_all(agent.toolboxes, seconds))
            down = down or any(isinstance(found, str) for _, found in sources)
            if as_json:
                for line in _json(agent, sources):
                    typer.echo(line)
            else:
                _show(agent, sources)
    if down and not context.obj:
        typer.echo("--debug shows the log of what is down.", err=True)
    if down:
        raise typer.Exit(1)


@contextlib.contextmanager
def _loud() -> Iterator[None]:
    """The log with tracebacks, and what processes write to their standard error."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells URLs
    yield


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What goes wrong is told in a sentence; with --debug the log's traceback is shown too."""
    logs = [logging.getLogger(name) for name in ("turnstream", "mcp")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


Sources = list[tuple[str, "Sequence[toolspec.ToolSpec] | str"]]
"""Each source with its tools, or with what is wrong with it."""


async def _ask_all(toolboxes: Sequence[Toolbox], seconds: float) -> Sources:
    answers = await asyncio.gather(*(_one(toolbox, seconds) for toolbox in toolboxes))
    return list(zip([source(toolbox) for toolbox in toolboxes], answers, strict=True))


async def _one(toolbox: Toolbox, seconds: float) -> Sequence[toolspec.ToolSpec] | str:
    from turnstream import errors, requests
    from turnstream.tools import wrap
    from turnstream.tools.retrieval import Retrieval

    try:
        async with AsyncExitStack() as stack:
            if isinstance(toolbox, AbstractAsyncContextManager):
                await stack.enter_async_context(toolbox)
            async with asyncio.timeout(seconds):
                if isinstance(inner := wrap.innermost(toolbox), Retrieval):
                    await inner.check()
                return await toolbox.tools(requests.RunContext())
    except errors.TurnstreamError as error:
        return error.message
    except TimeoutError:
        return f"it did not answer within {seconds:g} seconds"
    except Exception as error:  # the boundary to toolboxes that are not ours
        return f"it failed with {type(error).__name__}"


def _json(agent: Agent, sources: Sources) -> list[str]:
    lines: list[dict[str, Any]] = []
    names: set[str] = set()
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
                    "hidden": spec.name in names,
                    "parameters": spec.parameters,
                }
            )
            names.add(spec.name)
    return [json.dumps(line) for line in lines]


def _show(agent: Agent, sources: Sources) -> None:
    """Sources that follow each other and are the same share a heading: functions, for instance."""
    from rich.console import Console

    from turnstream.cli.advice import advise_on_tool

    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    console.print(f"agent {agent.name}" if sources else f"agent {agent.name}: no tools")
    last = ""
    names: set[str] = set()
    for name, found in sources:
        if isinstance(found, str):
            console.print(f"  {name}: DOWN: {_printable(found)}", style="red")
        elif name != last:
            console.print(f"  {name}{'' if found else ': no tools'}", style="bold")
        for spec in found if not isinstance(found, str) else ():
            signature = f"{_printable(spec.name)}({_signature(spec.parameters)})"
            console.print(f"    {signature}{_treatment(spec, hidden=spec.name in names)}")
            names.add(spec.name)
            if summary := _summary(spec.description):
                console.print(f"        {summary}", style="dim")
            for warning in advise_on_tool(spec):
                console.print(f"        warning: {_printable(warning)}", style="yellow")
        last = name


def _treatment(spec: toolspec.ToolSpec, *, hidden: bool) -> str:
    marks = [spec.effect] * (spec.effect != "none") + ["approval"] * spec.approval
    marks += ["hidden: another tool has the name"] * hidden
    return f" [{', '.join(marks)}]" if marks else ""


def _summary(description: str) -> str:
    line = _printable(description.strip().partition("\n")[0])
    return line if len(line) <= _LONGEST_SUMMARY else f"{line[:_LONGEST_SUMMARY]}…"


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
    return printable(text, " ")
