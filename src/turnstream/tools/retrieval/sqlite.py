"""The index that `turnstream index` makes: searched by words, and by vectors if it has some of the same model."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from turnstream import errors
from turnstream.tools.retrieval import database
from turnstream.tools.retrieval.fusion import CANDIDATES, fuse
from turnstream.tools.retrieval.reading import Chunk, Ranked, Reader, by_words, chunks_of
from turnstream.tools.retrieval.store import Passage, Question, StoreError
from turnstream.tools.retrieval.vectors import nearest, space
from turnstream.tools.retrieval.words import excerpt
from turnstream.tools.threads import Threads

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger(__name__)

_THREADS = 4


def index_of(source: Path) -> Path:
    """Where the index of a source is: the source itself, or within it if it is a folder.

    Raises `ConfigurationError` if there is none.
    """
    if not source.exists():
        raise errors.ConfigurationError(f"there is no file or folder {source}")
    index = source / database.NAME if source.is_dir() else source
    if not index.is_file():
        raise errors.ConfigurationError(f"the folder {source} has no index yet: run 'turnstream index {source}'")
    return index


class SqliteStore:
    """The index at ``index``. Its work is done in threads. May be asked without being entered; entering it keeps its
    connections and threads.
    """

    def __init__(self, index: Path) -> None:
        self.index = index
        self._reader = Reader(index, vectors=True)
        self._warned = False
        self._threads = Threads("retrieval", _THREADS)

    async def __aenter__(self) -> Self:
        self._reader.__enter__()
        self._threads.__enter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._threads.__exit__()
        self._reader.__exit__()

    async def find(self, question: Question, limit: int) -> list[Passage]:
        try:
            found: list[Passage] = await self._threads.run(self._find, question, limit)
        except (errors.ConfigurationError, database.library().Error) as error:
            raise StoreError(f"the index {self.index} cannot be read: {error}") from error
        return found

    def _find(self, question: Question, limit: int) -> list[Passage]:
        with self._reader.connection() as connection:
            ranked = self._rank(connection, question, limit)[:limit]
            chunks = chunks_of(connection, [one.id for one in ranked])
        return [_passage(chunk, one.score, question.text) for chunk, one in zip(chunks, ranked, strict=True)]

    def _rank(self, connection: sqlite3.Connection, question: Question, limit: int) -> list[Ranked]:
        if question.vector is None or not self._comparable(connection, question):
            return by_words(connection, question.text, limit)
        many = max(CANDIDATES, limit)
        return fuse((by_words(connection, question.text, many), nearest(connection, question.vector, many)))

    def _comparable(self, connection: sqlite3.Connection, question: Question) -> bool:
        """The index has vectors of the same model as the question's."""
        if question.vector is not None and space(connection) == (question.space, len(question.vector)):
            return True
        if not self._warned:
            self._warned = True
            log.warning("%s is searched by words alone: it has no vectors of this model; index again", self.index)
        return False


def _passage(chunk: Chunk, score: float, query: str) -> Passage:
    url = chunk.url or quote(chunk.path)
    return Passage(f"{chunk.path}#{chunk.number}", _title(chunk), url, chunk.text, excerpt(chunk.text, query), score)


def _title(chunk: Chunk) -> str:
    """With the headings above the passage, which often begin with the title itself."""
    heading = chunk.heading.removeprefix(chunk.title).removeprefix(" › ")
    return f"{chunk.title} › {heading}" if heading else chunk.title
