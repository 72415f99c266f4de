"""Resources that several users share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


async def enter_all(stack: AsyncExitStack, owned: Iterable[object]) -> None:
    """Enter those that own something, which are async context managers, in this order."""
    for each in owned:
        if isinstance(each, AbstractAsyncContextManager):
            await stack.enter_async_context(each)


async def open_all(owned: Iterable[object]) -> AsyncExitStack:
    """What closes them. If one does not open, those before it are closed again."""
    async with AsyncExitStack() as stack:
        await enter_all(stack, owned)
        return stack.pop_all()


class Shared(Generic[T]):
    """``async with`` it any number of times at once: the first to enter opens, the last to leave closes.

    ``opening`` is given a stack and puts on it what is to be closed; what it returns is what each user gets. If it
    raises, what it had opened is closed again, and the next to enter tries anew.
    """

    def __init__(self, opening: Callable[[AsyncExitStack], Awaitable[T]]) -> None:
        self._opening = opening
        self._lock = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._users = 0
        self._resource: T

    @property
    def is_open(self) -> bool:
        return self._users > 0

    @property
    def resource(self) -> T:
        """What is shared; only while it is open."""
        return self._resource

    async def __aenter__(self) -> T:
        if self._users:  # open: only who opens or closes it must wait for another
            self._users += 1
            return self._resource
        async with self._lock:
            if self._users == 0:
                async with AsyncExitStack() as stack:
                    self._resource = await self._opening(stack)
                    self._stack = stack.pop_all()
            self._users += 1
            return self._resource

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._users > 1:
            self._users -= 1
            return
        async with self._lock:
            self._users -= 1
            if self._users == 0:
                del self._resource
                await self._stack.aclose()
