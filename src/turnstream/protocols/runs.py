"""Who keeps runs: their logs, their queue, the right to write one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from turnstream import asks, events, messages, requests
from turnstream.protocols import kept


class FencedError(Exception):
    """Somebody else wrote at this place of the log: the run is theirs now. Whoever is told so stops, and touches
    neither the log nor the queue again."""


class AskError(BaseException):
    """Raised by a call of a kept run that cannot be made, or cannot be answered, without a word from outside: the run
    waits for that, holding nothing, and the call is made again with it. Code that catches every `Exception` lets it
    through."""

    def __init__(self, ask: asks.Ask) -> None:
        super().__init__(ask.kind)
        self.ask = ask


async def ask_person(context: requests.RunContext, by: str) -> bool:
    """``by`` has to agree (`asks.Ask.by`): somebody else's yes is not theirs. Where the run cannot wait, whoever is
    there is asked. Raises `AskError`."""
    assert context.approve is not None
    return await (context.approve(by) if by and context.can_wait else context.approve())


BeginWait: TypeAlias = Callable[[requests.RunRequest, Sequence[events.LogEvent]], Awaitable[None]]
"""Keeps a run that begins to wait: what it answers, and all that it has told up to that."""


class Notice(asyncio.Event):
    """An event that is set once, and for which nobody needs a task: it calls."""

    def __init__(self) -> None:
        super().__init__()
        self._call: Callable[[], None] | None = None

    def call_when_set(self, call: Callable[[], None] | None) -> None:
        """In place of what was to be called before; None: nobody."""
        self._call = call
        if call is not None and self.is_set():
            call()

    def set(self) -> None:
        if not self.is_set():
            super().set()
            if self._call is not None:
                self._call()


TellStored: TypeAlias = Callable[[BaseException | None], None]
"""Hears that an append is stored, and shown to whoever watches; or why it is not."""


class Claim(Protocol):
    """The right to write the log of one run, until somebody else has it.

    ``attempt`` counts the run's owners; ``begun`` says that this one has begun the log already (see `Runs.submit`).
    ``lost`` is set when the run is known to be another's, ``cancelled`` when somebody wants it to end.
    """

    new: kept.NewRun
    begun: bool
    attempt: int
    lost: Notice
    cancelled: Notice

    async def log(self) -> kept.NumberedEvents:
        """All events so far. The next `append` goes behind the last of these."""
        ...

    async def append(self, batch: Sequence[events.LogEvent], said: Sequence[messages.Message] = ()) -> int:
        """Store the events behind those that this owner knows, whole or not at all, and give the seq of the last.

        With the terminal event come the run's messages, ``said``, which are stored in its thread with it. Raises
        `FencedError`. While the store is away it goes on trying, until the lease is lost.
        """
        ...

    def begin_append(
        self, batch: Sequence[events.LogEvent], said: Sequence[messages.Message], tell: TellStored
    ) -> None:
        """`append`, without waiting for it: ``tell`` hears later what became of it. What it raises is not begun."""
        ...

    async def release(self) -> None:
        """The run has ended or waits, and its log says so: nobody else shall claim it."""
        ...

    async def give_back(self) -> None:
        """Let another owner go on at once. Does nothing for a run that is released or lost."""
        ...


TakeStored: TypeAlias = Callable[[int, Sequence[events.LogEvent]], bool]
"""Takes events of a log, from a seq on, or says that it does not: then they come as a batch. Never raises."""


class Tail(Protocol):
    """The events of a log, an async iterator of batches."""

    def __aiter__(self) -> AsyncIterator[kept.NumberedEvents]: ...

    def __anext__(self) -> Awaitable[kept.NumberedEvents]: ...

    async def aclose(self) -> None: ...

    def relay(self, take: TakeStored) -> None:
        """From now on ``take`` is offered what comes while the next batch is waited for, and what it takes is in none.
        It must not take the end of the run."""
        ...


class Runs(Protocol):
    """Kept runs: their logs, their queue, who owns each. An async context manager."""

    async def submit(
        self, new: kept.NewRun, *, here: bool = False, start: events.RunStarted | None = None
    ) -> Claim | kept.Submitted:
        """Accept a run, once for each of its keys. ``here`` asks to own it at once: without a queue before it, it is
        claimed, and with a ``start`` its log may begin with that (`Claim.begun`). Raises `ThreadBusyError`,
        `QueueFullError`, `StoreError`."""
        ...

    def claims(self) -> AsyncIterator[Claim]:
        """For ever: new runs, answered runs, runs whose owner died; as many as this process has slots for."""
        ...

    def tail(self, run_id: str, after: int = 0) -> Tail:
        """The events behind ``after``, from the log and then live, to the terminal one. Raises `LogExpiredError`, and
        `LogResetError` where the log is shorter than ``after``. Whoever may see the run was asked before (`get`)."""
        ...

    async def get(self, principal: str, run_id: str, agent: str | None = None) -> kept.RunState | None: ...

    async def log(self, run_id: str) -> kept.NumberedEvents:
        """All events so far."""
        ...

    async def check(self, run_id: str, after: int) -> None:
        """Whether it can be watched from there: raises what `tail` would raise first."""
        ...

    async def show(self, run_id: str, shown: bytes) -> None:
        """Keep the answer in the client's own protocol (`RunState.shown`), for when the log is gone."""
        ...

    async def recent(
        self,
        principal: str | None,
        agent: str | None = None,
        *,
        thread: str | None = None,
        before: str | None = None,
        limit: int = 20,
    ) -> list[kept.RunState]:
        """Of all principals with None. The newest first; ``before`` is the id of the last one of the page before."""
        ...

    async def cancel(self, principal: str, run_id: str) -> bool:
        """Wish that it ends, whoever owns it. False where there is no such run or it has ended."""
        ...

    async def answer(self, principal: str, run_id: str, answered: events.RunAnswered) -> bool:
        """Answer some of what a run waits for; with the last of it the run goes on. False where it does not wait for
        all that is answered, or no longer."""
        ...

    async def keep(self, new: kept.NewRun, batch: Sequence[events.LogEvent]) -> None:
        """Accept a run that nobody has kept so far and that waits from now on, with all that it has told. Raises
        `QueueFullError`, `StoreError`."""
        ...

    async def find_waiting(self, principal: str | None = None, limit: int = 1000) -> list[kept.RunState]:
        """Runs that wait, the newest first; None: of all principals, for whoever may answer them."""
        ...

    async def count_waiting(self) -> int:
        """How many runs wait, of all principals."""
        ...

    async def find_asking(self, code: str) -> list[kept.RunState]:
        """The runs of all principals that wait with a question of that code."""
        ...

    async def secret(self, name: str) -> bytes:
        """Random bytes, the same for all processes of the store."""
        ...

    async def request(self, run_id: str) -> kept.NewRun | None:
        """What a run was asked for, without its `NewRun.body`."""
        ...

    async def delete(self, principal: str, run_id: str) -> bool: ...

    async def expire(self, older_than: float) -> int:
        """Forget the logs of runs that ended so many seconds ago; the runs themselves stay."""
        ...

    async def leave(self) -> None:
        """Give every claim to the other replicas, now."""
        ...
