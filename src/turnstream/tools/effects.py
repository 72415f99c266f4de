"""What a second call of a tool would do, as somebody declares it, and how to find out what came of a first one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from turnstream import messages, protocols, requests, toolspec
from turnstream.tools import results, wrap
from turnstream.tools.json_arguments import arguments_of
from turnstream.tools.threads import Threads

Verify: TypeAlias = Callable[[dict[str, Any], requests.RunContext], Any]

_MOST_VERIFYING = 16  # functions that block, at a time


class Verifier:
    """A function of a call's arguments and its context as a toolbox's ``verify`` (`protocols.Toolbox`). It gives what
    the tool would have given, or None if the call had no effect; one that is not async runs in a thread."""

    def __init__(self, function: Verify) -> None:
        self._function = function
        self._is_async = inspect.iscoroutinefunction(function)
        self._threads = Threads("verify", _MOST_VERIFYING)

    async def __call__(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput | None:
        arguments = arguments_of(call)
        if self._is_async:
            value = await self._function(arguments, context)
        else:
            value = await self._threads.run(self._function, arguments, context)
            value = await value if inspect.isawaitable(value) else value
        return None if value is None else results.output(value)


class Declared(wrap.Wrapper):
    """The tools of ``box`` with this ``effect``, and with the function that finds out what came of a call of them."""

    def __init__(
        self, box: protocols.Toolbox, effect: toolspec.Effect | None = None, verify: Verify | None = None
    ) -> None:
        super().__init__(box)
        self._effect = effect
        self._verifier = None if verify is None else Verifier(verify)

    @property
    def verify(self) -> wrap.VerifyCall | None:
        return self._verifier or super().verify

    async def tools(self, context: requests.RunContext) -> list[toolspec.ToolSpec]:
        return [self._declare(spec) for spec in await self.box.tools(context)]

    @property
    def known(self) -> tuple[toolspec.ToolSpec, ...]:
        return tuple(self._declare(spec) for spec in super().known)

    def _declare(self, spec: toolspec.ToolSpec) -> toolspec.ToolSpec:
        return spec if self._effect is None else msgspec.structs.replace(spec, effect=self._effect, declared=True)
