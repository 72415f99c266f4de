"""What an index run writes: one transaction for each file, so a run may end anywhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from turnstream import errors
from turnstream.tools.retrieval import database, extraction, folding
from turnstream.tools.retrieval.chunks import chunks
from turnstream.tools.retrieval.documents import Document
from turnstream.tools.retrieval.words import add_spaces

_ALL_WORDS = "SELECT c.id, f.title, c.heading, c.text FROM chunks c JOIN files f ON f.id = c.file"
_WORDS = f"{_ALL_WORDS} WHERE f.path = ?"


class Stamp(NamedTuple):
    """A file's state: times in nanoseconds since the epoch, size in bytes. ``read_at`` is when it was looked at."""

    mtime: int
    size: int
    read_at: int
    hash: bytes


class Known(NamedTuple):
    stamp: Stamp
    skipped: str | None


class Writer:
    """One connection that writes. Use it as a context manager, from one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.connection: sqlite3.Connection = database.connect(path, write=True)
        self.has_vectors = database.load_vectors(self.connection)
        if self.meta("dimensions") is not None and not self.has_vectors:
            self.connection.close()
            raise errors.ConfigurationError(f"{path}: this index has vectors. {database.VECTORS_NEED}")
        if self.meta("words") != folding.VERSION:
            with self.transaction():
                self._add_words_anew()
                self.set_meta("words", folding.VERSION)
        if self.meta("extraction") != str(extraction.VERSION):
            self._read_anew("extraction", str(extraction.VERSION))

    def use_encoding(self, encoding: str | None) -> None:
        if (self.meta("encoding") or "") != (encoding or ""):
            self._read_anew("encoding", encoding or "")

    def _read_anew(self, key: str, value: str) -> None:
        """Each file, at the next run: with what ``key`` names, it was another document."""
        with self.transaction():
            self.connection.execute("UPDATE files SET hash = x'', mtime = 0")
            self.set_meta(key, value)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def meta(self, key: str) -> str | None:
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def read_known(self) -> dict[str, Known]:
        rows = self.connection.execute("SELECT path, mtime, size, read_at, hash, skipped FROM files")
        return {path: Known(Stamp(*stamp), skipped) for path, *stamp, skipped in rows}

    def touch(self, path: str, stamp: Stamp) -> None:
        """The file is the same, only its time changed."""
        self.connection.execute(
            "UPDATE files SET mtime = ?, size = ?, read_at = ? WHERE path = ?",
            (stamp.mtime, stamp.size, stamp.read_at, path),
        )

    def remove(self, path: str) -> None:
        ids = self._forget_words(path)
        if ids and self.meta("dimensions") is not None:
            self.connection.executemany("DELETE FROM vectors WHERE rowid = ?", ids)
        self.connection.execute("DELETE FROM chunks WHERE file = (SELECT id FROM files WHERE path = ?)", (path,))
        self.connection.execute("DELETE FROM files WHERE path = ?", (path,))

    def skip(self, path: str, stamp: Stamp, reason: str) -> None:
        with self.transaction():
            self.remove(path)
            self._add_file(path, stamp, Document("", ()), reason)

    def replace(self, path: str, stamp: Stamp, document: Document) -> int:
        """The number of the file's chunks."""
        with self.transaction():
            self.remove(path)
            file = self._add_file(path, stamp, document, None)
            number = 0
            for section in document.sections:
                for text in chunks(section.text):
                    self._add_chunk(file, number, document.title, section.heading, text)
                    number += 1
            return number

    def _add_file(self, path: str, stamp: Stamp, document: Document, skipped: str | None) -> int:
        cursor = self.connection.execute(
            "INSERT INTO files (path, mtime, size, read_at, hash, title, url, skipped) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (path, *stamp, document.title, document.url, skipped),
        )
        return cursor.lastrowid or 0

    def _add_chunk(self, file: int, number: int, title: str, heading: str, text: str) -> None:
        chunk = self.connection.execute(
            "INSERT INTO chunks (file, number, heading, text) VALUES (?, ?, ?, ?)", (file, number, heading, text)
        ).lastrowid
        self.connection.execute(
            "INSERT INTO words (rowid, title, heading, text) VALUES (?, ?, ?, ?)",
            (chunk, add_spaces(title), add_spaces(heading), add_spaces(text)),
        )

    def _add_words_anew(self) -> None:
        """What was folded otherwise can be neither found nor forgotten."""
        self.connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
        for id, title, heading, text in self.connection.execute(_ALL_WORDS).fetchall():
            self.connection.execute(
                "INSERT INTO words (rowid, title, heading, text) VALUES (?, ?, ?, ?)",
                (id, add_spaces(title), add_spaces(heading), add_spaces(text)),
            )

    def _forget_words(self, path: str) -> Sequence[tuple[int]]:
        """A full-text index without content has to be told what it forgets."""
        rows = self.connection.execute(_WORDS, (path,)).fetchall()
        self.connection.executemany(
            "INSERT INTO words (words, rowid, title, heading, text) VALUES ('delete', ?, ?, ?, ?)",
            [(id, add_spaces(title), add_spaces(heading), add_spaces(text)) for id, title, heading, text in rows],
        )
        return [(row[0],) for row in rows]
