"""Several models as one: the first is asked, and where it fails before anything of its answer is seen, the next."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from turnstream import errors, events, messages, protocols, relay, requests, resources
from turnstream.models.breaker import Breaker, State

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger(__name__)

_NO_RUN = requests.RunContext()
_ELSEWHERE = frozenset(
    {"rate_limit_exceeded", "provider_quota", "provider_overloaded", "provider_timeout", "provider_error"}
    | {"provider_unreachable", "provider_connection_lost", "provider_protocol_error"}
)
"""Failures that another model may not have: neither the request nor the server's configuration is at fault."""


class Fallback:
    """``models`` in the order in which they are asked.

    The next is asked if one fails for a reason that another may not have (no connection, a rate limit, an overload, a
    time-out), after its own tries, and before anything that can be seen. What was shown cannot be taken back: after
    that one that ``continues`` a text is asked to go on with it, where nothing but text was seen, and else the failure
    stands. A model that goes on failing is spared for a while (`turnstream.models.breaker`): it is
    asked only after all others. ``clock`` gives seconds.
    """

    def __init__(self, models: Sequence[protocols.AnyModel], *, clock: Callable[[], float] = time.monotonic) -> None:
        if not models:
            raise ValueError("models must not be empty")
        self.models = tuple(models)
        self.clock = clock
        self._members = tuple(_Member(model) for model in models)
        self._resources = resources.Shared(self._open)

    @property
    def name(self) -> str:
        return ", ".join(model.name for model in self.models)

    @property
    def spared(self) -> tuple[str, ...]:
        """The names of the models that are asked last for now."""
        return tuple(member.name for member in self._members if member.breaker.is_open)

    def breakers(self) -> dict[str, State]:
        """By the models' names."""
        now = self.clock()
        return {member.name: member.breaker.state(now) for member in self._members}

    def stream(self, request: requests.ModelRequest, context: requests.RunContext = _NO_RUN) -> Stream:
        return Stream(self._order(), request, lambda member, asked: member.open_stream(asked, context), self.clock)

    def _order(self) -> Iterator[_Member]:
        """Whether a model is to be spared is asked when its turn comes."""
        spared = []
        for member in self._members:
            if member.breaker.admit(self.clock()):
                yield member
            else:
                spared.append(member)
        yield from spared

    async def __aenter__(self) -> Self:
        await self._resources.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._resources.__aexit__(kind, error, trace)

    async def _open(self, stack: AsyncExitStack) -> None:
        await resources.enter_all(stack, self.models)

    def __repr__(self) -> str:
        return f"Fallback([{', '.join(map(repr, self.models))}])"


class _Member:
    """One of the models, and how it has done."""

    def __init__(self, model: protocols.AnyModel) -> None:
        self.name = model.name
        self.open_stream = protocols.opener(model)
        self.continues = bool(getattr(model, "continues", False))
        self.breaker = Breaker()

    def succeed(self) -> None:
        if self.breaker.is_open:
            log.info("%s answers again", self.name)
        self.breaker.succeed()

    def fail(self, error: errors.ProviderError, now: float) -> None:
        """One that refused the request for what is in it has not failed."""
        if error.code not in _ELSEWHERE:
            return
        was_open = self.breaker.is_open
        self.breaker.fail(now, error.retry_after)
        if self.breaker.is_open and not was_open:
            log.warning("%s goes on failing (%s): it is asked last for a while", self.name, error.code)


class Stream:
    """One answer: that of the first model which says something. ``model`` is its name.

    What nobody sees (usage, the finish reason) is held until then: it goes with the model that failed.
    """

    def __init__(
        self,
        order: Iterator[_Member],
        request: requests.ModelRequest,
        open_stream: Callable[[_Member, requests.ModelRequest], AbstractAsyncContextManager[protocols.ModelStream]],
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._order = order
        self._request = request
        self._open_stream = open_stream
        self._said: list[str] | None = []  # all that was seen, while that is only text
        self._member = next(order)
        self._stack = AsyncExitStack()
        self._stream: protocols.ModelStream
        self._begun = False
        self._failure: errors.ProviderError | None = None

    @property
    def model(self) -> str:
        return self._member.name

    @property
    def ended(self) -> bool:
        return self._failure is None and protocols.has_ended(self._stream)

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Coroutine[None, None, list[events.ModelEvent]]:
        return self._next(None)

    def relay(self, take: protocols.Take) -> Coroutine[None, None, list[events.ModelEvent]]:
        return self._next(take)

    async def _next(self, take: protocols.Take | None) -> list[events.ModelEvent]:
        if self._failure is not None:
            raise self._failure
        if not self._begun:
            batch = self._note(await self._begin())
            if take is None or not take(batch):
                return batch
        hand_on = None if take is None else protocols.relay_of(self._stream)
        try:
            if take is None or hand_on is None:
                return self._note(await self._stream.__anext__())
            return await relay.through(hand_on, self._note, take)
        except errors.ProviderError as error:
            if not await self._continue_after(error):
                raise
        return await self._next(take)

    def _note(self, batch: list[events.ModelEvent]) -> list[events.ModelEvent]:
        if self._said is not None:
            for event in batch:
                if isinstance(event, events.TextDelta):
                    self._said.append(event.text)
                elif not isinstance(event, events.UsageReport):
                    self._said = None
                    break
        return batch

    async def _continue_after(self, error: errors.ProviderError) -> bool:
        """Have another model go on with the text that was seen, if one can: none of it is said again."""
        self._member.fail(error, self._clock())
        text = "".join(self._said or ())
        if error.code not in _ELSEWHERE or not text or text[-1].isspace():  # vendors drop the blank at its end
            return False
        begun = messages.AssistantMessage((messages.TextPart(text),))
        request = msgspec.structs.replace(self._request, messages=(*self._request.messages, begun))
        for member in self._order:
            if not member.continues:
                continue
            log.warning("%s failed (%s): %s goes on with its answer", self._member.name, error.code, member.name)
            self._member = member
            await self._stack.aclose()
            try:
                self._stream = await self._stack.enter_async_context(self._open_stream(member, request))
                return True
            except errors.ProviderError as failure:
                member.fail(failure, self._clock())
        return False

    async def _open(self) -> None:
        """Raises what the last of the models met."""
        while True:
            try:
                opening = self._open_stream(self._member, self._request)
                self._stream = await self._stack.enter_async_context(opening)
                return
            except errors.ProviderError as error:
                if not self._move_on(error):
                    raise

    async def _begin(self) -> list[events.ModelEvent]:
        while True:
            held: list[events.ModelEvent] = []
            try:
                while all(event.__class__ in events.UNSEEN for event in held):
                    held += await self._stream.__anext__()
            except StopAsyncIteration:
                if not held:
                    raise
            except errors.ProviderError as error:
                if self._move_on(error):
                    await self._stack.aclose()
                    await self._open()
                    continue
                if not held:
                    raise
                self._failure = error  # is told after what was held
                return held
            self._begun = True
            self._member.succeed()
            return held

    def _move_on(self, error: errors.ProviderError) -> bool:
        """To the next model, if there is one that may help."""
        failed = self._member
        failed.fail(error, self._clock())
        following = next(self._order, None) if error.code in _ELSEWHERE else None
        if following is None:
            return False
        log.warning("%s failed (%s): %s is asked instead. %s", failed.name, error.code, following.name, error.detail)
        self._member = following
        return True
