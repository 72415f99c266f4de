"""``turnstream ping``: one small call of a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnstream.cli.options import Json

if TYPE_CHECKING:
    from turnstream import events, requests

QUESTION = "Say the numbers from one to ten in words. Then call the tool report_done with the text ok."


def ping(
    model: Annotated[str, typer.Argument(metavar="PROVIDER:MODEL", help="The model, as in agent.yaml.")],
    base_url: Annotated[str | None, typer.Option(help="Its address, if it is not the vendor's own.")] = None,
    as_json: Json = False,
) -> None:
    """Call a model once, and time it.

    Offers the model one tool. Says how long the first token took, whether the answer was streamed and whether the
    tool was called.

    Example: turnstream ping openai:gpt-5-mini
    """
    import asyncio

    from turnstream import errors, providers
    from turnstream.config import environment

    environment.export(Path("agent.yaml"))
    asked = providers.model(model, base_url=base_url)
    try:
        lines = asyncio.run(_call(asked, model))
    except errors.ProviderError as error:
        typer.echo(f"turnstream: {error.message} ({error.detail or error.code})", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps({name.replace(" ", "_"): value for name, value in lines}))
        return
    for name, value in lines:
        typer.echo(f"{name:<16} {value}")


async def _call(model: Any, name: str) -> list[tuple[str, str]]:
    """A vendor that rejects the tool is asked again without it."""
    from turnstream import errors

    try:
        return await _measure(model, name, _request(with_tool=True))
    except errors.ProviderError as error:
        if error.code != "provider_rejected_request":
            raise
        lines = await _measure(model, name, _request(with_tool=False))
        return [(what, "rejected" if what == "tools" else value) for what, value in lines]


def _request(*, with_tool: bool) -> requests.ModelRequest:
    import time

    from turnstream import messages, requests, toolspec

    parameters = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    tool = toolspec.ToolSpec("report_done", "Report that you are done.", parameters)
    return requests.ModelRequest((messages.UserMessage(QUESTION),), (tool,) if with_tool else (), time=time.time())


async def _measure(model: Any, name: str, request: requests.ModelRequest) -> list[tuple[str, str]]:
    import time

    from turnstream.parsing.collect import Collector

    collector, arrivals = Collector(), list[float]()
    started = time.perf_counter()
    async with model.stream(request) as stream:
        async for batch in stream:
            collector.feed(batch)
            if any(map(_says_something, batch)):
                arrivals.append(time.perf_counter() - started)
    return _report(name, collector, arrivals, time.perf_counter() - started)


def _says_something(event: events.ModelEvent) -> bool:
    from turnstream import events

    return isinstance(event, events.TextDelta | events.ReasoningDelta | events.ToolCallStart)


def _report(name: str, collector: Any, arrivals: list[float], seconds: float) -> list[tuple[str, str]]:
    from turnstream.providers import prices

    usage, finish = collector.usage, collector.finish
    lines = [
        ("first token", f"{arrivals[0] * 1000:.0f} ms" if arrivals else "none came"),
        ("whole answer", f"{seconds * 1000:.0f} ms"),
        ("streamed", f"yes, in {len(arrivals)} reads" if len(arrivals) > 1 else "not seen, it came in one read"),
        ("tools", "called" if collector.tool_calls else "offered, not called"),
        ("reasoning", "shown" if collector.reasoning else "none shown"),
        ("finish reason", finish.reason if finish else "none"),
        ("tokens", f"{usage.input} in, {usage.output} out" if usage else "not reported"),
    ]
    if usage and usage.cost is not None:
        lines.append(("cost", f"${usage.cost:.6f}, by {prices.source()}"))
    if (known := prices.find(name)) is not None and known.context_window:
        lines.append(("context window", f"{known.context_window} tokens"))
    return lines
