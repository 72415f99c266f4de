"""Wrappers around any toolbox, with a toolbox's own two methods, so they stack.

>>> box = Prefixed(Filtered(files, deny=["delete_*"]), "fs_")

Each forwards ``async with`` to what it wraps. A wrapper that remembers something (`Cached`, `RateLimited`) keeps it
apart for each user.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Container, Iterator, Sequence
from contextlib import AsyncExitStack
from fnmatch import fnmatchcase
from inspect import isawaitable, iscoroutinefunction
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec

from turnstream import errors, messages, protocols, requests, resources, toolspec
from turnstream.protocols import Toolbox
from turnstream.tools.threads import Threads

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger("turnstream.tools")

VerifyCall: TypeAlias = Callable[
    [messages.ToolCall, requests.RunContext], Awaitable["toolspec.ToolOutput | None"]
]  # a toolbox's ``verify``


class _Owner:
    """Enters the toolboxes that own something, and leaves them."""

    def __init__(self, *boxes: Toolbox) -> None:
        self.boxes = boxes
        self._stack = AsyncExitStack()

    def _owned(self) -> tuple[object, ...]:
        return self.boxes

    async def __aenter__(self) -> Self:
        self._stack = await resources.opened(self._owned())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)


def known_tools(box: Toolbox) -> tuple[toolspec.ToolSpec, ...]:
    """Those of functions, of REST calls and of OpenAPI files: for others a server would have to be asked."""
    known: Sequence[toolspec.ToolSpec] | None = getattr(box, "known", None) or getattr(box, "specs", None)
    return tuple(known or ())


class Combined(_Owner):
    """Several toolboxes as one. Of two tools with one name, the first counts."""

    async def tools(self, context: requests.RunContext) -> list[toolspec.ToolSpec]:
        offered = await asyncio.gather(*(box.tools(context) for box in self.boxes))
        named: dict[str, toolspec.ToolSpec] = {}
        for spec in (spec for specs in offered for spec in specs):
            named.setdefault(spec.name, spec)
        return list(named.values())

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        for box in self.boxes:
            if any(spec.name == call.name for spec in await box.tools(context)):
                return await box.call(call, context)
        raise errors.ToolError(f"There is no tool named {call.name!r}.")

    async def verify(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput | None:
        for box in self.boxes:
            if any(spec.name == call.name for spec in await box.tools(context)):
                if (verify := _verify_of(box)) is not None:
                    return await verify(call, context)
                break
        raise errors.ToolError(f"Nothing can find out what came of a call of {call.name}.")

    @property
    def asks(self) -> bool:
        return any(getattr(box, "asks", False) for box in self.boxes)


def _verify_of(box: Toolbox) -> VerifyCall | None:
    verify: VerifyCall | None = getattr(box, "verify", None)
    return verify


class Wrapper(_Owner):
    """Passes everything on; a subclass changes what it is there for."""

    def __init__(self, box: Toolbox) -> None:
        super().__init__(box)
        self.box = box

    async def tools(self, context: requests.RunContext) -> list[toolspec.ToolSpec]:
        return list(await self.box.tools(context))

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        return await self.box.call(call, context)

    @property
    def known(self) -> tuple[toolspec.ToolSpec, ...]:
        """The tools, as far as they are known without asking anybody."""
        return known_tools(self.box)

    @property
    def verify(self) -> VerifyCall | None:
        return _verify_of(self.box)

    @property
    def asks(self) -> bool:
        """Whether it is known to wait for a person."""
        return bool(getattr(self.box, "asks", False))

    def __repr__(self) -> str:
        return repr(self.box)


def innermost(box: object) -> object:
    """What all wrappers are around."""
    while isinstance(box, Wrapper):
        box = box.box
    return box


def prefix_of(box: Toolbox) -> str:
    """What stands before the names that the innermost toolbox gives."""
    prefix = ""
    while isinstance(box, Wrapper):
        prefix += box.prefix if isinstance(box, Prefixed) else ""
        box = box.box
    return prefix


class Prefixed(Wrapper):
    """Each tool's name with ``prefix`` before it, for two sources that use the same names."""

    def __init__(self, box: Toolbox, prefix: str) -> None:
        super().__init__(box)
        self.prefix = prefix

    def _with_prefix(self, spec: toolspec.ToolSpec) -> toolspec.ToolSpec:
        return msgspec.structs.replace(spec, name=self.prefix + spec.name)

    async def tools(self, context: requests.RunContext) -> list[toolspec.ToolSpec]:
        return [self._with_prefix(spec) for spec in await self.box.tools(context)]

    @property
    def known(self) -> tuple[toolspec.ToolSpec, ...]:
        return tuple(self._with_prefix(spec) for spec in super().known)

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        return await self.box.call(self._without_prefix(call), context)

    @property
    def verify(self) -> VerifyCall | None:
        if (verify := super().verify) is None:
            return None
        return lambda call, context: verify(self._without_prefix(call), context)

    def _without_prefix(self, call: messages.ToolCall) -> messages.ToolCall:
        return msgspec.structs.replace(call, name=call.name.removeprefix(self.prefix))


class Filtered(Wrapper):
    """Only tools whose names match a pattern of ``allow`` (``*`` is anything; None allows all) and none of ``deny``."""

    def __init__(self, box: Toolbox, allow: Sequence[str] | None = None, deny: Sequence[str] = ()) -> None:
        super().__init__(box)
        self._allow, self._deny = allow, tuple(deny)

    def _offers(self, name: str) -> bool:
        allowed = self._allow is None or any(fnmatchcase(name, pattern) for pattern in self._allow)
        return allowed and not any(fnmatchcase(name, pattern) for pattern in self._deny)

    async def tools(self, context: requests.RunContext) -> list[toolspec.ToolSpec]:
        return [spec for spec in await self.box.tools(context) if self._offers(spec.name)]

    @property
    def known(self) -> tuple[toolspec.ToolSpec, ...]:
        return tuple(spec for spec in super().known if self._offers(spec.name))

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        if not self._offers(call.name):
            raise errors.ToolError(f"There is no tool named {call.name!r}.")
        return await self.box.call(call, context)


class Timed(Wrapper):
    """Each call takes at most ``seconds``, whatever its tool and its agent allow."""

    def __init__(self, box: Toolbox, seconds: float) -> None:
        super().__init__(box)
        self._seconds = seconds

    async def tools(self, context: requests.RunContext) -> list[toolspec.ToolSpec]:
        return [msgspec.structs.replace(spec, timeout=self._limit(spec)) for spec in await self.box.tools(context)]

    def _limit(self, spec: toolspec.ToolSpec) -> float:
        return self._seconds if spec.timeout is None else min(spec.timeout, self._seconds)

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        try:
            async with asyncio.timeout(self._seconds) as limit:
                return await self.box.call(call, context)
        except TimeoutError:
            if not limit.expired():
                raise
            raise errors.ToolError(f"The tool {call.name} gave no result within {self._seconds:g} seconds.") from None


class Cached(Wrapper):
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
        arguments = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        arguments = call.arguments.encode("utf-8", "surrogatepass")
    seen = [call.name, arguments, *_who(context), dict(context.values), dict(context.headers)]
    return msgspec.json.encode(seen, order="deterministic", enc_hook=repr)


_Who: TypeAlias = tuple[str, str | None]


def _who(context: requests.RunContext) -> _Who:
    """A name that a client gives its user says nothing across principals."""
    return context.principal.name, context.user


class RateLimited(Wrapper):
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


class Check(Protocol):
    """Either may give another one in its stead, or raise `ToolError`, which is for the model."""

    async def arguments(self, call: messages.ToolCall, context: requests.RunContext) -> messages.ToolCall: ...

    async def result(
        self, call: messages.ToolCall, output: toolspec.ToolOutput, context: requests.RunContext
    ) -> toolspec.ToolOutput: ...


class Checked(Wrapper):
    """Each call goes through ``check`` before it is made, and its result before anybody reads it."""

    def __init__(self, box: Toolbox, check: Check) -> None:
        super().__init__(box)
        self._check = check

    def _owned(self) -> tuple[object, ...]:
        return self.box, self._check

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        given, call = call, await self._check.arguments(call, context)
        try:
            output = await self.box.call(call, context)
        except protocols.AskError as error:
            if call.arguments == given.arguments:
                raise
            raise protocols.AskError(msgspec.structs.replace(error.ask, arguments=call.arguments)) from None
        except errors.ToolError as error:
            output = toolspec.ToolOutput(error.message, is_error=True)
        return await self._check.result(call, output, context)


Ask: TypeAlias = Callable[[messages.ToolCall, requests.RunContext], "Awaitable[bool] | bool"]

_MOST_ASKING = 64  # functions that block, at a time


class Approved(Wrapper):
    """A call of a tool whose name matches a pattern of ``calls`` is made only after a yes, which ``ask`` says, or
    without it the person at the other end (`RunContext.approve`). The model is told a no, and that nobody can be asked.

    A function ``ask`` that is not async runs in a thread. Nothing but True is a yes. The agent's time-out of the call
    stands still while it waits; a `Timed` around it goes on. Leaving the run cancels the question. With ``runs`` only
    calls of these runs need a yes. ``by`` is who else may say it than the person at the other end (`asks.Ask.by`), and
    ``expires`` for how many seconds that can be said. With ``once`` only calls that must not happen twice need a yes.
    """

    @property
    def asks(self) -> bool:
        return self.ask is None or super().asks

    def __init__(
        self,
        box: Toolbox,
        calls: Sequence[str] = ("*",),
        ask: Ask | None = None,
        runs: Container[requests.RunContext] | None = None,
        by: str = "",
        expires: float | None = None,
        once: bool = False,
    ) -> None:
        super().__init__(box)
        self.calls, self.ask, self.by = tuple(calls), ask, by
        self._expires, self._once = expires, once
        self._runs = runs
        self._is_async = iscoroutinefunction(ask) or iscoroutinefunction(getattr(ask, "__call__", None))  # noqa: B004
        self._threads = Threads("approve", _MOST_ASKING)

    def _needs(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.calls)

    def _needs_of(self, spec: toolspec.ToolSpec) -> bool:
        return self._needs(spec.name) and (spec.effect == "once" or not self._once)

    async def _acts(self, call: messages.ToolCall, context: requests.RunContext) -> bool:
        """Whether it is a call of the kind that needs a yes. A tool that nobody knows may be one."""
        if not self._once:
            return True
        specs = [spec for spec in await self.box.tools(context) if spec.name == call.name]
        return not specs or specs[0].effect == "once"

    async def tools(self, context: requests.RunContext) -> list[toolspec.ToolSpec]:
        return [
            msgspec.structs.replace(spec, approval=spec.approval or self._needs_of(spec))
            for spec in await self.box.tools(context)
        ]

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        if self._needs(call.name) and (self._runs is None or context in self._runs) and await self._acts(call, context):
            await self._approve(call, context)
        await context.begin()
        return await self.box.call(call, context)

    async def _approve(self, call: messages.ToolCall, context: requests.RunContext) -> None:
        if self.ask is None and context.approve is None:
            raise errors.ToolError(
                f"The call of {call.name} needs approval, and nobody can be asked: it was not executed."
            )
        try:
            with context.untimed():
                answer = await self._answer(call, context)
        except errors.ToolError:
            raise
        except Exception as error:  # the boundary to code that is not ours: without an answer there is no yes
            log.error("no approval of tool %s in run %s", call.name, context.run_id, exc_info=error)
            raise errors.ToolError(f"The call of {call.name} could not be approved: it was not executed.") from error
        if answer is not True:
            raise errors.ToolError(f"The call of {call.name} was not approved: it was not executed.")

    async def _answer(self, call: messages.ToolCall, context: requests.RunContext) -> object:
        if self.ask is None:
            try:
                return context.approve is not None and await context.approve()
            except protocols.AskError as error:
                until = None if self._expires is None else time.time() + self._expires
                raise protocols.AskError(msgspec.structs.replace(error.ask, by=self.by, expires_at=until)) from None
        answer = self.ask(call, context) if self._is_async else await self._threads.run(self.ask, call, context)
        return await answer if isawaitable(answer) else answer


def approvals(box: object) -> Iterator[Approved]:
    """What asks before calls of ``box``, the outermost first."""
    if isinstance(box, Approved):
        yield box
    for inner in box.boxes if isinstance(box, Combined | Wrapper) else ():
        yield from approvals(inner)
