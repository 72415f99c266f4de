"""A PostgreSQL database: connections, errors that pass, the schema, notifications.

Behind a pooler such as PgBouncer a connection is not the same server from one transaction to the next. So each
statement is a transaction there, none is prepared beforehand, and nobody can listen: what would be a notification is
found by polling (`Database.pooled`).
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from turnstream import errors
from turnstream.storage.migrations import migrations, missing, up_to

if TYPE_CHECKING:
    from typing import Self

logger = logging.getLogger(__name__)

CHANNEL = "turnstream"
# What may be otherwise a moment later: the server is away, restarts, is full, or two transactions met.
_PASSING = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
)
_NEEDED = ("create", "delete", "read", "read_grouped_head", "send", "set_vt")
_TIMEOUT = 15.0

Row: TypeAlias = Any
Connection: TypeAlias = Any


class Database:
    """``async with`` it. Raises `ConfigurationError` for a database that was not migrated, or by a newer version, and
    `StoreError` where the server is away."""

    def __init__(self, url: str, *, connections: int = 8) -> None:
        self.url = url
        self.pooled = False
        self._connections = connections
        self._pool: Any = None
        self._listener: asyncio.Task[None] | None = None
        self._hearers: list[tuple[Callable[[str], None], Callable[[], None]]] = []

    async def __aenter__(self) -> Self:
        async with _connection(self.url) as connection:
            self.pooled = await is_pooled(connection)
            applied = await _read_applied(connection)
            if missing(migrations("postgres_schema"), applied, "The database"):
                version = max(applied, default=0)
                text = "has no tables of Turnstream" if not version else f"has the schema {version}, which is older"
                raise errors.ConfigurationError(f"The database {text}. Run: turnstream migrate --store postgres://…")
        self._pool = await asyncpg.create_pool(
            self.url,
            min_size=1,
            max_size=self._connections,
            command_timeout=_TIMEOUT,
            statement_cache_size=0 if self.pooled else 100,
            reset=_keep,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener])
        if self._pool is not None:
            try:
                async with asyncio.timeout(5):
                    await self._pool.close()
            except TimeoutError:
                self._pool.terminate()

    async def fetch(self, sql: str, *arguments: Any) -> list[Row]:
        """The rows of one statement, which is a transaction."""
        with _Passing():
            async with self._pool.acquire() as connection:
                if not self.pooled:
                    return list(await connection.fetch(sql, *arguments))
                async with connection.transaction():
                    return list(await connection.fetch(sql, *arguments))

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        with _Passing():
            async with self._pool.acquire() as connection, connection.transaction():
                yield connection

    def listen(self, hear: Callable[[str], None], reconnected: Callable[[], None]) -> None:
        """Call ``hear`` with each payload from now on. What is said while the connection is away is not heard, so
        ``reconnected`` is called when it is back. Nothing is ever heard behind a pooler."""
        self._hearers.append((hear, reconnected))
        if not self.pooled and self._listener is None:
            self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            gone = asyncio.Event()
            try:
                async with _connection(self.url) as connection:
                    connection.add_termination_listener(lambda _, gone=gone: gone.set())
                    await connection.add_listener(CHANNEL, lambda _, __, ___, payload: self._hear(payload))
                    for _, reconnected in self._hearers:
                        reconnected()
                    await gone.wait()
            except errors.StoreError:
                pass
            await asyncio.sleep(0.25)

    def _hear(self, payload: str) -> None:
        for hear, _ in self._hearers:
            hear(payload)


class _Passing:
    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, _PASSING):
            raise errors.StoreError("The database does not answer or does not write.") from error
        if isinstance(error, asyncpg.CharacterNotInRepertoireError):  # a client's name: what is said is stored as bytes
            raise errors.RequestError("A name has the character U+0000.", code="invalid_value") from error


@asynccontextmanager
async def _connection(url: str) -> AsyncGenerator[Connection]:
    with _Passing():
        connection = await asyncpg.connect(url, statement_cache_size=0, timeout=_TIMEOUT)
        try:
            yield connection
        finally:
            connection.terminate()


async def _keep(connection: Connection) -> None:
    """Nothing of ours stays in a session, so there is nothing to reset when a connection goes back to its pool."""


_OLD = 300  # seconds after which a transaction that still runs keeps the queue's dead rows


async def findings(url: str) -> list[str]:
    """What an operator should know of the database, a sentence each. Raises `StoreError` where it does not answer."""
    found: list[str] = []
    async with _connection(url) as connection:
        if await is_pooled(connection):
            found.append(
                "a pooler gives each transaction another connection (PgBouncer in transaction mode): watchers and new "
                "runs are found by polling, ten times a second"
            )
        old = "select count(*) from pg_stat_activity where now() - xact_start > make_interval(secs => $1)"
        if count := await connection.fetchval(old, float(_OLD)):
            what = "transaction has" if count == 1 else "transactions have"
            found.append(f"{count} {what} been open for more than {_OLD // 60} minutes: the queue cannot be cleaned up")
    return found


async def is_pooled(connection: Connection) -> bool:
    """A pooler gives its clients process ids of its own."""
    return bool(await connection.fetchval("select pg_backend_pid()") != connection.get_server_pid())


async def _read_applied(connection: Connection) -> set[int]:
    """The numbers of the files that were run in it."""
    if await connection.fetchval("select to_regclass('turnstream.schema_file')") is not None:
        return {row["number"] for row in await connection.fetch("select number from turnstream.schema_file")}
    if await connection.fetchval("select to_regclass('turnstream.schema_version')") is None:
        return set()
    return up_to(await connection.fetchval("select version from turnstream.schema_version") or 0)


async def migrate(url: str) -> int:
    """Bring the schema up to date: `turnstream migrate`. The number of files that were run."""
    async with _connection(url) as connection, connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(7788170)")
        await connection.execute("create schema if not exists turnstream")
        applied = await _read_applied(connection)
        left = missing(migrations("postgres_schema"), applied, "The database")
        if not left:
            return 0
        await _install_pgmq(connection)
        for migration in left:
            await connection.execute(migration.sql)
        await _record(connection, applied | {migration.number for migration in left})
        return len(left)


async def _record(connection: Connection, applied: set[int]) -> None:
    await connection.execute("create table if not exists turnstream.schema_file (number int primary key)")
    insert = "insert into turnstream.schema_file select unnest($1::int[]) on conflict do nothing"
    await connection.execute(insert, sorted(applied))
    await connection.execute("create table if not exists turnstream.schema_version (version int not null)")
    await connection.execute("delete from turnstream.schema_version")
    await connection.execute("insert into turnstream.schema_version values ($1)", max(applied))


async def _install_pgmq(connection: Connection) -> None:
    """The extension where the server has it, else its SQL, which needs no more rights than any other schema."""
    if not await connection.fetchval("select to_regnamespace('pgmq') is not null"):
        if await connection.fetchval("select true from pg_available_extensions where name = 'pgmq'"):
            await connection.execute("create extension pgmq cascade")
        else:
            await connection.execute(_pgmq_sql())
    found = await connection.fetch("select proname from pg_proc where pronamespace = 'pgmq'::regnamespace")
    if absent := set(_NEEDED) - {row["proname"] for row in found}:
        names = ", ".join(f"pgmq.{name}" for name in sorted(absent))
        text = f"The pgmq of this database is too old: it has no {names}. Upgrade it to 1.13, or use another database."
        raise errors.ConfigurationError(text)


def _pgmq_sql() -> str:
    """From the package `pgmq`, which is not imported: it would bring another driver with it."""
    spec = importlib.util.find_spec("pgmq")
    if spec is None or spec.origin is None:
        text = "The server has no extension pgmq, and its package is not installed: pip install turnstream[postgres]"
        raise errors.ConfigurationError(text)
    return Path(spec.origin).with_name("sql").joinpath("pgmq.sql").read_text(encoding="utf-8")
