"""Where a server keeps conversations and runs, by the setting ``store``.

================  ====================================================================================================
``auto``          SQLite in the folder ``.turnstream`` beside the configuration, from the first thing to store on;
                  nothing where that cannot be; without a configuration the memory of the process
``sqlite:PATH``   that file, for one process
``postgres://…``  that database, for any number of processes
``memory``        the memory of the process, within bounds; no run outlives its client
``none``          nothing
================  ====================================================================================================
"""

from __future__ import annotations

import logging
import os
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from turnstream import errors, protocols, resources
from turnstream.storage.counters import MemoryCounters, PostgresCounters, SqliteCounters

if TYPE_CHECKING:
    from typing import Self

logger = logging.getLogger(__name__)

FOLDER, FILE = ".turnstream", "store.db"


class Store:
    """``async with`` it before use. ``runs`` and what follows it are None where no run is kept; ``counters`` are those
    of this process where the store has none. ``name`` tells no secret."""

    def __init__(
        self,
        name: str,
        threads: protocols.Threads,
        runs: protocols.Runs | None = None,
        *owned: Any,
        firings: protocols.Firings | None = None,
        counters: protocols.Counters | None = None,
        outbox: protocols.Outbox | None = None,
        pushes: protocols.Pushes | None = None,
    ) -> None:
        self.name = name
        self.counters = counters or MemoryCounters()
        self.threads = threads
        self.runs = runs
        self.firings = firings
        self.outbox = outbox
        self.pushes = pushes
        self._resources = owned
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._stack = await resources.open_all(self._resources)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()


def is_postgres(setting: str) -> bool:
    return setting.startswith(("postgres://", "postgresql://"))


def check(setting: str) -> None:
    """Raises `ConfigurationError` for what is not a store."""
    is_file = setting.startswith("sqlite:") and setting != "sqlite:"
    if setting not in ("auto", "memory", "none") and not is_file and not is_postgres(setting):
        raise errors.ConfigurationError("store: expected auto, memory, none, sqlite:PATH or postgres://…")


def for_workers(setting: str, count: int) -> str:
    """The store of ``count`` processes that serve one address. Raises `ConfigurationError` for one that only one may
    use: each process would keep a part of the conversations and runs."""
    if count == 1 or setting == "none" or is_postgres(setting):
        return setting
    if setting == "auto":
        return "none"
    name = setting.partition(":")[0]
    raise errors.ConfigurationError(
        f"workers: {count} processes cannot share the store {name}: use postgres://…, none, or one worker"
    )


async def probe(setting: str, folder: Path | None) -> None:
    """Open the store and close it. Raises `ConfigurationError` if that does not work. What ``auto`` comes to is told
    when the store is made."""
    if setting == "auto" and folder is not None and _why_not(folder / FOLDER / FILE) is not None:
        return
    try:
        async with make(setting, folder):
            pass
    except errors.StoreError as error:
        raise errors.ConfigurationError(f"store: cannot reach the database: {error.__cause__}") from error


async def findings(setting: str, folder: Path | None) -> list[str]:
    """What an operator should know of a store that works. Raises `ConfigurationError` for one that does not."""
    await probe(setting, folder)
    if is_postgres(setting):
        found: list[str] = await _postgres().findings(setting)
        return found
    if setting == "auto" and folder is not None and (reason := _why_not(folder / FOLDER / FILE)) is not None:
        return [f"no run and no conversation would be kept: {reason}"]
    return []


def make(setting: str, folder: Path | None = None, memory_limit: int = 64 * 1024 * 1024) -> Store:
    """The store of a server whose configuration is in ``folder``; None if it has none. Nothing is opened yet."""
    check(setting)
    if is_postgres(setting):
        return _in_postgres(setting)
    if setting.startswith("sqlite:"):
        return _in_sqlite(file_of(setting, folder))
    if setting == "none":
        return _nowhere()
    if setting == "memory" or folder is None:
        return _in_memory(memory_limit)
    if (reason := _why_not(file := folder / FOLDER / FILE)) is not None:
        logger.warning("no run and no conversation is kept: %s", reason)
        return _nowhere()
    return _in_sqlite(file, lazy=True)


def file_of(setting: str, folder: Path | None) -> Path:
    """Where ``sqlite:PATH``, or ``auto`` in a folder, has its file."""
    if setting == "auto":
        return (folder or Path()) / FOLDER / FILE
    return (folder or Path()) / Path(setting.removeprefix("sqlite:")).expanduser()


def _why_not(file: Path) -> str | None:
    """Why the file cannot be this process's."""
    from turnstream.storage import sqlite

    try:
        if file.exists():
            sqlite.lock(file).close()
        elif not os.access(file.parent if file.parent.exists() else file.parent.parent, os.W_OK):
            raise errors.ConfigurationError(f"The folder {file.parent.parent} is not writable.")
    except errors.ConfigurationError as error:
        return error.message
    return None


def _nowhere() -> Store:
    from turnstream.threads.none import NoThreads

    return Store("none", NoThreads())


def _in_memory(limit: int) -> Store:
    from turnstream.threads.memory import MemoryThreads

    return Store("memory", MemoryThreads(limit))


def make_waiting_runs(threads: protocols.Threads) -> Any:
    """Where runs that wait for somebody stand in a server whose store keeps no runs: in its memory."""
    from turnstream.runs import memory

    return memory.Runs(threads)


def _in_sqlite(file: Path, *, lazy: bool = False) -> Store:
    from turnstream.runs import sqlite as runs
    from turnstream.storage import firings, outbox, pushes, sqlite
    from turnstream.threads import sqlite as threads

    database = sqlite.Database(file, lazy=lazy)
    kept, fired, letters = runs.Runs(database), firings.SqliteFirings(database), outbox.SqliteOutbox(database)
    return Store(
        f"sqlite:{file}",
        threads.Threads(database, kept.empty_journal),
        kept,
        database,
        kept,
        firings=fired,
        counters=SqliteCounters(database),
        outbox=letters,
        pushes=pushes.SqlitePushes(database),
    )


def _in_postgres(url: str) -> Store:
    postgres = _postgres()
    from turnstream.runs import postgres as runs
    from turnstream.storage import firings, outbox, pushes
    from turnstream.threads import postgres as threads

    database = postgres.Database(url)
    kept, fired, letters = runs.Runs(database), firings.PostgresFirings(database), outbox.PostgresOutbox(database)
    return Store(
        "postgres",
        threads.Threads(database),
        kept,
        database,
        kept,
        letters,
        firings=fired,
        counters=PostgresCounters(database),
        outbox=letters,
        pushes=pushes.PostgresPushes(database),
    )


def _postgres() -> Any:
    try:
        from turnstream.storage import postgres
    except ModuleNotFoundError as error:
        raise errors.ConfigurationError("PostgreSQL needs an extra: pip install turnstream[postgres]") from error
    return postgres


async def migrate(url: str) -> int:
    """Bring the schema of a PostgreSQL store up to date. The number of files that were run."""
    count: int = await _postgres().migrate(url)
    return count
