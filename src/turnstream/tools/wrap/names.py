"""Wrappers that decide which tools are offered, and under which names."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from turnstream import errors, messages, requests, toolspec
from turnstream.protocols import Toolbox
from turnstream.tools.wrap import base


def prefix_of(box: Toolbox) -> str:
    """What stands before the names that the innermost toolbox gives."""
    prefix = ""
    while isinstance(box, base.Wrapper):
        prefix += box.prefix if isinstance(box, Prefixed) else ""
        box = box.box
    return prefix


class Prefixed(base.Wrapper):
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
    def verify(self) -> base.VerifyCall | None:
        if (verify := super().verify) is None:
            return None
        return lambda call, context: verify(self._without_prefix(call), context)

    def _without_prefix(self, call: messages.ToolCall) -> messages.ToolCall:
        return msgspec.structs.replace(call, name=call.name.removeprefix(self.prefix))


class Filtered(base.Wrapper):
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
