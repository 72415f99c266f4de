"""One SQLite file that belongs to one process, and the thread that works with it.

SQLite writes for one at a time, and a commit costs as much for one row as for a hundred. So all calls go to one thread,
which does everything that waits for it in one transaction (group commit), each call in a savepoint of its own: one that
fails fails alone. Calls are answered after the commit. What is asked for in one turn of the event loop goes to the
thread together, and its answers come back together: to wake a thread costs more than most of what it then does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from turnstream import errors
from turnstream.storage.migrations import migrations, missing, up_to

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]
_MOST_AT_ONCE = 1000


class _Call(NamedTuple):
    job: Job[Any]
    durable: bool
    lone: bool
    done: asyncio.Future[Any]


_Answer: TypeAlias = tuple[asyncio.Future[Any], Any, BaseException | None]


class Database:
    """``async with`` it. ``path`` is a file, or ``:memory:``. A file that is not there yet is made, with its folder,
    readable for its owner alone; a ``lazy`` database makes it at the first call.

    A second process that opens the file gets a `ConfigurationError` which says what to do; a newer schema too.
    """

    def __init__(self, path: str | Path, *, lazy: bool = False) -> None:
        self.path = str(path)
        self._lazy = lazy
        self._opening = asyncio.Lock()
        self._calls: queue.SimpleQueue[list[_Call] | None] = queue.SimpleQueue()
        self._gathered: list[_Call] = []
        self._lock: IO[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._undo: list[Callable[[], None]] = []
        self.posted = asyncio.Event()  # set by whoever has put letters into it (`turnstream.storage.outbox`)

    def _exists(self) -> bool:
        return Path(self.path).exists()

    @property
    def is_open(self) -> bool:
        return self._thread is not None

    async def __aenter__(self) -> Self:
        if not self._lazy or self._exists():
            await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._hand_over()
            self._calls.put(None)
            await asyncio.to_thread(self._thread.join)

    async def call(self, job: Job[T], *, durable: bool = False, at_once: bool = False, lone: bool = False) -> T:
        """What the job returns, after its transaction is committed. ``durable``: on the disk even if the power fails.
        ``at_once``: nothing more is asked for in this turn of the loop. ``lone``: the job is one statement, or begins
        the transaction that it needs (`begin`), where there is none.

        Raises what the job raises, and `StoreError` where the database does not write.
        """
        if self._thread is None:
            try:
                await self._start()
            except errors.ConfigurationError as error:  # the time to say so to the operator has passed
                raise errors.StoreError(error.message) from error
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        if not self._gathered and not at_once:
            loop.call_soon(self._hand_over)
        self._gathered.append(_Call(job, durable, lone, done))
        if at_once:
            self._hand_over()
        return await done

    def when_undone(self, forget: Callable[[], None]) -> None:
        """Have this called, in the thread, when what jobs did is taken back: for those that remember what it was."""
        self._undo.append(forget)

    def _hand_over(self) -> None:
        if self._gathered:
            self._calls.put(self._gathered)
            self._gathered = []

    async def _start(self) -> None:
        async with self._opening:
            if self._thread is not None:
                return
            opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            thread = threading.Thread(target=self._work, args=[_reply_to(opened)], name="sqlite", daemon=True)
            thread.start()
            await opened
            self._thread = thread

    def _work(self, opened: Callable[[Any, BaseException | None], None]) -> None:
        try:
            connection = self._open()
        except BaseException as error:
            self._unlock()
            opened(None, error)
            return
        opened(None, None)
        transactions = _Transactions(connection, self._undo)
        try:
            while calls := self._next_calls():
                _reply(transactions.perform(calls))
        finally:
            connection.close()
            self._unlock()

    def _open(self) -> sqlite3.Connection:
        if self.path != ":memory:":
            _make(Path(self.path))
            self._lock = lock(Path(self.path))
        connection = sqlite3.connect(self.path, isolation_level=None, cached_statements=256)
        try:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma busy_timeout = 5000")
            _migrate(connection, self.path)
            connection.execute("pragma foreign_keys = on")
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.Error):
                raise errors.ConfigurationError(f"Cannot open the database {self.path}: {error}") from error
            raise
        return connection

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()

    def _next_calls(self) -> list[_Call]:
        """All that wait; none when the database is to be closed."""
        calls: list[_Call] = []
        while len(calls) < _MOST_AT_ONCE:
            try:
                more = self._calls.get(block=not calls)
            except queue.Empty:
                break
            if more is None:
                self._calls.put(None)
                break
            calls += more
        return calls


def _reply_to(future: asyncio.Future[T]) -> Callable[[T, BaseException | None], None]:
    loop = asyncio.get_running_loop()

    def reply(result: T, error: BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(_settle, [(future, result, error)])

    return reply


def _reply(answers: list[_Answer]) -> None:
    """From the thread, to the loop of those who wait."""
    with contextlib.suppress(RuntimeError):
        answers[0][0].get_loop().call_soon_threadsafe(_settle, answers)


def _settle(answers: list[_Answer]) -> None:
    for future, result, error in answers:
        if future.done():  # its caller was cancelled
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def begin(db: sqlite3.Connection) -> None:
    """A transaction, unless one is under way."""
    if not db.in_transaction:
        db.execute("begin immediate")


class _Transactions:
    """Of one connection. ``undo`` is called after what was done is taken back."""

    def __init__(self, connection: sqlite3.Connection, undo: Sequence[Callable[[], None]]) -> None:
        self._connection, self._undo = connection, undo
        self._synchronous = ""

    def perform(self, calls: list[_Call]) -> list[_Answer]:
        """All calls in one transaction; their answers."""
        execute = self._connection.execute
        results: list[tuple[Any, BaseException | None]] = []
        try:
            self._synchronize(full=any(call.durable for call in calls))
            if len(calls) > 1 or not calls[0].lone:
                execute("begin immediate")
            if len(calls) == 1:
                results = [self._perform_alone(calls[0].job)]
            else:
                results = [self._perform_in_savepoint(call.job) for call in calls]
            if self._connection.in_transaction:
                execute("commit")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                execute("rollback")
            self._take_back()
            refused = errors.StoreError("The database does not write.")
            refused.__cause__ = error
            results = [(None, refused)] * len(calls)
        return [(call.done, result, failure) for call, (result, failure) in zip(calls, results, strict=True)]

    def _synchronize(self, *, full: bool) -> None:
        wanted = "full" if full else "normal"
        if wanted != self._synchronous:
            self._connection.execute(f"pragma synchronous = {wanted}")
            self._synchronous = wanted

    def _perform_alone(self, job: Job[Any]) -> tuple[Any, BaseException | None]:
        try:
            return job(self._connection), None
        except sqlite3.OperationalError:
            raise  # the disk is full or broken
        except Exception as error:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            self._take_back()
            return None, error

    def _perform_in_savepoint(self, job: Job[Any]) -> tuple[Any, BaseException | None]:
        execute = self._connection.execute
        execute("savepoint call")
        try:
            result = job(self._connection)
        except sqlite3.OperationalError:
            raise  # the whole transaction fails
        except Exception as error:
            execute("rollback to call")
            execute("release call")
            self._take_back()
            return None, error
        execute("release call")
        return result, None

    def _take_back(self) -> None:
        for forget in self._undo:
            forget()


def _migrate(connection: sqlite3.Connection, place: str) -> None:
    applied = _read_applied(connection)
    left = missing(migrations("sqlite_schema"), applied, place)
    if not left:
        return
    connection.execute("pragma foreign_keys = off")  # what belongs to a table stays while another takes its place
    connection.execute("create table if not exists schema_file (number integer primary key)")
    connection.executemany("insert or ignore into schema_file values (?)", [(number,) for number in applied])
    for number, _, sql in left:
        applied.add(number)
        seen = f"insert into schema_file values ({number}); pragma user_version = {max(applied)}"
        connection.executescript(f"begin immediate; {sql}; {seen}; commit")


def _read_applied(connection: sqlite3.Connection) -> set[int]:
    """The numbers of the files that were run in it."""
    if connection.execute("select true from sqlite_master where name = 'schema_file'").fetchone():
        return {number for (number,) in connection.execute("select number from schema_file")}
    return up_to(connection.execute("pragma user_version").fetchone()[0])


def prepare(path: Path) -> None:
    """Make the file and its tables, if nobody works with it: whoever does has made them."""
    try:
        if path.exists() and _is_complete(path):
            return
        _make(path)
        with lock(path), contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("pragma journal_mode = wal")
            _migrate(connection, str(path))
    except sqlite3.Error as error:
        raise errors.ConfigurationError(f"Cannot open the database {path}: {error}") from error


def _is_complete(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return _read_applied(connection) >= {migration.number for migration in migrations("sqlite_schema")}


def _make(path: Path) -> None:
    """The file and its folder, for the owner alone, and for no repository: conversations are in it."""
    try:
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True)
            path.with_name(".gitignore").write_text("*\n")
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise errors.ConfigurationError(f"Cannot open the database {path}: {error.strerror}") from error


def lock(path: Path) -> IO[bytes]:
    """Hold the file for the life of the process. The lock is beside it, because SQLite locks the file itself."""
    try:
        file = open(path.with_name(path.name + ".lock"), "ab")  # noqa: SIM115  # held until the database is closed
    except OSError as error:
        raise errors.ConfigurationError(f"Cannot open the database {path}: {error.strerror}") from error
    try:
        _take(file)
    except OSError as error:
        file.close()
        text = (
            f"The database {path} is in use by another process, and SQLite serves one. Stop that process, name another "
            "file, or use PostgreSQL: --store postgres://…"
        )
        raise errors.ConfigurationError(text) from error
    return file


def _take(file: IO[bytes]) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
