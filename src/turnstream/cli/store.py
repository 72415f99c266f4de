"""``turnstream runs`` and ``turnstream threads``: what a store keeps of somebody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from turnstream import errors
from turnstream.cli.options import StoreUrl
from turnstream.cli.text import printable

if TYPE_CHECKING:
    from turnstream import protocols
    from turnstream.runs.stores import Store

T = TypeVar("T")
_PAGE = 100
Id = Annotated[str | None, typer.Argument(metavar="ID", help="Which one.", show_default=False)]
Principal = Annotated[str, typer.Option("--principal", "-p", metavar="NAME", help="Whose: the name of a key.")]
AgentName = Annotated[str | None, typer.Option("--agent", metavar="NAME", help="Of this agent.", show_default=False)]


def runs(
    action: Annotated[Literal["list", "show", "export", "cancel", "delete"], typer.Argument(help="What to do.")],
    id: Id = None,
    principal: Principal = "anonymous",
    agent: AgentName = None,
    store: StoreUrl = None,
) -> None:
    """List, show, export, cancel or delete kept runs.

    "export" prints the events of a run, one a line, as JSON. A SQLite file belongs to the server while that runs.

    Example: turnstream runs list --store postgres://localhost/turnstream
    """

    async def act(store: Store) -> None:
        kept = _runs_of(store)
        if action == "list":
            async for each in _pages(lambda before: kept.recent(principal, agent, before=before, limit=_PAGE)):
                _print(_time(each.created_at), each.id, each.status, each.agent, each.thread or "-")
            return
        state = await kept.get(principal, _require(id), agent)
        if state is None:
            raise errors.ConfigurationError(f"{principal} has no run {id}")
        await _act_on_run(kept, action, state)

    _with_store(store, act)


async def _act_on_run(kept: protocols.Runs, action: str, state: protocols.RunState) -> None:
    from turnstream.dialects import native

    match action:
        case "show":
            typer.echo(json.dumps(native.show(state), indent=2, ensure_ascii=False))
        case "export":
            for seq, event in await kept.log(state.id):
                typer.echo(native.frame(seq, event).decode().split("data: ", 1)[1].rstrip("\n"))
        case "cancel":
            done = await kept.cancel(state.principal, state.id)
            typer.echo("It will end." if done else "It has ended already.")
        case _:
            await kept.cancel(state.principal, state.id)
            await kept.delete(state.principal, state.id)
            typer.echo("Deleted.")


def threads(
    action: Annotated[Literal["list", "show", "export", "delete", "erase"], typer.Argument(help="What to do.")],
    id: Id = None,
    principal: Principal = "anonymous",
    agent: AgentName = None,
    store: StoreUrl = None,
) -> None:
    """List, show, export or delete kept conversations.

    "export" prints the messages, one a line, as JSON. "erase" deletes all that is kept of the principal, runs too.

    Example: turnstream threads list --principal alice
    """

    async def act(store: Store) -> None:
        if action == "list":
            async for thread in _threads(store, principal, agent):
                title = printable(thread.title or "-")
                _print(_time(thread.updated_at), thread.key.id, thread.key.agent, str(thread.length), title)
        elif action == "erase":
            typer.echo(f"Deleted {await store.threads.erase(principal)} threads and runs.")
        else:
            await _act_on_thread(store, action, await _find(store, principal, agent, _require(id)))

    _with_store(store, act)


async def _act_on_thread(store: Store, action: str, thread: protocols.Thread) -> None:
    from turnstream.server.endpoints import threads as endpoint

    match action:
        case "show":
            typer.echo(json.dumps(endpoint.show(thread), indent=2, ensure_ascii=False))
        case "export":
            for message in await store.threads.read(thread.key):
                typer.echo(json.dumps(endpoint.show_message(message), ensure_ascii=False))
        case _:
            await store.threads.delete(thread.key)
            typer.echo("Deleted.")


def _threads(store: Store, principal: str, agent: str | None) -> AsyncIterator[protocols.Thread]:
    return _pages(
        lambda before: store.threads.recent(principal, agent, before=before, limit=_PAGE), lambda thread: thread.key.id
    )


async def _find(store: Store, principal: str, agent: str | None, id: str) -> protocols.Thread:
    found = [thread async for thread in _threads(store, principal, agent) if thread.key.id == id]
    if not found:
        raise errors.ConfigurationError(f"{principal} has no thread {id}")
    if len(found) > 1:
        names = ", ".join(thread.key.agent for thread in found)
        raise errors.ConfigurationError(f"more than one agent has a thread {id}: name one with --agent ({names})")
    return found[0]


async def _pages(
    page: Callable[[str | None], Awaitable[list[T]]],
    name: Callable[[T], str] = lambda each: each.id,  # type: ignore[attr-defined]
) -> AsyncIterator[T]:
    before: str | None = None
    while found := await page(before):
        for each in found:
            yield each
        before = name(found[-1])


def _with_store(setting: str | None, act: Callable[[Store], Awaitable[None]]) -> None:
    from turnstream.runs import stores

    async def run() -> None:
        async with stores.make(setting or "auto", Path()) as store:
            if store.name in ("memory", "none"):
                raise errors.ConfigurationError("no persistent store configured: name one with --store")
            await act(store)

    try:
        asyncio.run(run())
    except errors.StoreError as error:
        raise errors.ConfigurationError(f"cannot reach the store: {error.__cause__ or error.message}") from error


def _runs_of(store: Store) -> protocols.Runs:
    if store.runs is None:
        raise errors.ConfigurationError("this store does not keep runs")
    return store.runs


def _require(id: str | None) -> str:
    if id is None:
        raise typer.BadParameter("name one by its id", param_hint="ID")
    return id


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _print(*columns: Any) -> None:
    typer.echo("  ".join(printable(str(column)) for column in columns))
