"""Runs that wait for a person, in the memory of this process, where no store keeps runs.

A run gets here when it begins to wait, with its log, and is executed from there when it is answered: everything as in a
store, but that it is gone with the process. So there is a bound on how many there may be, and nothing else is accepted.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial

from turnstream import errors, events, messages, protocols
from turnstream.runs import feeds, log, rules
from turnstream.storage import codec

MOST, MOST_EACH = 1000, 100  # runs that have not ended: of all, of one principal
MOST_BYTES = 64 * 1024 * 1024  # of what they were asked and have told, when they began to wait
_MOST_ENDED = 1000


class _Kept:
    """One run, its log, and who may write that."""

    def __init__(self, new: protocols.NewRun, batch: Sequence[events.LogEvent], now: float) -> None:
        self.new = new
        self.log = list(enumerate(batch, 1))
        self.created_at = now
        self.ended_at: float | None = None
        self.length: int | None = None
        self.shown = b""
        self.claims = 0
        self.owner: Claim | None = None
        self.size = 2 * len(new.body) + len(codec.encode_events(batch))
        self.status: protocols.Status = "running"
        self.ending: protocols.Ending | None = None
        self.see(batch)

    def see(self, batch: Sequence[events.LogEvent]) -> None:
        self.status = log.status(batch) or self.status
        self.ending = batch[-1] if isinstance(batch[-1], protocols.Ending) else None

    @property
    def codes(self) -> list[str]:
        """Of the questions that it waits with."""
        return [ask.code for ask in self.ending.asks] if isinstance(self.ending, events.RunWaiting) else []

    @property
    def state(self) -> protocols.RunState:
        new = self.new
        return protocols.RunState(
            new.id,
            new.principal,
            new.agent,
            new.request.thread_id,
            self.status,
            self.created_at,
            self.ended_at,
            self.ending,
            self.length,
            new.background,
            new.dialect,
            new.body,
            self.shown,
        )


class Claim:
    """See `protocols.Claim`. Nobody else can have the run."""

    begun = False

    def __init__(self, runs: Runs, kept: _Kept) -> None:
        self.new, self._runs, self._kept = kept.new, runs, kept
        self.attempt = kept.claims
        self.lost, self.cancelled = protocols.Notice(), protocols.Notice()

    async def log(self) -> protocols.NumberedEvents:
        return list(self._kept.log)

    async def append(self, batch: Sequence[events.LogEvent], said: Sequence[messages.Message] = ()) -> int:
        if self._kept.owner is not self:
            raise protocols.FencedError(self.new.id)
        return await self._runs.append(self._kept, batch, said)

    def begin_append(
        self, batch: Sequence[events.LogEvent], said: Sequence[messages.Message], tell: protocols.TellStored
    ) -> None:
        self._appending = asyncio.ensure_future(self.append(batch, said))
        self._appending.add_done_callback(partial(_tell, tell))

    async def release(self) -> None:
        if self._kept.owner is self:
            self._kept.owner = None

    async def give_back(self) -> None:
        if self._kept.owner is self:
            self._kept.owner = None
            self._runs.queue(self._kept)


def _tell(tell: protocols.TellStored, appended: asyncio.Future[int]) -> None:
    tell(asyncio.CancelledError() if appended.cancelled() else appended.exception())


class Runs:
    """See `protocols.Runs`. Conversations go to ``threads``."""

    def __init__(self, threads: protocols.Threads, clock: Callable[[], float] = time.time) -> None:
        self.feeds = feeds.Feeds(self._read, self._log_state)
        self._threads, self._clock = threads, clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._queue: asyncio.Queue[_Kept] = asyncio.Queue()
        self._secrets: dict[str, bytes] = {}

    async def submit(
        self, new: protocols.NewRun, *, here: bool = False, start: events.RunStarted | None = None
    ) -> Claim | protocols.Submitted:
        raise errors.RequestError("This server does not keep runs.", code="runs_not_kept", status=501)

    async def keep(self, new: protocols.NewRun, batch: Sequence[events.LogEvent]) -> None:
        open_runs = [kept for kept in self._kept.values() if kept.status not in log.ENDED]
        mine = sum(kept.new.principal == new.principal for kept in open_runs)
        kept = _Kept(new, batch, self._clock())
        while self._size() + kept.size > MOST_BYTES and (ended := self._oldest_ended()) is not None:
            del self._kept[ended]
        if len(open_runs) >= MOST or mine >= MOST_EACH or self._size() + kept.size > MOST_BYTES:
            raise errors.QueueFullError("Too many runs wait for an answer: give it, or cancel some.", retry_after=10.0)
        self._kept[new.id] = kept

    async def claims(self) -> AsyncGenerator[Claim]:
        while True:
            kept = await self._queue.get()
            if self._kept.get(kept.new.id) is not kept or kept.status in log.ENDED:
                continue
            kept.claims += 1
            claim = kept.owner = Claim(self, kept)
            yield claim

    def tail(self, run_id: str, after: int = 0) -> feeds.Tail:
        return self.feeds.tail(run_id, after)

    async def get(self, principal: str, run_id: str, agent: str | None = None) -> protocols.RunState | None:
        kept = self._find(principal, run_id)
        return None if kept is None or agent not in (None, kept.new.agent) else kept.state

    async def log(self, run_id: str) -> protocols.NumberedEvents:
        return list(self._kept[run_id].log) if run_id in self._kept else []

    async def check(self, run_id: str, after: int) -> None:
        await self.feeds.check(run_id, after)

    async def show(self, run_id: str, shown: bytes) -> None:
        if run_id in self._kept:
            self._kept[run_id].shown = shown

    async def recent(
        self,
        principal: str | None,
        agent: str | None = None,
        *,
        thread: str | None = None,
        before: str | None = None,
        limit: int = 20,
    ) -> list[protocols.RunState]:
        found = [kept.state for kept in reversed(self._kept.values())]
        own = [each for each in found if principal in (None, each.principal)]
        own = [each for each in own if agent in (None, each.agent) and thread in (None, each.thread)]
        at = next((at + 1 for at, each in enumerate(own) if each.id == before), 0)
        return own[at : at + limit]

    async def find_waiting(self, principal: str | None = None, limit: int = 1000) -> list[protocols.RunState]:
        found = [kept.state for kept in reversed(self._kept.values()) if kept.status == "waiting"]
        return [each for each in found if principal in (None, each.principal)][:limit]

    async def count_waiting(self) -> int:
        return sum(kept.status == "waiting" for kept in self._kept.values())

    async def find_asking(self, code: str) -> list[protocols.RunState]:
        return [kept.state for kept in self._kept.values() if code in kept.codes]

    async def secret(self, name: str) -> bytes:
        return self._secrets.setdefault(name, secrets.token_bytes(32))

    async def request(self, run_id: str) -> protocols.NewRun | None:
        return self._kept[run_id].new if run_id in self._kept else None

    async def cancel(self, principal: str, run_id: str) -> bool:
        kept = self._find(principal, run_id)
        if kept is None or kept.status in log.ENDED:
            return False
        if kept.owner is not None:
            kept.owner.cancelled.set()
        else:
            end, said = rules.make_cancellation(kept.new, kept.log)
            await self.append(kept, [end], said)
        return True

    async def answer(self, principal: str, run_id: str, answered: events.RunAnswered) -> bool:
        kept = self._find(principal, run_id)
        batch = None if kept is None or kept.status != "waiting" else rules.answer(kept.ending, answered)
        if kept is None or batch is None:
            return False
        await self.append(kept, batch)
        if len(batch) == 1:
            self.queue(kept)
        return True

    async def delete(self, principal: str, run_id: str) -> bool:
        kept = self._find(principal, run_id)
        if kept is not None:
            del self._kept[run_id]
            if kept.owner is not None:
                kept.owner.lost.set()
        return kept is not None

    async def expire(self, older_than: float) -> int:
        limit = self._clock() - older_than
        old = [id for id, kept in self._kept.items() if kept.ended_at is not None and kept.ended_at < limit]
        for id in old:
            del self._kept[id]
        return len(old)

    async def leave(self) -> None:
        """Nobody else could go on with them."""

    # ---------------------------------------------------------------------------------------------- what claims call

    def queue(self, kept: _Kept) -> None:
        self._queue.put_nowait(kept)

    async def append(self, kept: _Kept, batch: Sequence[events.LogEvent], said: Sequence[messages.Message] = ()) -> int:
        """What is appended is seen before anything else can happen."""
        numbered = list(enumerate(batch, len(kept.log) + 1))
        kept.log += numbered
        kept.see(batch)
        self.feeds.publish(kept.new.id, numbered)
        if kept.status in log.ENDED:
            await self._end(kept, said)
        return len(kept.log)

    async def _end(self, kept: _Kept, said: Sequence[messages.Message]) -> None:
        kept.ended_at = self._clock()
        if (key := kept.new.thread) is not None:
            kept.length = await self._threads.append(key, said, run=kept.state)
        ended = [id for id, other in self._kept.items() if other.status in log.ENDED]
        for id in ended[:-_MOST_ENDED]:
            del self._kept[id]

    # -------------------------------------------------------------------------------------------------------- inside

    def _size(self) -> int:
        return sum(kept.size for kept in self._kept.values())

    def _oldest_ended(self) -> str | None:
        return next((id for id, kept in self._kept.items() if kept.status in log.ENDED), None)

    def _find(self, principal: str, run_id: str) -> _Kept | None:
        kept = self._kept.get(run_id)
        return kept if kept is not None and kept.new.principal == principal else None

    async def _read(self, run_id: str, after: int) -> protocols.NumberedEvents:
        return (await self.log(run_id))[after:]

    async def _log_state(self, run_id: str) -> feeds.LogState | None:
        kept = self._kept.get(run_id)
        return None if kept is None else feeds.LogState(kept.status, len(kept.log))
