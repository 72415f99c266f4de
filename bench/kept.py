"""What it costs to keep a run: the CPU of this process for each token, kept and not, in turn, in one process.

Runs are told at 20 tokens a second and followed by one reader each, through the encoder of chat completions, without
sockets: those are the same for all. The database's own CPU is not counted; PostgreSQL is a process of its own.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from bench.rig.paced import Paced
from bench.rig.tables import wide_console
from tests import postgres as servers
from turnstream import protocols
from turnstream.agent import Agent
from turnstream.dialects import base, openai_chat
from turnstream.events import RunRequest
from turnstream.messages import UserMessage
from turnstream.runs import rules, stores
from turnstream.runs.keeper import Keeper
from turnstream.runs.supervisor import Supervisor, new_id
from turnstream.runs.watch import Watch

PACE = 0.05
ASK = base.ClientRequest(b'{"messages":[{"role":"user","content":"Go."}],"stream":true}', "run", 0.0)
EXCHANGE: Any = openai_chat.ChatCompletions().decode(ASK)
Round = Callable[[int], Awaitable[None]]


async def read(handle: Any) -> None:
    """As a response does."""
    encoder = EXCHANGE.encoder("bench")
    async with handle.follow() as batches:
        async for batch in batches:
            encoder.feed(batch)


def not_kept(agent: Agent) -> Round:
    async def tell(runs: int) -> None:
        supervisor, ask = Supervisor(), RunRequest((UserMessage("Go."),))
        await asyncio.gather(*(read(supervisor.start(agent, ask, new_id())) for _ in range(runs)))

    return tell


def kept(keeper: Keeper) -> Round:
    async def tell(runs: int) -> None:
        new = [protocols.NewRun(new_id(), "bench", RunRequest((UserMessage("Go."),))) for _ in range(runs)]
        for each in new:
            await keeper.start(each)
        await asyncio.gather(*(read(Watch(keeper.runs, each.id, "bench", retracts=False)) for each in new))

    return tell


@asynccontextmanager
async def rounds(agent: Agent, folder: Path, url: str) -> AsyncIterator[dict[str, Round]]:
    """Each kind of run, by its name; the one that nobody keeps is the first."""
    async with AsyncExitStack() as stack:
        named = {"not kept": not_kept(agent)}
        for name, setting in (("SQLite", f"sqlite:{folder}/store.db"), ("PostgreSQL", url)):
            store = await stack.enter_async_context(stores.make(setting))
            runs: Any = store.runs
            runs.limits = rules.Limits(slots=1000)
            keeper = Keeper(runs, store.threads, {"bench": agent})
            named[name] = kept(await stack.enter_async_context(keeper))
        yield named


async def measure(runs: int, seconds: float, times: int, folder: Path, server: str) -> dict[str, list[float]]:
    """Microseconds of CPU for each token, of each round."""
    tokens = round(seconds / PACE)
    agent = Agent(Paced(tokens, PACE), name="bench", run_timeout=None)
    url = await servers.new_database(server)
    async with rounds(agent, folder, url) as named:
        found: dict[str, list[float]] = {name: [] for name in named}
        for tell in named.values():
            await tell(5)  # what is loaded and prepared at the first time
        for at in range(times):
            for name, tell in list(named.items())[:: 1 if at % 2 else -1]:
                gc.collect()
                began = time.process_time()
                await tell(runs)
                found[name].append((time.process_time() - began) / (runs * tokens) * 1e6)
    return found


def run(quick: bool) -> None:
    table = Table("runs", "not kept", "SQLite", "PostgreSQL", title="µs of CPU for a token, and the ratio to not kept")
    with servers.server_url() as server:
        for runs in (20, 100, 400):
            with tempfile.TemporaryDirectory() as folder:
                seconds, times = (1, 2) if quick else (4, 7)
                found = asyncio.run(measure(runs, seconds, times, Path(folder), server))
            base = found["not kept"]
            cells = [f"{median(base):.0f}"]
            for name in ("SQLite", "PostgreSQL"):
                ratios = sorted(one / other for one, other in zip(found[name], base, strict=True))
                cells.append(f"{median(found[name]):.0f}   × {median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})")
            table.add_row(str(runs), *cells)
    wide_console().print(table)


if __name__ == "__main__":
    run(quick=False)
