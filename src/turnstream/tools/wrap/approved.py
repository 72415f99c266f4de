"""A wrapper that asks before a call is made."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Container, Iterator, Sequence
from fnmatch import fnmatchcase
from inspect import isawaitable, iscoroutinefunction
from typing import TypeAlias

import msgspec

from turnstream import errors, messages, protocols, requests, toolspec
from turnstream.protocols import Toolbox
from turnstream.tools.threads import Threads
from turnstream.tools.wrap import base

log = logging.getLogger("turnstream.tools")


Ask: TypeAlias = Callable[[messages.ToolCall, requests.RunContext], "Awaitable[bool] | bool"]


_MOST_ASKING = 64  # functions that block, at a time


class Approved(base.Wrapper):
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
                return context.approve is not None and await protocols.ask_person(context, self.by)
            except protocols.AskError as error:
                until = None if self._expires is None else time.time() + self._expires
                raise protocols.AskError(msgspec.structs.replace(error.ask, by=self.by, expires_at=until)) from None
        answer = self.ask(call, context) if self._is_async else await self._threads.run(self.ask, call, context)
        return await answer if isawaitable(answer) else answer


def approvals(box: object) -> Iterator[Approved]:
    """What asks before calls of ``box``, the outermost first."""
    if isinstance(box, Approved):
        yield box
    for inner in box.boxes if isinstance(box, base.Combined | base.Wrapper) else ():
        yield from approvals(inner)
