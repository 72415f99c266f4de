"""The search tool: a question in, the best pieces of the documents out, each with where it comes from."""

from __future__ import annotations

import functools
import logging
import sqlite3
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import msgspec

from turnstream.events import ConfigurationError, Source, ToolError, ToolOutput, ToolSpec
from turnstream.tools.python import FunctionTool
from turnstream.tools.retrieval import database
from turnstream.tools.retrieval.embeddings import Embeddings, EmbeddingsError, Vector
from turnstream.tools.retrieval.fusion import fused
from turnstream.tools.retrieval.reading import Chunk, Ranked, Reader, by_words, chunks_of
from turnstream.tools.retrieval.vectors import nearest, space
from turnstream.tools.retrieval.words import excerpt
from turnstream.tools.threads import Threads

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger(__name__)

_ABOUT = "Search the documents."
_RESULTS = "Gives the passages that fit best, each with an id in brackets; name these ids for what you take from them."
_THREADS = 4
_CANDIDATES = 50
_MOST_CHARACTERS = 4_000


def index_of(source: Path) -> Path:
    """Where the index of a source is: the source itself, or within it if it is a folder.

    Raises `ConfigurationError` if there is none.
    """
    if not source.exists():
        raise ConfigurationError(f"there is no file or folder {source}")
    index = source / database.NAME if source.is_dir() else source
    if not index.is_file():
        raise ConfigurationError(f"the folder {source} has no index yet: run 'turnstream index {source}'")
    return index


class Retrieval(FunctionTool[[str], Awaitable[ToolOutput]]):
    """Searches the index at ``index``. ``top_k`` is the number of passages; ``base_url`` is put before the path of a
    document that names no address itself. With ``embeddings``, words and vectors are asked and their rankings fused.
    SQLite's work is done in threads.
    """

    def __init__(
        self,
        index: Path,
        *,
        name: str = "search_documents",
        description: str | None = None,
        top_k: int = 5,
        base_url: str | None = None,
        embeddings: Embeddings | None = None,
    ) -> None:
        super().__init__(self._search, name=name, description=_described(description))
        self.index = index
        self.top_k = top_k
        self.base_url = base_url
        self.embeddings = embeddings
        self._reader = Reader(index, vectors=embeddings is not None)
        self._warned = False
        self._readers = Threads(f"tool-{name}", _THREADS)

    @functools.cached_property
    def spec(self) -> ToolSpec:
        return msgspec.structs.replace(super().spec, source="retrieval")

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        if self.embeddings is not None:
            await self.embeddings.__aenter__()
        self._reader.__enter__()
        self._readers.__enter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._readers.__exit__()
        self._reader.__exit__()
        if self.embeddings is not None:
            await self.embeddings.__aexit__()
        await super().__aexit__()

    async def _search(self, query: Annotated[str, "What to look for: words, or a question."]) -> ToolOutput:
        if not query.strip():
            raise ToolError("The query is empty. Say what to look for.")
        try:
            vector = await self._vector(query)
            found: list[tuple[Chunk, float]] = await self._readers.run(self._found, query, vector)
        except (ConfigurationError, database.library().Error) as error:
            log.exception("the index %s cannot be read", self.index)
            raise ToolError("The documents cannot be searched at the moment.") from error
        sources = tuple(self._source(chunk, score, query) for chunk, score in found)
        if not found:
            return ToolOutput("Nothing was found. Other words may find it.", data=[])
        passages = [_passage(source, chunk) for source, (chunk, _) in zip(sources, found, strict=True)]
        return ToolOutput(
            "\n\n".join(passages), data=[msgspec.to_builtins(source) for source in sources], sources=sources
        )

    async def _vector(self, query: str) -> Vector | None:
        """None without an embedding server, or while it fails: then words alone must do."""
        if self.embeddings is None:
            return None
        try:
            return await self.embeddings.query(query[:_MOST_CHARACTERS])
        except EmbeddingsError as error:
            log.warning("%s searches by words alone: %s", self.name, error.message)
            return None

    def _found(self, query: str, vector: Vector | None) -> list[tuple[Chunk, float]]:
        with self._reader.connection() as connection:
            ranked = self._ranked(connection, query, vector)[: self.top_k]
            chunks = chunks_of(connection, [one.id for one in ranked])
        return [(chunk, one.score) for chunk, one in zip(chunks, ranked, strict=True)]

    def _ranked(self, connection: sqlite3.Connection, query: str, vector: Vector | None) -> list[Ranked]:
        if vector is None or not self._comparable(connection, vector):
            return by_words(connection, query, self.top_k)
        many = max(_CANDIDATES, self.top_k)
        return fused((by_words(connection, query, many), nearest(connection, vector, many)))

    def _comparable(self, connection: sqlite3.Connection, vector: Vector) -> bool:
        """The index has vectors of the same model as the question's."""
        if self.embeddings is not None and space(connection) == (self.embeddings.space, len(vector)):
            return True
        if not self._warned:
            self._warned = True
            log.warning(
                "%s searches by words alone: %s has no vectors of its model; index again", self.name, self.index
            )
        return False

    def _source(self, chunk: Chunk, score: float, query: str) -> Source:
        url = chunk.url
        if url is None and self.base_url is not None:
            url = f"{self.base_url.rstrip('/')}/{quote(chunk.path)}"
        return Source(f"{chunk.path}#{chunk.number}", _title(chunk), url, excerpt(chunk.text, query), round(score, 4))


def _described(about: str | None) -> str:
    return f"{(about or _ABOUT).strip()} {_RESULTS}"


def _title(chunk: Chunk) -> str:
    """With the headings above the passage, which often begin with the title itself."""
    heading = chunk.heading.removeprefix(chunk.title).removeprefix(" › ")
    return f"{chunk.title} › {heading}" if heading else chunk.title


def _passage(source: Source, chunk: Chunk) -> str:
    address = f" <{source.url}>" if source.url else ""
    return f"[{source.id}] {source.title}{address}\n{chunk.text}"
