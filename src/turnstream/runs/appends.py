"""Appends to the log of a run: what is written, and what a claim knows of its place. Where it is stored is another's.

An owner may append only behind the last event that it knows, and one append of a run is under way at a time. Whoever
writes them tells the claim what became of each: it is stored, then shown, then its owner goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias

from turnstream import events, messages, protocols
from turnstream.runs import feeds, log, rules
from turnstream.storage import codec


class Append:
    """Some events of one run, at one place of its log. ``ends`` says that they end the run, ``posts`` that somebody is
    to be told of that or of its waiting, ``durable`` that nothing may go on before they are safe from a power cut."""

    def __init__(
        self,
        new: protocols.NewRun,
        seq: int,
        owner: Any,
        batch: Sequence[events.LogEvent],
        said: Sequence[messages.Message] = (),
    ) -> None:
        self.new, self.seq, self.owner, self.batch, self.said = new, seq, owner, batch, said
        self.count, self.data = len(batch), codec.encode_events(batch)
        self.status = log.status(batch)
        self.ends = self.status in log.ENDED
        self.posts = self.ends or self.status == "waiting"

    @property
    def row(self) -> tuple[str, int, int, Any, bytes]:
        return self.new.id, self.seq, self.count, self.owner, self.data

    @property
    def last(self) -> int:
        """The seq of the last of them."""
        return self.seq + self.count - 1

    @property
    def ending(self) -> bytes | None:
        """The event that the run has ended, or waits, with."""
        last = self.batch[-1]
        return codec.encode_ending(last) if isinstance(last, protocols.Ending) else None

    @property
    def codes(self) -> list[str]:
        """Of the questions that the run waits with."""
        last = self.batch[-1]
        return sorted({ask.code for ask in last.asks if ask.code}) if isinstance(last, events.RunWaiting) else []

    @property
    def durable(self) -> bool:
        return self.ends or any(isinstance(event, events.ToolBegan) for event in self.batch)

    @property
    def outputs(self) -> int:
        """How many of the thread's new messages are the run's answer."""
        return max(0, len(self.said) - len(self.new.said))


Settle: TypeAlias = Callable[[Append, bool | BaseException], None]
"""Hears whether an append was stored: False if it is fenced, or why it cannot be."""


class Writer(Protocol):
    def write(self, append: Append, settle: Settle) -> None:
        """Store it with others that come now. While the database is away it is tried again."""
        ...


class Owner:
    """What every claim of a log has: see `protocols.Claim`."""

    def __init__(self, new: protocols.NewRun, attempt: int, owner: Any, writer: Writer, feed: feeds.Feeds) -> None:
        self.new, self.attempt = new, attempt
        self.lost, self.cancelled = asyncio.Event(), asyncio.Event()
        self._owner, self._writer, self._feeds = owner, writer, feed
        self._first = rules.FirstAppend()
        self._over = False
        self._end = 0

    def _know(self, numbered: protocols.NumberedEvents) -> protocols.NumberedEvents:
        """This is the log."""
        self._end = numbered[-1][0] if numbered else 0
        return numbered

    def lose(self) -> None:
        """The run is another's."""
        self.lost.set()

    async def append(self, batch: Sequence[events.LogEvent], said: Sequence[messages.Message] = ()) -> int:
        return await self.begin_append(batch, said)

    def begin_append(
        self, batch: Sequence[events.LogEvent], said: Sequence[messages.Message] = ()
    ) -> asyncio.Future[int]:
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self._over:
            stored.set_exception(protocols.FencedError(self.new.id))
        else:
            append = Append(self.new, self._end + 1, self._owner, batch, said)
            self._writer.write(append, partial(self._settle, stored))
        return stored

    def _settle(self, stored: asyncio.Future[int], append: Append, outcome: bool | BaseException) -> None:
        failure = outcome if isinstance(outcome, BaseException) else None
        if outcome is False:
            failure = protocols.FencedError(self.new.id)
            if self._first.note_refusal():
                self.lose()
        elif failure is None:
            self._first.mark_stored()
            self._end = append.last
            self._feeds.publish(self.new.id, list(enumerate(append.batch, append.seq)))
        if stored.done():  # whoever wanted it has gone
            return
        if failure is None:
            stored.set_result(append.last)
        else:
            stored.set_exception(failure)
