"""Both stores for one test: `Place` is where the data is, and each `open` of it is a process that works there."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from turnstream import events, messages, protocols, requests, usage
from turnstream.runs import postgres as postgres_runs, rules, sqlite as sqlite_runs
from turnstream.storage import postgres, sqlite
from turnstream.threads import postgres as postgres_threads, sqlite as sqlite_threads

T = TypeVar("T")
LEASE = 1
_numbers = itertools.count()


@dataclass
class Store:
    """``claims`` is one iterator for the life of the process, as in a supervisor."""

    runs: Any
    threads: protocols.Threads
    claims: AsyncIterator[protocols.Claim]


@dataclass
class Place:
    kind: str
    url: str

    @asynccontextmanager
    async def open(self, **limits: int) -> AsyncGenerator[Store]:
        if self.kind == "sqlite":
            async with sqlite.Database(self.url) as file, sqlite_runs.Runs(file, rules.Limits(**limits)) as runs:
                yield Store(runs, sqlite_threads.Threads(file, runs.empty_journal), runs.claims())
            return
        async with (
            postgres.Database(self.url, connections=4) as database,
            postgres_runs.Runs(database, rules.Limits(**limits), lease=LEASE, poll=0.2) as runs,
        ):
            yield Store(runs, postgres_threads.Threads(database), runs.claims())


def new_run(text: str = "hello", *, user: str = "ann", thread: str | None = None, **fields: Any) -> protocols.NewRun:
    said = (messages.UserMessage(text),)
    request = requests.RunRequest(said, agent="helper", thread_id=thread, principal=requests.Principal(user))
    return protocols.NewRun(fields.pop("id", f"run_{next(_numbers)}"), "helper", request, said, **fields)


def started(new: protocols.NewRun) -> events.RunStarted:
    return events.RunStarted(new.id, new.agent, new.request.thread_id)


def finished(tokens: int = 1) -> events.RunFinished:
    return events.RunFinished("stop", usage.Usage(output=tokens), 1)


def step(number: int, text: str) -> events.StepFinished:
    said = messages.AssistantMessage((messages.TextPart(text),))
    return events.StepFinished(number, said, "stop", usage.Usage(output=1), "scripted", 0.1)


WAITING = events.RunWaiting(1, (messages.ToolCall("c1", "ask", "{}"),))
ANSWERED = events.RunAnswered((messages.ToolMessage("c1", "yes", "ask"),))


async def soon(awaitable: Any, seconds: float = 30) -> Any:
    async with asyncio.timeout(seconds):
        return await awaitable


async def next_claim(store: Store, run_id: str | None = None, seconds: float = 30) -> protocols.Claim:
    claim: protocols.Claim = await soon(anext(store.claims), seconds)
    assert run_id in (None, claim.new.id)
    return claim


async def finish(claim: protocols.Claim, *before: events.LogEvent, said: Sequence[messages.Message] = ()) -> None:
    await claim.append([*before, finished()], said)
    await claim.release()


async def event_of(store: Store, run_id: str, kind: type) -> None:
    """Until the log has such an event."""

    async def watch() -> None:
        async for batch in store.runs.tail(run_id):
            if any(isinstance(event, kind) for _, event in batch):
                return

    await soon(watch())


def rival_of(claim: protocols.Claim) -> protocols.Claim:
    """Another owner that believes the run to be its own, as far as its log is known to the first."""
    if isinstance(claim, sqlite_runs.Claim):
        return sqlite_runs.Claim(claim._runs, claim.group, sqlite_runs._Taken(claim.new, "running", 1, None))
    assert isinstance(claim, postgres_runs.Claim)
    return postgres_runs.Claim(claim._runs, claim.message, claim.reads, claim.new)


async def whole(store: Store, run_id: str, after: int = 0, seconds: float = 30) -> protocols.NumberedEvents:
    """What a watcher sees, to the end of the run."""

    async def watch() -> protocols.NumberedEvents:
        return [each async for batch in store.runs.tail(run_id, after) for each in batch]

    return await soon(watch(), seconds)  # type: ignore[no-any-return]
