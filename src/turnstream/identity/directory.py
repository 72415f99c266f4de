"""The keys that count now: those of the configuration, and those of files and stores, which may change meanwhile.

Who asks is looked up in a table in memory. A task beside the requests asks each source every `EVERY` seconds whether
it has changed, and then makes a new table: so a key that was revoked is soon none any more, and a store that is away
for a while shuts nobody out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from turnstream import errors, requests
from turnstream.identity import files, keys, records

if TYPE_CHECKING:
    from typing import Self

    from turnstream.identity.tokens import Tokens

log = logging.getLogger(__name__)

EVERY = 2.0  # seconds between two looks at the sources
_NOTE_EVERY = 60.0  # seconds between two notes of when keys were used last


class Directory:
    """``async with`` it: until then it knows the keys of the configuration alone. ``tokens`` are those who can check
    them, if the server believes any issuer. ``tell_gone`` hears the names of principals whose last key was revoked, or
    has expired."""

    def __init__(
        self,
        configured: Iterable[str | keys.Key],
        sources: Sequence[records.Source] = (),
        tokens: Tokens | None = None,
        clock: Callable[[], float] = time.time,
        every: float | None = None,
        tell_gone: Callable[[frozenset[str]], None] = lambda names: None,
    ) -> None:
        self._tell_gone = tell_gone
        named = [key if isinstance(key, keys.Key) else keys.Key(key) for key in configured]
        self._fixed = [key for key in named if key.file is None]
        self._sources = [*(files.SecretFile(key) for key in named if key.file is not None), *sources]
        self.tokens = tokens
        self._clock, self._every = clock, EVERY if every is None else every
        self._found: list[Sequence[keys.Key]] = [()] * len(self._sources)
        self._versions: list[object] = [None] * len(self._sources)
        self._keys = keys.Keys(self._fixed, clock)
        self._uses: dict[str, float] = {}
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Raises `ConfigurationError`, `StoreError`."""
        async with contextlib.AsyncExitStack() as stack:
            for at, source in enumerate(self._sources):
                if isinstance(source, contextlib.AbstractAsyncContextManager):
                    await stack.enter_async_context(source)
                await self._load(at)
            if self.tokens is not None:
                await stack.enter_async_context(self.tokens)
            self._stack = stack.pop_all()
        if self._sources or any(key.expires_at is not None for key in self._fixed):
            self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            await self._try(self._note_uses())
        await self._stack.aclose()

    def find(self, shown: bytes) -> tuple[keys.Key, requests.Principal] | None:
        """The key that this is, and its principal."""
        found = self._keys.find(shown)
        if found is not None and found[0].id:
            self._uses[found[0].id] = self._clock()
        return found

    def names(self) -> frozenset[str]:
        """The principals that have a key now."""
        return self._keys.names()

    async def _load(self, at: int) -> None:
        source = self._sources[at]
        version = await source.version()
        if version == self._versions[at] and self._versions[at] is not None:
            return
        self._found[at] = await source.read()
        self._versions[at] = version
        self._keys = keys.Keys([*self._fixed, *(key for found in self._found for key in found)], self._clock)

    async def _follow(self) -> None:
        noted, names = self._clock(), self.names()
        while True:
            await asyncio.sleep(self._every)
            for at in range(len(self._sources)):
                await self._try(self._load(at))
            before, names = names, self.names()
            if gone := before - names:
                self._tell_gone(gone)
            if self._clock() - noted >= _NOTE_EVERY:
                noted = self._clock()
                await self._try(self._note_uses())

    async def _try(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
            self._trouble = ""
        except errors.TurnstreamError as error:
            if error.message != self._trouble:
                self._trouble = error.message
                log.warning("the keys that were known before still count: %s", error.message)
        except Exception:
            log.exception("the keys that were known before still count")

    async def _note_uses(self) -> None:
        uses, self._uses = self._uses, {}
        if uses:
            for source in self._sources:
                await source.note_uses(uses)
