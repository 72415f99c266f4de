"""The server's side of kept conversations: what a request's dialect asks of them, done before and after its run.

Whatever a client names is looked up under who asks and the agent that answers. Dialects know neither.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Literal, TypeAlias

import msgspec

from turnstream import errors, events, messages, protocols, requests
from turnstream.dialects import base
from turnstream.threads import listing as lists, none

log = logging.getLogger(__name__)

# Dialects whose conversations are a grouping of tasks first: a context that is not known is a new one.
_GROUPING = frozenset({"a2a"})

# Whose a conversation is before any agent has answered in it, and the ids of such.
NOBODY = ""
_MADE = re.compile(r"conv_[0-9a-f]{48}")

History: TypeAlias = Literal["client", "server"]


class Turn:
    """One run's part in a kept conversation.

    ``request`` has the history that counts before what is new. ``encoder`` is the one that answers the client, which
    knows what a later request will be shown of the run. Whoever begins a turn ends it.
    """

    def __init__(
        self,
        conversations: Conversations,
        exchange: base.Exchange,
        principal: str,
        agent: str,
        id: str,
        dialect: str,
    ) -> None:
        assert exchange.thread is not None
        self._ref = exchange.thread
        self.key = protocols.ThreadKey(principal, agent, self._ref.id)
        self.id, self.dialect, self.exchange = id, dialect, exchange
        self.request = exchange.request
        self.encoder: base.Encoder | None = None
        self.cancelled = False
        self._conversations = conversations
        self._began_at = conversations.clock()
        self._new: Sequence[messages.Message] = ()
        self._ended = False

    async def begin(self, default: History = "client") -> None:
        """``default`` is the agent's word on whose history counts where the request has none. Raises `RequestError`."""
        self._conversations.check(self._ref, self.dialect)
        threads = self._conversations.threads
        instructions, said = _split(self.request.messages)
        if (self._ref.history or default) == "client":
            self._new = await self._conversations.new_messages(self.key, said)
        else:
            await self._conversations.adopt(self.key)
            history = await threads.read(self.key, limit=self._ref.length)
            self._new = said
            self.request = msgspec.structs.replace(self.request, messages=(*instructions, *history, *said))
        self._conversations.open_turns[self.id] = self

    async def end(
        self, request: requests.RunRequest, said: Sequence[messages.Message], ending: events.TerminalEvent
    ) -> None:
        """Store what the run has added, ``said``, and its record; once. A run that failed leaves its record alone.

        ``request`` is what the agent's guardrails left of this one: they change messages, each by itself, and never
        their number.
        """
        if self._ended:
            return
        self._ended = True
        if self._new:
            self._new = _split(request.messages)[1][-len(self._new) :]
        try:
            if self._ref.stores:
                await self._store(said, ending)
        except errors.StoreError:  # the answer is the client's nevertheless
            log.exception("run %s could not be stored", self.id)
        finally:
            self._conversations.open_turns.pop(self.id, None)

    def hand_over(self) -> None:
        """The run is kept from now on, and is stored by whoever ends it."""
        self._ended = True
        self._conversations.open_turns.pop(self.id, None)

    def place(self, request: requests.RunRequest) -> tuple[str | None, tuple[messages.Message, ...]]:
        """For a run that is kept from now on: its thread, and what is new to that."""
        if not self._ref.stores:
            return None, ()
        new = _split(request.messages)[1]
        return self.key.id, new[-len(self._new) :] if self._new else ()

    async def _store(self, said: Sequence[messages.Message], ending: events.TerminalEvent) -> None:
        threads = self._conversations.threads
        if self.encoder is None:
            self.encoder = self.exchange.encoder(self.key.agent)
        self.encoder.feed([ending])
        finished = isinstance(ending, events.RunFinished)
        new = (*self._new, *said) if finished else ()
        state = msgspec.structs.replace(self.state(_status(ending), ending), outputs=len(said) if finished else 0)
        try:
            await threads.append(self.key, new, at=self._ref.length if finished else None, run=state)
        except protocols.MovedError:  # two runs go on from the same answer: each gets a conversation of its own
            fork = await threads.fork(self.key, self._ref.length or 0, self.id)
            if fork is not None:
                await threads.append(fork.key, new, at=self._ref.length, run=state)

    def state(self, status: protocols.Status, ending: events.TerminalEvent | None = None) -> protocols.RunState:
        """The run as a later request may see it."""
        key = self.key
        return protocols.RunState(
            id=self.id,
            principal=key.principal,
            agent=key.agent,
            thread=key.id,
            status=status,
            created_at=self._began_at,
            ended_at=None if ending is None else self._conversations.clock(),
            ending=ending,
            dialect=self.dialect,
            shown=b"" if self.encoder is None else self.encoder.snapshot(),
        )


def new_id() -> str:
    return f"conv_{os.urandom(24).hex()}"


def not_found(id: str) -> errors.RequestError:
    text = f"Conversation with id '{id[:100]}' not found."
    return errors.RequestError(text, param="conversation", code="conversation_not_found", status=404)


class Conversations:
    """``keeps`` says whether anything is found again. ``open_turns`` are those of the runs that have not ended, by the
    run's id."""

    def __init__(self, threads: protocols.Threads, clock: Callable[[], float] = time.time) -> None:
        self.threads, self.clock = threads, clock
        self.keeps = not isinstance(threads, none.NoThreads)
        self.waiting: protocols.Runs | None = None  # those that only this process has
        self.open_turns: dict[str, Turn] = {}

    def check(self, thread: requests.ThreadRef, dialect: str) -> None:
        """Refuse to go on with a conversation where none is kept, instead of answering without it."""
        if thread.history == "server" and not self.keeps and dialect not in _GROUPING:
            text = (
                f"This server keeps no conversations, so '{thread.id[:100]}' cannot be continued: its `store` is none."
            )
            raise errors.RequestError(text, code="conversations_not_kept", status=501)

    async def adopt(self, key: protocols.ThreadKey) -> None:
        """Let a conversation that a client has made for no agent be that of the one which answers in it first. Raises
        `RequestError` for one that is not there (any more), or is another agent's."""
        if not _MADE.fullmatch(key.id) or await self.threads.get(key) is not None:
            return
        made = protocols.ThreadKey(key.principal, NOBODY, key.id)
        if (thread := await self.threads.get(made)) is None:
            raise not_found(key.id)
        with suppress(protocols.MovedError):  # somebody else has just done so
            await self.threads.append(key, await self.threads.read(made), at=0)
            await self.threads.annotate(key, thread.metadata)
            await self.threads.delete(made)

    async def new_messages(
        self, key: protocols.ThreadKey, said: Sequence[messages.Message]
    ) -> Sequence[messages.Message]:
        """What is new where the client sends the whole history each time."""
        return said if await self.threads.get(key) is None else _after_last_answer(said)

    async def enter(
        self, key: protocols.ThreadKey, ref: requests.ThreadRef, request: requests.RunRequest, run_id: str
    ) -> tuple[protocols.ThreadKey, Sequence[messages.Message], bool]:
        """For a run that is kept: its thread, what is new to that, and whether its history counts, which is read when
        the run begins. Whoever goes on from an answer that is not the thread's last gets a thread of their own."""
        _, said = _split(request.messages)
        if (ref.history or "client") == "client":
            return key, await self.new_messages(key, said), False
        await self.adopt(key)
        thread = await self.threads.get(key)
        if ref.length is not None and thread is not None and thread.length != ref.length:
            fork = await self.threads.fork(key, ref.length, run_id)
            key = key if fork is None else fork.key
        return key, said, True

    async def find(
        self, lookup: base.Lookup, principal: str, agent: str, dialect: str
    ) -> Mapping[str, protocols.RunState]:
        """Those of the runs that the request names which are the principal's own, and this agent's. What another
        dialect has shown of a run is nothing that this one could name."""
        found = {}
        for run_id in lookup.run_ids:
            state = await self._find(principal, agent, run_id)
            if state is not None and state.dialect == dialect:
                found[run_id] = state
        return found

    async def _find(self, principal: str, agent: str, run_id: str) -> protocols.RunState | None:
        turn = self.open_turns.get(run_id)
        if turn is None and (found := await self.threads.run(principal, agent, run_id)) is not None:
            return found
        if turn is None:
            return None if self.waiting is None else await self.waiting.get(principal, run_id, agent)
        if (turn.key.principal, turn.key.agent) != (principal, agent):
            return None
        return turn.state("cancelled" if turn.cancelled else "running")

    async def find_open(
        self, principal: str, agent: str, dialect: str, run_id: str | None, thread: str | None
    ) -> protocols.RunState | None:
        """The run of that id, or the newest of the thread, if it has not ended."""
        if run_id is not None:
            state = await self.threads.run(principal, agent, run_id)
            return state if state is not None and state.dialect == dialect else None
        if thread is None:
            return None
        query = protocols.RunQuery(agent, dialect, thread, ("queued", "running", "waiting"))
        found, _ = await self.threads.runs(principal, query, limit=1)
        return found[0] if found else None

    async def runs(self, listing: base.Listing, principal: str) -> tuple[list[protocols.RunState], int]:
        """Those that are asked for, of the store and of those that have not ended, and how many there are in all."""
        of_principal = [turn for turn in self.open_turns.values() if turn.key.principal == principal]
        running = [turn.state("cancelled" if turn.cancelled else "running") for turn in of_principal]
        now, count = lists.page(running, listing.query, listing.behind, listing.limit)
        stored, total = await self.threads.runs(principal, listing.query, behind=listing.behind, limit=listing.limit)
        return sorted([*now, *stored], key=lists.place, reverse=True)[: listing.limit], count + total

    def cancel(self, run_id: str) -> None:
        """Say from now on that the run is cancelled, though it may take it a while to end."""
        if run_id in self.open_turns:
            self.open_turns[run_id].cancelled = True


def _split(
    conversation: Sequence[messages.Message],
) -> tuple[tuple[messages.Message, ...], tuple[messages.Message, ...]]:
    """Instructions, which are the request's own and are never kept, and what was said."""
    instructions = tuple(message for message in conversation if isinstance(message, messages.SystemMessage))
    return instructions, tuple(message for message in conversation if not isinstance(message, messages.SystemMessage))


def _after_last_answer(said: Sequence[messages.Message]) -> Sequence[messages.Message]:
    """What is new where the client sends the whole history each time."""
    at = max((at for at, message in enumerate(said) if isinstance(message, messages.AssistantMessage)), default=-1)
    return said[at + 1 :]


def _status(ending: events.TerminalEvent) -> protocols.Status:
    match ending:
        case events.RunFinished():
            return "finished"
        case events.RunCancelled():
            return "cancelled"
        case events.RunFailed(code=code):
            return "cancelled" if code == "cancelled" else "failed"
