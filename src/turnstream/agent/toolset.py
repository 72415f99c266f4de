"""The tools of one run: all toolboxes of its agent, asked once, by name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from turnstream import errors, messages, requests, toolspec
from turnstream.protocols import Toolbox

log = logging.getLogger(__name__)

Verify: TypeAlias = Callable[[messages.ToolCall, requests.RunContext], Awaitable[toolspec.ToolOutput | None]]


_NOTHING: frozenset[str] = frozenset()

_NONE: frozenset[str] = frozenset()


class Toolset:
    """Which toolbox answers which name. Of two tools with one name, the first counts."""

    def __init__(self, tools: Mapping[str, tuple[toolspec.ToolSpec, Toolbox]] | None = None) -> None:
        self._tools = dict(tools or {})
        self._specs = tuple(spec for spec, _ in self._tools.values())

    @classmethod
    def of_fixed(cls, toolboxes: Sequence[Toolbox]) -> Toolset | None:
        """For all runs; None where a toolbox has to be asked, or there is something to tell of one in each run."""
        tools: dict[str, tuple[toolspec.ToolSpec, Toolbox]] = {}
        count = 0
        for toolbox in toolboxes:
            specs = _read_specs(toolbox)
            if specs is None or isinstance(specs, BaseException):
                return None
            count += len(specs)
            tools.update((spec.name, (spec, toolbox)) for spec in specs)
        return cls(tools) if len(tools) == count else None

    @classmethod
    async def of(cls, toolboxes: Sequence[Toolbox], context: requests.RunContext, timeout: float | None) -> Toolset:
        """Ask all toolboxes at once. One that fails or is late is left out of this run: the others still help."""
        answers = await _ask(toolboxes, context, timeout)
        tools: dict[str, tuple[toolspec.ToolSpec, Toolbox]] = {}
        for toolbox, specs in zip(toolboxes, answers, strict=True):
            if isinstance(specs, Exception):
                reason = specs.message if isinstance(specs, errors.TurnstreamError) else type(specs).__name__
                log.error("toolbox %r is left out of run %s: %s", toolbox, context.run_id, reason, exc_info=specs)
            elif isinstance(specs, BaseException):
                raise specs
            else:
                for spec in specs:
                    if tools.setdefault(spec.name, (spec, toolbox))[1] is not toolbox:
                        log.warning(
                            "the tool %s of %r is hidden: another has its name; give one a prefix", spec.name, toolbox
                        )
        return cls(tools)

    def offer(self, client_tools: Sequence[toolspec.ToolSpec]) -> tuple[toolspec.ToolSpec, ...]:
        """What the model is offered: ours, then the client's."""
        if not client_tools:
            return self._specs
        left = self.names_left_to_client(client_tools)
        return (*self._specs, *(tool for tool in client_tools if tool.name in left))

    def names_left_to_client(self, client_tools: Sequence[toolspec.ToolSpec]) -> frozenset[str]:
        """A client's tool with the name of one of ours is ours: what the agent can do is not the client's to
        replace."""
        names = [tool.name for tool in client_tools if tool.name not in self._tools]
        return frozenset(names) if names else _NOTHING

    def timeout(self, name: str, default: float | None) -> float | None:
        """In seconds, None for no limit."""
        spec = self._tools[name][0] if name in self._tools else None
        return default if spec is None or spec.timeout is None else spec.timeout

    def effect(self, name: str) -> toolspec.Effect:
        return self._tools[name][0].effect if name in self._tools else "none"

    def effects(self, calls: Sequence[messages.ToolCall]) -> dict[str, toolspec.Effect]:
        """Those of the calls' tools that have one, by the calls' ids."""
        return {call.id: effect for call in calls if (effect := self.effect(call.name)) != "none"}

    def asks_first(self, name: str) -> bool:
        """Whether its toolbox says itself when a call is made."""
        return name in self._tools and self._tools[name][0].approval

    def declares(self, name: str) -> bool:
        """Whether somebody has said what a second call of the tool would do."""
        return name in self._tools and self._tools[name][0].declared

    def verifier(self, name: str) -> Verify | None:
        """What finds out whether a call that was begun had its effect."""
        verify: Verify | None = getattr(self._tools[name][1], "verify", None) if name in self._tools else None
        return verify

    def call(self, call: messages.ToolCall, context: requests.RunContext) -> Awaitable[toolspec.ToolOutput]:
        """Raises `ToolError` for a call that is malformed or of a tool that there is not."""
        if call.malformed is not None:
            raise errors.ToolError(f"This call was not executed: {call.malformed}. It was: {call.arguments[:500]}")
        if call.name not in self._tools:
            known = ", ".join(sorted(self._tools)) or "none"
            raise errors.ToolError(f"There is no tool named {call.name!r}. The tools are: {known}.")
        return self._tools[call.name][1].call(call, context)


EMPTY = Toolset()

_Answer: TypeAlias = Sequence[toolspec.ToolSpec] | BaseException


async def _ask(toolboxes: Sequence[Toolbox], context: requests.RunContext, timeout: float | None) -> list[_Answer]:
    """In order. A toolbox whose tools never change is not asked: a task and a timer for each of hundreds of functions
    would cost more than the run."""
    answers: list[_Answer | None] = [_read_specs(toolbox) for toolbox in toolboxes]
    asked = [at for at, answer in enumerate(answers) if answer is None]
    if asked:
        waits = (asyncio.wait_for(toolboxes[at].tools(context), timeout) for at in asked)
        for at, answer in zip(asked, await asyncio.gather(*waits, return_exceptions=True), strict=True):
            answers[at] = answer
    return [answer for answer in answers if answer is not None]


def _read_specs(toolbox: Toolbox) -> _Answer | None:
    try:
        specs: Sequence[toolspec.ToolSpec] | None = getattr(toolbox, "specs", None)
    except Exception as error:  # of the function's own annotations, for instance
        return error
    return specs
