"""A folder's index → a store elsewhere: what is new is sent, what is gone is removed, what is the same stays.

The folder is read into its own index first, as for searching it here. Beside that stands a list of what each store was
sent, so a second run sends only what has changed, and one that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from turnstream.tools.retrieval import database
from turnstream.tools.retrieval.embeddings import Embeddings, Vector
from turnstream.tools.retrieval.indexing import Progress
from turnstream.tools.threads import Threads

if TYPE_CHECKING:
    from typing import Self

_AT_ONCE = 256
_CHUNKS = """
SELECT f.path, c.number, f.title, c.heading, c.text, f.url FROM chunks c JOIN files f ON f.id = c.file
ORDER BY f.path, c.number
"""
_SENT = "CREATE TABLE IF NOT EXISTS sent (store TEXT, id TEXT, hash BLOB, PRIMARY KEY (store, id)) WITHOUT ROWID"


class Passage(NamedTuple):
    """``id`` is the file and which of its passages, as citations have it; ``url`` an address, or the path."""

    id: str
    title: str
    url: str
    text: str

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(json.dumps(self).encode("utf-8", "replace")).digest()


class Sink(Protocol):
    """A store that can be filled. ``name`` tells it from all others."""

    name: str

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def prepare(self, dimensions: int | None) -> None:
        """Make what is to be filled, if it is not there. ``dimensions`` is the length of the vectors."""

    async def put(self, passages: Sequence[Passage], vectors: Sequence[Vector | None]) -> None: ...

    async def remove(self, ids: Sequence[str]) -> None: ...


@dataclass
class Filled:
    """What a run did, in passages."""

    sent: int = 0
    unchanged: int = 0
    removed: int = 0


async def fill(index: Path, sink: Sink, embeddings: Embeddings | None, progress: Progress) -> Filled:
    """Raises `StoreError`, `EmbeddingsError` and `ConfigurationError`. May be interrupted anywhere."""
    threads = Threads("index", 1)
    with threads:
        ledger = await threads.run(_Ledger, index.with_name("sent.db"), sink.name)
        try:
            passages: list[Passage] = await threads.run(lambda: list(_passages(index)))
            known: dict[str, bytes] = await threads.run(ledger.known)
            waiting = [one for one in passages if known.get(one.id) != one.hash]
            gone = sorted(known.keys() - {one.id for one in passages})
            done = Filled(unchanged=len(passages) - len(waiting))
            async with sink:
                if waiting or not known:
                    dimensions = None if embeddings is None else len(await embeddings.query("test"))
                    await sink.prepare(dimensions)
                for batch in _batches(waiting):
                    progress(done.sent, len(waiting), batch[0].id)
                    await sink.put(batch, await _vectors(batch, embeddings))
                    await threads.run(ledger.add, batch)
                    done.sent += len(batch)
                for ids in _batches(gone):
                    await sink.remove(ids)
                    await threads.run(ledger.forget, ids)
                    done.removed += len(ids)
            progress(done.sent, len(waiting), "")
        finally:
            await threads.run(ledger.close)
    return done


async def _vectors(passages: Sequence[Passage], embeddings: Embeddings | None) -> Sequence[Vector | None]:
    if embeddings is None:
        return [None] * len(passages)
    return await embeddings.documents_or_none([f"{one.title}\n{one.text}" for one in passages])


def _passages(index: Path) -> Iterator[Passage]:
    with closing(database.connect(index)) as connection:
        for path, number, title, heading, text, url in connection.execute(_CHUNKS):
            heading = heading.removeprefix(title).removeprefix(" › ")
            yield Passage(f"{path}#{number}", f"{title} › {heading}" if heading else title, url or path, text)


def _batches(items: Sequence[Any]) -> Iterator[Any]:
    for at in range(0, len(items), _AT_ONCE):
        yield items[at : at + _AT_ONCE]


class _Ledger:
    """What one store was sent."""

    def __init__(self, file: Path, store: str) -> None:
        self._store = store
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._connection.execute(_SENT)

    def known(self) -> dict[str, bytes]:
        return dict(self._connection.execute("SELECT id, hash FROM sent WHERE store = ?", (self._store,)))

    def add(self, passages: Sequence[Passage]) -> None:
        rows = [(self._store, one.id, one.hash) for one in passages]
        self._connection.executemany("INSERT OR REPLACE INTO sent VALUES (?, ?, ?)", rows)

    def forget(self, ids: Sequence[str]) -> None:
        rows = [(self._store, id) for id in ids]
        self._connection.executemany("DELETE FROM sent WHERE store = ? AND id = ?", rows)

    def close(self) -> None:
        self._connection.close()


def key_of(id: str, longest: int) -> str:
    """An id that a store takes: of one that is too long, a digest."""
    return id if len(id.encode()) <= longest else hashlib.sha256(id.encode()).hexdigest()
