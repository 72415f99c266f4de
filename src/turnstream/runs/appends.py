"""Appends to the log of a run: what is written, and what a claim knows of its place. Where it is stored is another's.

An owner may append only behind the last event that it knows, and one append of a run is under way at a time. Whoever
writes them tells the claim what became of each: it is stored, then shown, then its owner goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from turnstream import events, messages, protocols
from turnstream.runs import feeds, log, rules
from turnstream.storage import codec


class Append:
    """Some events of one run, at one place of its log. ``ends`` says that they end the run, ``posts`` that somebody is
    to be told of that or of its waiting, ``durable`` that nothing may go on before they are safe from a power cut."""

    __slots__ = (
        *("_data", "are_texts", "batch", "durable", "ends", "last", "new", "owner", "posted", "posts", "said", "seq"),
        *("status", "tell"),
    )

    def __init__(
        self,
        new: protocols.NewRun,
        seq: int,
        owner: Any,
        batch: Sequence[events.LogEvent],
        said: Sequence[messages.Message] = (),
        tell: protocols.TellStored | None = None,
    ) -> None:
        self.new, self.seq, self.owner, self.batch, self.said, self.tell = new, seq, owner, batch, said, tell
        self.last = seq + len(batch) - 1  # the seq of the last of them
        self.ends = self.posts = self.durable = False
        self.posted = False  # set by whoever has stored it
        self.status: protocols.Status | None = None
        self._data: bytes | None = None
        self.are_texts = log.are_texts(batch)
        if not self.are_texts:
            self._look()

    def _look(self) -> None:
        """Nearly all appends are text, which changes no status, and can always be encoded: by whoever writes it."""
        self._data = codec.encode_events(self.batch)
        self.status = log.status(self.batch)
        self.ends = self.status in log.ENDED
        self.posts = self.ends or self.status == "waiting"
        self.durable = self.ends or any(isinstance(event, events.ToolBegan) for event in self.batch)

    @property
    def entry(self) -> codec.Appended:
        return self.new.id, self.seq, self.owner, self.batch

    @property
    def row(self) -> tuple[str, int, int, Any, bytes]:
        data = codec.encode_events(self.batch) if self._data is None else self._data
        return self.new.id, self.seq, len(self.batch), self.owner, data

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
    def outputs(self) -> int:
        """How many of the thread's new messages are the run's answer."""
        return max(0, len(self.said) - len(self.new.said))


Settle: TypeAlias = Callable[[Append, bool | BaseException], None]
"""Hears whether an append was stored: False if it is fenced, or why it cannot be."""


class Writer(Protocol):
    def write(self, append: Append, settle: Settle) -> None:
        """Store it with others that come now. While the database is away it is tried again."""
        ...

    def write_plain(self, entry: codec.Appended, owner: Owner, tell: protocols.TellStored) -> None:
        """`write` for what is plain (`log.are_plain`). ``owner`` shows what is stored."""
        ...


class Owner:
    """What every claim of a log has: see `protocols.Claim`."""

    __slots__ = (
        *("_end", "_first", "_over", "_owner", "_watched", "_writer", "attempt", "begun", "cancelled", "ended", "lost"),
        "new",
    )

    def __init__(self, new: protocols.NewRun, attempt: int, owner: Any, writer: Writer, feed: feeds.Feeds) -> None:
        self.new, self.attempt = new, attempt
        self.lost, self.cancelled = protocols.Notice(), protocols.Notice()
        self._owner, self._writer, self._watched = owner, writer, feed.watched
        self._first = rules.FirstAppend()
        self._over = self.begun = self.ended = False
        self._end = 0

    @property
    def end(self) -> int:
        """The seq of the last event that is known to be stored."""
        return self._end

    def _know(self, numbered: protocols.NumberedEvents) -> protocols.NumberedEvents:
        """This is the log."""
        self._end = numbered[-1][0] if numbered else 0
        return numbered

    def lose(self) -> None:
        """The run is another's."""
        self.lost.set()

    async def append(self, batch: Sequence[events.LogEvent], said: Sequence[messages.Message] = ()) -> int:
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def tell(failure: BaseException | None) -> None:
            if stored.done():  # whoever wanted it has gone
                return
            if failure is None:
                stored.set_result(self._end)
            else:
                stored.set_exception(failure)

        self.begin_append(batch, said, tell)
        return await stored

    def begin_append(
        self, batch: Sequence[events.LogEvent], said: Sequence[messages.Message], tell: protocols.TellStored
    ) -> None:
        if self._over:
            raise protocols.FencedError(self.new.id)
        if log.are_plain(batch):  # nearly all
            self._writer.write_plain((self.new.id, self._end + 1, self._owner, batch), self, tell)
        else:
            self._writer.write(Append(self.new, self._end + 1, self._owner, batch, said, tell), self.settle)

    def show_plain(self, entry: codec.Appended, tell: protocols.TellStored) -> None:
        """They are stored."""
        run_id, seq, _, batch = entry
        self._first.stored = True
        self._end = seq + len(batch) - 1
        if (feed := self._watched.get(run_id)) is not None:
            feed.publish(seq, batch, type(batch[0]) is not events.StepStarted)
        tell(None)

    def settle(self, append: Append, outcome: bool | BaseException) -> None:
        failure: BaseException | None = None
        if outcome is True:
            self._first.stored = True
            self._end = append.last
            self.ended = append.ends
            if (feed := self._watched.get(self.new.id)) is not None:
                feed.publish(append.seq, append.batch, append.are_texts)
        elif outcome is False:
            failure = protocols.FencedError(self.new.id)
            if self._first.note_refusal():
                self.lose()
        else:
            failure = outcome
        if append.tell is not None:
            append.tell(failure)
