"""Asking the index: any number of threads and processes at once, also while an index run writes."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from turnstream.tools.retrieval import database
from turnstream.tools.retrieval.words import expression, words

_BM25 = """
SELECT rowid, -bm25(words, 4.0, 2.0, 1.0) AS score FROM words WHERE words MATCH ? ORDER BY score DESC, rowid LIMIT ?
"""  # a word in the title counts four times
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
_FEW = 1_000
_LITTLE = 3  # passages, of which there should be more
_TERMS = "SELECT term FROM temp.terms WHERE instr(term, ?) > 0 ORDER BY doc DESC LIMIT ?"
_MOST_SIMILAR = 32
_SHORTEST = 5  # letters of a word that has similar ones
_LONGEST_ENDING = 2
_WRITTEN_OUT = re.compile("([aou])e")
_CHUNKS = """
SELECT c.id, f.path, c.number, f.title, c.heading, c.text, f.url FROM chunks c JOIN files f ON f.id = c.file
WHERE c.id IN (SELECT value FROM json_each(?))
"""


class Chunk(NamedTuple):
    """``path`` is relative to the indexed folder, ``number`` counts the chunks of a file from 0."""

    path: str
    number: int
    title: str
    heading: str
    text: str
    url: str | None


class Ranked(NamedTuple):
    """A chunk's id; the higher the score, the better."""

    id: int
    score: float


class Reader:
    """Read-only connections to one index, each used by one thread at a time. They open when they are needed, and stay
    for the next question while the reader is entered. An index that was replaced by another file is opened again.
    """

    def __init__(self, path: Path, *, vectors: bool = False) -> None:
        self.path = path
        self._vectors = vectors
        self._users = 0
        self._idle: list[tuple[sqlite3.Connection, tuple[int, int]]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            closing, self._idle = ([], self._idle) if self._users else (self._idle, [])
        for connection, _ in closing:
            connection.close()

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """In one transaction, so that several questions see one state. Raises `ConfigurationError`."""
        connection, file = self._take()
        try:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        with self._lock:
            keep = self._users > 0
            if keep:
                self._idle.append((connection, file))
        if not keep:
            connection.close()

    def _take(self) -> tuple[sqlite3.Connection, tuple[int, int]]:
        file = _identity(self.path)
        while True:
            with self._lock:
                if not self._idle:
                    break
                connection, opened = self._idle.pop()
            if opened == file:
                return connection, file
            connection.close()
        opened_anew = database.connect(self.path)
        if self._vectors:
            database.load_vectors(opened_anew)
        return opened_anew, file


def by_words(connection: sqlite3.Connection, question: str, limit: int) -> list[Ranked]:
    """The best chunks by BM25, which have at least one of the question's telling words. Where these are few, those
    follow that have similar ones: compounds with a word in them, and other endings."""
    asked = _choose_telling(connection, words(question))
    found = _best(connection, asked, limit) if asked else []
    if asked and len(found) < min(_LITTLE, limit):
        known = {one.id for one in found}
        lowest = found[-1].score if found else 1.0
        more = _best(connection, _similar(connection, asked), limit)
        found += [Ranked(one.id, lowest * one.score / (1 + one.score)) for one in more if one.id not in known]
    return found[:limit]


def _best(connection: sqlite3.Connection, asked: Sequence[str], limit: int) -> list[Ranked]:
    if not asked:
        return []
    return [Ranked(*row) for row in connection.execute(_BM25, (expression(asked), limit))]


def _similar(connection: sqlite3.Connection, asked: Sequence[str]) -> list[str]:
    """Words of the index that share most of their letters, in a row, with one that is asked for."""
    connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.terms USING fts5vocab(main, words, row)")
    found: dict[str, None] = {}
    for word in asked:
        for part in _parts(word):
            rows = connection.execute(_TERMS, (part, _MOST_SIMILAR))
            found.update(dict.fromkeys(term for (term,) in rows if term.isalnum()))
    return list(found)[:_MOST_SIMILAR]


def _parts(word: str) -> list[str]:
    """What a similar word must have in it: this one without its ending; as umlauts are written out, without that."""
    if len(word) < _SHORTEST or not word.isalpha():
        return []
    stem = word[: max(_SHORTEST - 1, len(word) - _LONGEST_ENDING)]
    plain = _WRITTEN_OUT.sub(r"\1", stem)
    return [stem] if plain == stem or len(plain) < _SHORTEST - 1 else [stem, plain]


def _choose_telling(connection: sqlite3.Connection, asked: Sequence[str]) -> Sequence[str]:
    """The words without those that a third of all chunks have, if there are others: they weigh little, and cost most of
    the time in a large index.
    """
    (total,) = connection.execute("SELECT count(*) FROM chunks").fetchone()
    common = max(_FEW, total // 3)
    if total <= common:
        return asked
    counts = {word: connection.execute(_COUNT, (expression([word]), common)).fetchone()[0] for word in asked}
    return [word for word, count in counts.items() if 0 < count < common] or asked


def chunks_of(connection: sqlite3.Connection, ids: Sequence[int]) -> list[Chunk]:
    """In the order of the ids."""
    found = {row[0]: Chunk(*row[1:]) for row in connection.execute(_CHUNKS, (str(list(ids)),))}
    return [found[id] for id in ids]


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino
