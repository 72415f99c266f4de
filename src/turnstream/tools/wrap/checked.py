"""A wrapper that shows each call and each result to somebody else first."""

from __future__ import annotations

from typing import Protocol

import msgspec

from turnstream import errors, messages, protocols, requests, toolspec
from turnstream.protocols import Toolbox
from turnstream.tools.wrap import base


class Check(Protocol):
    """Either may give another one in its stead, or raise `ToolError`, which is for the model."""

    async def arguments(self, call: messages.ToolCall, context: requests.RunContext) -> messages.ToolCall: ...

    async def result(
        self, call: messages.ToolCall, output: toolspec.ToolOutput, context: requests.RunContext
    ) -> toolspec.ToolOutput: ...


class Checked(base.Wrapper):
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
