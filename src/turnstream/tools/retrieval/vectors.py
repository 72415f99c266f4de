"""The vectors of the chunks, in the same file: sqlite-vec's ``vec0`` table, which is searched whole and exactly.

Vectors have length 1, so that the order by distance is the order by angle.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from turnstream import errors
from turnstream.tools.retrieval import database
from turnstream.tools.retrieval.embeddings import Embeddings, EmbeddingsError, Vector
from turnstream.tools.retrieval.indexing import Progress
from turnstream.tools.retrieval.reading import Ranked
from turnstream.tools.retrieval.writing import Writer
from turnstream.tools.threads import Threads

_NEAREST = "SELECT rowid, distance FROM vectors WHERE embedding MATCH ? AND k = ? ORDER BY distance"
_WAITING = """
SELECT c.id, f.title, c.heading, c.text FROM chunks c JOIN files f ON f.id = c.file
WHERE c.embedded = 0 AND c.id > ? ORDER BY c.id LIMIT ?
"""


class _Waiting(NamedTuple):
    id: int
    text: str


def space(connection: sqlite3.Connection) -> tuple[str, int] | None:
    """What `Embeddings.space` was when the vectors were made, and their length; None if there are none."""
    found = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('space', 'dimensions')"))
    return (found["space"], int(found["dimensions"])) if len(found) == 2 else None


def nearest(connection: sqlite3.Connection, vector: Vector, limit: int) -> list[Ranked]:
    """The scores are cosines."""
    rows = connection.execute(_NEAREST, (vector.tobytes(), limit))
    return [Ranked(id, 1 - distance**2 / 2) for id, distance in rows]


async def embed(index: Path, embeddings: Embeddings, progress: Progress = lambda done, total, path: None) -> int:
    """Give each chunk that has none a vector; the number of these. ``progress`` counts chunks. A chunk that the server
    refuses goes without, until the next run.

    May be interrupted anywhere, and the next run goes on from there. Vectors of another model are thrown away. Raises
    `EmbeddingsError`, and `ConfigurationError` where sqlite-vec cannot be loaded.
    """
    threads = Threads("index", 1)
    with threads:
        run = _Run(await threads.run(Writer, index), embeddings)
        try:
            total = await threads.run(run.begin)
            async with embeddings:
                while waiting := await threads.run(run.waiting):
                    progress(run.done, total, "")
                    vectors = await embeddings.documents_or_none([one.text for one in waiting])
                    await threads.run(run.store, waiting, vectors)
            progress(run.done, total, "")
        finally:
            run.writer.connection.close()
    return run.done


class _Run:
    """What is done in the thread."""

    def __init__(self, writer: Writer, embeddings: Embeddings) -> None:
        self.writer = writer
        self.done = 0
        self._last = 0  # the chunk that was looked at last: one that is refused is not asked about again
        self._embeddings = embeddings

    def begin(self) -> int:
        """The number of chunks that have no vector of this model."""
        if not self.writer.has_vectors:
            raise errors.ConfigurationError(database.VECTORS_NEED)
        connection = self.writer.connection
        made = space(connection)
        if made is not None and made[0] != self._embeddings.space:
            with self.writer.transaction():
                connection.execute("DROP TABLE vectors")
                connection.execute("DELETE FROM meta WHERE key IN ('space', 'dimensions')")
                connection.execute("UPDATE chunks SET embedded = 0")
        (total,) = connection.execute("SELECT count(*) FROM chunks WHERE embedded = 0").fetchone()
        return int(total)

    def waiting(self) -> list[_Waiting]:
        rows = self.writer.connection.execute(_WAITING, (self._last, self._embeddings.at_once)).fetchall()
        if rows:
            self._last = rows[-1][0]
        return [
            _Waiting(id, "\n".join(part for part in (title, heading, text) if part))
            for id, title, heading, text in rows
        ]

    def store(self, waiting: Sequence[_Waiting], vectors: Sequence[Vector | None]) -> None:
        made = [(one, vector) for one, vector in zip(waiting, vectors, strict=True) if vector is not None]
        if not made:
            return
        with self.writer.transaction():
            self._prepare(len(made[0][1]))
            for one, vector in made:
                found = self.writer.connection.execute(
                    "UPDATE chunks SET embedded = 1 WHERE id = ? AND embedded = 0", (one.id,)
                )
                if found.rowcount:  # or another run has changed the file meanwhile
                    self._insert(one.id, vector)
        self.done += len(made)

    def _insert(self, id: int, vector: array[float]) -> None:
        self.writer.connection.execute("INSERT INTO vectors (rowid, embedding) VALUES (?, ?)", (id, vector.tobytes()))

    def _prepare(self, dimensions: int) -> None:
        known = self.writer.meta("dimensions")
        if known is None:
            self.writer.connection.execute(f"CREATE VIRTUAL TABLE vectors USING vec0 (embedding float[{dimensions:d}])")
            self.writer.set_meta("dimensions", str(dimensions))
            self.writer.set_meta("space", self._embeddings.space)
        elif known != str(dimensions):
            raise EmbeddingsError(
                f"the embedding server returned vectors of {dimensions} numbers, and of {known} before"
            )
