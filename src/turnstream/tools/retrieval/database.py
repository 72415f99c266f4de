"""The SQLite file: which library opens it, how, and what stands in it."""

from __future__ import annotations

import functools
import sqlite3
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from turnstream import errors

FORMAT = 1
"""SQLite's ``user_version`` of our files. One of another version must be made again: all in it comes from files."""

NAME = Path(".turnstream") / "index.db"
"""Where a folder has its index, unless it is put elsewhere."""

VECTORS_NEED = (
    "Vectors need sqlite-vec, and a Python whose sqlite3 loads extensions or the package pysqlite3: "
    "pip install 'turnstream[retrieval]'"
)

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, mtime INTEGER NOT NULL, size INTEGER NOT NULL,
    read_at INTEGER NOT NULL, hash BLOB NOT NULL, title TEXT NOT NULL DEFAULT '', url TEXT, skipped TEXT
);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, file INTEGER NOT NULL REFERENCES files, number INTEGER NOT NULL,
    heading TEXT NOT NULL, text TEXT NOT NULL, embedded INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX chunks_without_vectors ON chunks (id) WHERE embedded = 0;
CREATE UNIQUE INDEX chunks_of_files ON chunks (file, number);
CREATE VIRTUAL TABLE words USING fts5 (
    title, heading, text, content='', tokenize='porter unicode61 remove_diacritics 2'
);
"""


@functools.cache
def library() -> Any:
    """The module, of Python's ``sqlite3`` interface, for all of this process: two SQLites must not share a file.

    Many Pythons are built without extensions for SQLite; then it is ``pysqlite3``, if that is installed.
    """
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        return sqlite3
    try:
        import pysqlite3
    except ModuleNotFoundError:
        return sqlite3
    return pysqlite3


def connect(path: Path, *, write: bool = False) -> sqlite3.Connection:
    """Raises `ConfigurationError` if the file cannot be opened, or is not an index."""
    try:
        return _writer(path) if write else _reader(path)
    except (library().Error, OSError) as error:
        raise errors.ConfigurationError(f"{path}: this index cannot be opened: {error}") from error


def load_vectors(connection: sqlite3.Connection) -> bool:
    """Load sqlite-vec; False where it is not installed or this Python's SQLite takes no extensions."""
    try:
        import sqlite_vec
    except ModuleNotFoundError:
        return False
    if not hasattr(connection, "enable_load_extension"):
        return False
    connection.enable_load_extension(True)
    try:
        sqlite_vec.load(connection)
    finally:
        connection.enable_load_extension(False)
    return True


@functools.cache
def can_load_vectors() -> bool:
    connection = library().connect(":memory:")
    try:
        return load_vectors(connection)
    finally:
        connection.close()


def _writer(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = cast(
        "sqlite3.Connection", library().connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")  # readers go on while an index run writes
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {FORMAT}")
        elif version != FORMAT:
            raise errors.ConfigurationError(f"{path}: not an index of this version; remove it and index again")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _reader(path: Path) -> sqlite3.Connection:
    """Read-only in SQLite's own eyes. Where the folder is read-only too, the file is taken as one that nobody changes:
    readers of a database in WAL mode otherwise want to write beside it.
    """
    if not path.is_file():
        raise errors.ConfigurationError(f"{path}: there is no index")
    address = f"file:{quote(str(path.resolve()))}?mode=ro"
    try:
        return _open(address, path)
    except library().OperationalError:
        if Path(f"{path}-wal").exists():
            raise
        return _open(f"{address}&immutable=1", path)


def _open(address: str, path: Path) -> sqlite3.Connection:
    connection = cast(
        "sqlite3.Connection",
        library().connect(address, uri=True, timeout=10, isolation_level=None, check_same_thread=False),
    )
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    if version != FORMAT:
        connection.close()
        raise errors.ConfigurationError(f"{path}: not an index of this version; run 'turnstream index' again")
    return connection
