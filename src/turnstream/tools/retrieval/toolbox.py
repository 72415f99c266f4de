"""The search tool: a question in, the best passages of a store out, each with where it comes from."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import msgspec

from turnstream import errors, toolspec
from turnstream.tools.python import FunctionTool
from turnstream.tools.retrieval.documents import web_address
from turnstream.tools.retrieval.embeddings import Embeddings, EmbeddingsError
from turnstream.tools.retrieval.store import Passage, Question, Store, StoreError

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger(__name__)

_ABOUT = "Search the documents."
_RESULTS = "Gives the passages that fit best, each with an id in brackets; name these ids for what you take from them."
_MOST_CHARACTERS = 4_000
_PROBE = "test"
_IN_ADDRESSES = "%/?#[]@!$&'()*+,;=:~"


class Retrieval(FunctionTool[[str], Awaitable[toolspec.ToolOutput]]):
    """Searches ``store``. ``top_k`` is the most passages of one search; ``base_url`` is put before addresses that are
    not whole. With ``embeddings``, the store gets the question's vector too.
    """

    def __init__(
        self,
        store: Store,
        *,
        name: str = "search_documents",
        description: str | None = None,
        top_k: int = 5,
        base_url: str | None = None,
        embeddings: Embeddings | None = None,
    ) -> None:
        super().__init__(self._search, name=name, description=_describe(description))
        self.store = store
        self.top_k = top_k
        self.base_url = base_url
        self.embeddings = embeddings

    @functools.cached_property
    def spec(self) -> toolspec.ToolSpec:
        return msgspec.structs.replace(super().spec, source="retrieval")

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        await self.store.__aenter__()
        if self.embeddings is not None:
            await self.embeddings.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.embeddings is not None:
            await self.embeddings.__aexit__()
        await self.store.__aexit__()
        await super().__aexit__()

    async def check(self) -> None:
        """Search once. Raises `StoreError` or `EmbeddingsError`, which say to the operator what is wrong."""
        vector = await self.embeddings.query(_PROBE) if self.embeddings is not None else None
        await self.store.find(Question(_PROBE, vector, self._space), 1)

    async def _search(self, query: Annotated[str, "What to look for: words, or a question."]) -> toolspec.ToolOutput:
        if not query.strip():
            raise errors.ToolError("The query is empty. Say what to look for.")
        try:
            found = await self.store.find(await self._question(query[:_MOST_CHARACTERS]), self.top_k)
        except StoreError as error:
            log.error("%s: %s", self.name, error.message)
            raise errors.ToolError("The documents cannot be searched at the moment.") from error
        if not found:
            return toolspec.ToolOutput("Nothing was found. Other words may find it.", data=[])
        sources = tuple(self._source(passage) for passage in found)
        passages = [_show(source, passage) for source, passage in zip(sources, found, strict=True)]
        return toolspec.ToolOutput(
            "\n\n".join(passages), data=[msgspec.to_builtins(source) for source in sources], sources=sources
        )

    async def _question(self, query: str) -> Question:
        """Without a vector while the embedding server fails: then words alone must do."""
        if self.embeddings is None:
            return Question(query)
        try:
            return Question(query, await self.embeddings.query(query), self._space)
        except EmbeddingsError as error:
            log.warning("%s searches by words alone: %s", self.name, error.message)
            return Question(query)

    @property
    def _space(self) -> str:
        return self.embeddings.space if self.embeddings is not None else ""

    def _source(self, passage: Passage) -> toolspec.Source:
        score = round(passage.score, 4) if passage.score is not None else None
        return toolspec.Source(passage.id, passage.title, self._address(passage.url), passage.snippet, score)

    def _address(self, url: str | None) -> str | None:
        if url is None or web_address(url) or self.base_url is None:
            return web_address(url)
        return f"{self.base_url.rstrip('/')}/{quote(url.lstrip('/'), safe=_IN_ADDRESSES)}"

    def __repr__(self) -> str:
        return f"Retrieval({self.name!r})"


def _describe(about: str | None) -> str:
    return f"{(about or _ABOUT).strip()} {_RESULTS}"


def _show(source: toolspec.Source, passage: Passage) -> str:
    title = f" {source.title}" if source.title != source.id else ""
    address = f" <{source.url}>" if source.url else ""
    return f"[{source.id}]{title}{address}\n{passage.text}"
