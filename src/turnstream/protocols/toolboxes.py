"""What a toolbox is: some tools, and how one of them is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from turnstream import messages, requests, toolspec


class Toolbox(Protocol):
    """Some tools. A toolbox that owns a resource (a session, a thread pool) is an async context manager too.

    One whose tools are the same for every run may have them in ``specs``, and is not asked each time. One that can find
    out whether a call had its effect has a method ``verify`` with the parameters of `call`: it gives the result of a
    call that had, None for one that had not and shall be made, and raises where it does not know.
    """

    async def tools(self, context: requests.RunContext) -> Sequence[toolspec.ToolSpec]:
        """The tools that this run may use, now."""
        ...

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        """Execute one call. Raises `ToolError` to tell the model what went wrong. Is cancelled when the run is left."""
        ...
