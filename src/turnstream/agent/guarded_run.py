"""A run of an agent with guardrails: they let its request in, and say what of it may be read."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from turnstream import conversation, events, messages, protocols, requests, usage
from turnstream.agent import reviews
from turnstream.agent.run import Run
from turnstream.agent.step_result import Rest

if TYPE_CHECKING:
    from turnstream.agent.agent import Agent


class GuardedRun(Run):
    """``messages`` are those that were shown; the model is given what it said itself."""

    __slots__ = ("_agreed", "_guard", "_guardrails", "_is_watched", "_shown")
    _is_guarded = True

    def __init__(
        self, guardrails: protocols.Guardrails, agent: Agent, request: requests.RunRequest, **options: Any
    ) -> None:
        super().__init__(agent, request, **options)
        self._guardrails = guardrails
        self._guard = guardrails.watch(self._context)
        self._is_watched = self._guard is not None
        if self._is_watched:
            self._record = None  # of what is not shown
        self._shown = conversation.Fold()
        self._agreed: list[events.RunEvent] | None = None  # it is shown as it is: a person has seen to it

    @property
    def messages(self) -> list[messages.Message]:
        return self._shown.messages if self._is_watched else self._said

    def _show(self) -> AsyncGenerator[list[events.RunEvent]]:
        return self._events() if self._guard is None else self._watch(self._guard)

    async def _watch(self, guard: protocols.Guard) -> AsyncGenerator[list[events.RunEvent]]:
        """What of the run may be read. A guard that stops it ends the model call and the tools at once."""
        async with aclosing(self._events()) as unguarded:
            async for batch in unguarded:
                if batch is self._agreed:
                    yield self._note(batch, batch)
                    continue
                async with aclosing(guard.feed(batch)) as batches:
                    async for shown in batches:
                        yield self._note(batch, shown)
                if reviews.of(guard) and self._can_wait:
                    break
                if reviews.of(guard):
                    yield self._note(batch, guard.decide(await self._ask_now(reviews.of(guard), reviews.ANSWER)))
                if guard.stopped is not None:
                    break
            else:
                return
            held = reviews.hold(guard, batch) if reviews.of(guard) else None
            ending = self._unfinished_step(guard)
        if held is not None:
            self._pause.add_unfinished(held.before)
            self.outcome, self.waiting = None, await self._wait_for(reviews.of(guard), reviews.ANSWER, held)
            yield [self.waiting]
            return
        assert guard.stopped is not None
        self.outcome = events.RunFinished(guard.stopped, self.usage, self._step)
        self._shown.feed(ending)
        yield [*ending, self.outcome]

    def _note(self, batch: list[events.RunEvent], shown: list[events.RunEvent]) -> list[events.RunEvent]:
        self._shown.feed(shown)
        self._pause.note_altered(batch, shown)
        if self._pause.record is not None:
            self._pause.record.add(shown)
        return shown

    @property
    def _can_wait(self) -> bool:
        """A front end's own questions about a conversation cannot: their answers are read by no person."""
        return self._pause.possible and not self._housekeeping

    async def _wait_for(
        self, asked: Sequence[protocols.Review], name: str, held: reviews.Held | None = None
    ) -> events.RunWaiting:
        calls, asks = reviews.questions(asked, name, self._step, time.time(), held)
        step, effects = max(1, self._step), self._toolset.effects
        return await self._pause.begin(self.request, step, calls, asks, self.usage, effects)

    async def _ask_now(self, asked: Sequence[protocols.Review], name: str) -> bool:
        """Where the run cannot wait: whoever is there, or nobody, and then the answer is no."""
        if self._approve is None or self._pause.possible:
            return False
        for review in asked:
            if await self._approve(reviews.call_for(review, name, self._step)) is not True:
                return False
        return True

    def _unfinished_step(self, guard: protocols.Guard) -> list[events.RunEvent]:
        message, finish = guard.unfinished(), guard.stopped
        if message is None or finish is None:
            return []
        tokens = self._collector.usage or usage.Usage()
        duration = time.monotonic() - self._asked
        return [events.StepFinished(self._step, message, finish, tokens, self._answering_model(), duration)]

    async def _let_in(self) -> list[events.RunEvent]:
        await self._admit()
        return await self._review_request()

    async def _admit(self) -> None:
        with self._deadline:
            self.request = await self._guardrails.admit(self.request, self._context)

    async def _review_request(self) -> list[events.RunEvent]:
        """What the run tells in place of an answer, where a person has to agree to its request first; nothing where it
        goes on. Once it has begun, somebody has."""
        progress = self._progress or conversation.Progress()
        if progress.last is not None:
            return []
        approved = reviews.is_approved(progress) if progress.held is None else True
        if approved is None:
            with self._deadline:
                asked = await reviews.of_request(self._guardrails, self.request, self._context)
            if asked and self._can_wait:
                self.waiting = await self._wait_for(asked, reviews.REQUEST)
                return [self.waiting]
            if asked and not await self._ask_now(asked, reviews.REQUEST):
                raise reviews.refusal()
        if approved is not False:
            return []
        self.request = msgspec.structs.replace(self.request, messages=())  # no thread may have them
        self.outcome = events.RunFinished("content_filter", self.usage, 0)
        return [self.outcome]

    async def _resume(self, progress: conversation.Progress) -> tuple[list[events.RunEvent], Rest | None]:
        self._shown.messages.extend(progress.messages)
        told, rest = await super()._resume(progress)
        self._agreed = told if reviews.read_held(progress) is not None else None
        return told, rest
