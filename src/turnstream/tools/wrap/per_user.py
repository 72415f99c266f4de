"""Wrappers that remember something, apart for each user: results, and how often a tool was called."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from turnstream import errors, jsontext, messages, requests, toolspec
from turnstream.protocols import Toolbox
from turnstream.tools.wrap import base


class Cached(base.Wrapper):
    """The result of the same call by the same user again, for ``seconds``; at most ``size`` results are kept.

    Only tools with ``effect="none"`` are cached, and only good results. Users are told apart by everything that a tool
    can see of a request: principal, user, context values and forwarded headers.
    """

    def __init__(
        self, box: Toolbox, seconds: float, *, size: int = 1000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(box)
        self._seconds, self._size, self._clock = seconds, size, clock
        self._kept: OrderedDict[bytes, tuple[float, toolspec.ToolOutput]] = OrderedDict()

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        key = _key(call, context)
        kept = self._kept.get(key)
        if kept is not None and self._clock() - kept[0] < self._seconds:
            return kept[1]
        output = await self.box.call(call, context)
        if not output.is_error and await self._has_no_effect(call.name, context):
            self._kept[key] = (self._clock(), output)
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return output

    async def _has_no_effect(self, name: str, context: requests.RunContext) -> bool:
        return any(spec.name == name and spec.effect == "none" for spec in await self.box.tools(context))


def _key(call: messages.ToolCall, context: requests.RunContext) -> bytes:
    """The arguments count as JSON: their order and spacing do not matter."""
    try:
        arguments = jsontext.decode(call.arguments or "{}")
    except ValueError:
        arguments = call.arguments.encode("utf-8", "surrogatepass")
    seen = [call.name, arguments, *_who(context), dict(context.values), dict(context.headers)]
    return msgspec.json.encode(seen, order="deterministic", enc_hook=repr)


_Who: TypeAlias = tuple[str, str | None]


def _who(context: requests.RunContext) -> _Who:
    """A name that a client gives its user says nothing across principals."""
    return context.principal.name, context.user


class RateLimited(base.Wrapper):
    """At most ``calls`` in any ``seconds``, for each user. One more waits for its turn, if that comes within ``wait``
    seconds, and else is refused with the time to wait.
    """

    def __init__(
        self,
        box: Toolbox,
        calls: int,
        seconds: float,
        *,
        wait: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(box)
        self._calls, self._seconds, self._wait = calls, seconds, wait
        self._clock, self._sleep = clock, sleep
        self._made: OrderedDict[_Who, deque[float]] = OrderedDict()  # when calls were made, or will be

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        now, who = self._clock(), _who(context)
        made = self._made.setdefault(who, deque())
        self._made.move_to_end(who)
        self._forget(now)
        while made and now - made[0] >= self._seconds:
            made.popleft()
        turn = max(now, made[-self._calls] + self._seconds) if len(made) >= self._calls else now
        if turn - now > self._wait:
            left = self._seconds - (now - made[-self._calls])
            raise errors.ToolError(
                f"The tool {call.name} was called too often; it can be called again in {left:.0f} seconds."
            )
        made.append(turn)
        if turn > now:
            try:
                await self._sleep(turn - now)
            except BaseException:
                made.remove(turn)  # whoever left makes room
                raise
        return await self.box.call(call, context)

    def _forget(self, now: float) -> None:
        """Users whose last call is long past; the one used longest ago stands first."""
        while len(self._made) > 1:
            user, made = next(iter(self._made.items()))
            if made and now - made[-1] < self._seconds:
                return
            del self._made[user]
