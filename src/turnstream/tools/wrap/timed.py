"""A wrapper that bounds the time of each call."""

from __future__ import annotations

import asyncio

import msgspec

from turnstream import errors, messages, requests, toolspec
from turnstream.protocols import Toolbox
from turnstream.tools.wrap import base


class Timed(base.Wrapper):
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
