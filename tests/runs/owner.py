"""An owner of runs as a process: ``python -m tests.runs.owner sqlite|postgres URL``.

It claims what there is and tells a story of `STEPS` steps, each of `TOKENS` words, as a supervisor would: begin, put,
release. With ``TURNSTREAM_FAULT=before:n`` or ``after:n`` in its environment it kills itself, with SIGKILL, before or
after the n-th call of its database: between any two of them everything that a store does is atomic. ``within:n`` is
before the n-th statement of PostgreSQL's transactions of several, ``commit:n`` behind the n-th of these.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.stores import Place, Store, finished, started, step
from turnstream import events, protocols
from turnstream.runs import group, log, rules
from turnstream.storage import postgres, sqlite

STEPS, TOKENS = 3, 4
PACE = float(os.environ.get("TURNSTREAM_PACE", "0.005"))


def words(number: int) -> list[str]:
    return [f"{number}.{token} " for token in range(TOKENS)]


STORY = "".join(word for number in range(1, STEPS + 1) for word in words(number))


async def execute(store: Store, claim: protocols.Claim, pace: float = PACE) -> None:
    """Tell what is left of the story. A claim that is lost is left alone."""
    try:
        if (folded := await rules.begin(claim, started(claim.new))) is None:
            return
        async with group.Group(claim) as pending:
            for number in range(folded.progress.steps + 1, STEPS + 1):
                await pending.put([events.StepStarted(number)])
                for word in words(number):
                    await asyncio.sleep(pace)
                    if claim.cancelled.is_set():
                        await pending.put([events.RunCancelled(folded.usage)], said(claim, folded))
                        return
                    await pending.put([events.TextDelta(word)])
                done = step(number, "".join(words(number)))
                await pending.put([done])
                folded.feed([(0, done)])
            await pending.put([finished()], said(claim, folded))
    except protocols.FencedError:
        return
    finally:
        if not claim.lost.is_set() and (await store.runs.get(claim.new.principal, claim.new.id)).status in log.ENDED:
            await claim.release()


def said(claim: protocols.Claim, folded: log.Fold) -> list[Any]:
    return [*claim.new.said, *folded.messages]


async def work(store: Store, pace: float = PACE) -> None:
    async with asyncio.TaskGroup() as tasks:
        async for claim in store.claims:
            tasks.create_task(execute(store, claim, pace))


async def serve(kind: str, url: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Place(kind, url).open() as store:
        print("ready", flush=True)
        working = asyncio.create_task(work(store))
        await stop.wait()
        working.cancel()
        await asyncio.wait([working])


def kill_at(place: str) -> None:
    when, _, number = place.partition(":")
    left = int(number)

    def passed(here: str) -> None:
        nonlocal left
        left -= here == when
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def with_faults(call: Callable[..., Any]) -> Callable[..., Any]:
        async def faulty(*arguments: Any, **named: Any) -> Any:
            passed("before")
            result = await call(*arguments, **named)
            passed("after")
            return result

        return faulty

    transaction = postgres.Database.transaction

    @asynccontextmanager
    async def faulty_transaction(database: postgres.Database) -> AsyncIterator[Any]:
        async with transaction(database) as connection:
            yield _Statements(connection, lambda: passed("within"))
        passed("commit")

    postgres.Database.transaction = faulty_transaction  # type: ignore[method-assign,assignment]
    sqlite.Database.call = with_faults(sqlite.Database.call)  # type: ignore[method-assign]
    postgres.Database.fetch = with_faults(postgres.Database.fetch)  # type: ignore[method-assign]


class _Statements:
    """A connection that tells of each statement before it is made."""

    def __init__(self, connection: Any, tell: Callable[[], None]) -> None:
        self._connection, self._tell = connection, tell

    def __getattr__(self, name: str) -> Any:
        self._tell()
        return getattr(self._connection, name)


if __name__ == "__main__":
    if (place := os.environ.get("TURNSTREAM_FAULT")) is not None:
        kill_at(place)
    asyncio.run(serve(*sys.argv[1:]))
