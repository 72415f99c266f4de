"""What every wrapper is: a toolbox around others, which enters what they own and passes on what it does not change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

from turnstream import errors, messages, requests, resources, toolspec
from turnstream.protocols import Toolbox

if TYPE_CHECKING:
    from typing import Self


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
        self._stack = await resources.open_all(self._owned())
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
        raise errors.ToolError(f"Nothing can verify the outcome of a call of {call.name}.")

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
