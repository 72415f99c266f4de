"""A collection of Milvus, or of Milvus Lite, asked by the official client: by vectors, by words (BM25), or by both."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from turnstream import errors, resources
from turnstream.tools.retrieval.fields import Fields, Found
from turnstream.tools.retrieval.fusion import CANDIDATES, K
from turnstream.tools.retrieval.store import Passage, Question, StoreError, quote_problem
from turnstream.tools.threads import Threads

if TYPE_CHECKING:
    from typing import Self

    from pymilvus import AsyncMilvusClient, MilvusClient

_MOST_BYTES = 8 * 1024 * 1024
_LONGEST_BACKOFF = 2000  # milliseconds for which gRPC itself refuses to connect again; its own is two minutes


class MilvusStore:
    """``uri`` is the address of a server, or a file of Milvus Lite, which ends in ``.db``. ``vector`` names the field
    of the vectors; ``sparse`` the one that a BM25 function fills, which is asked with the words of the question. Given
    both, Milvus fuses the two rankings (reciprocal rank fusion). ``filter`` is an expression of Milvus, for each
    search. ``timeout`` is in seconds, for all of a search.

    Certificates are verified, against ``ca`` if that is given.
    """

    def __init__(
        self,
        uri: str,
        collection: str,
        *,
        token: str | None = None,
        database: str | None = None,
        ca: str | None = None,
        fields: Fields | None = None,
        vector: str | None = None,
        sparse: str | None = None,
        filter: str = "",
        timeout: float = 10.0,
    ) -> None:
        self.uri = uri
        self.collection = collection
        self.fields = fields or Fields()
        self.database, self.vector, self.sparse = database, vector, sparse
        self._token, self._ca, self._filter = token, ca, filter
        self._timeout = timeout
        self._client: AsyncMilvusClient | None = None
        self._threads = Threads("milvus", 1)
        self._connecting = asyncio.Lock()
        self._shared = resources.Shared(self._open)

    async def _open(self, stack: AsyncExitStack) -> None:
        self._connecting = asyncio.Lock()  # it belongs to the event loop of those who wait for it
        stack.enter_context(self._threads)
        stack.push_async_callback(self._close)

    async def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def __aenter__(self) -> Self:
        await self._shared.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._shared.__aexit__(None, None, None)

    async def find(self, question: Question, limit: int) -> list[Passage]:
        if not self._shared.is_open:
            raise errors.ConfigurationError("the search in Milvus is used before its agent is entered")
        asked = self._fill(question)
        if not asked:
            raise StoreError(f"{self.collection} is searched by vectors alone, and the question has none")
        hits = await self._search(asked, limit)
        scores = _scores([hit["distance"] for hit in hits], by_words=list(asked) == [self.sparse])
        found = [Found(hit["entity"], hit.id, score) for hit, score in zip(hits, scores, strict=True)]
        return self.fields.passages(found, question.text)

    def _fill(self, question: Question) -> dict[str, Any]:
        """What each field is asked with."""
        asked: dict[str, Any] = {}
        if self.vector is not None and question.vector is not None:
            asked[self.vector] = list(question.vector)
        if self.sparse is not None:
            asked[self.sparse] = question.text
        return asked

    async def _search(self, asked: dict[str, Any], limit: int) -> Sequence[Any]:
        (hits,) = await self.ask(lambda client: self._send(client, asked, limit), loads=True)
        return list(hits)

    async def ask(self, request: Callable[[AsyncMilvusClient], Awaitable[Any]], *, loads: bool = False) -> Any:
        """Within the time of a search. Raises `StoreError`, with what Milvus says and without the token."""
        import grpc

        pymilvus = await self._threads.run(_library)
        try:
            async with asyncio.timeout(self._timeout):
                return await request(await self._connect(loads=loads))
        except pymilvus.MilvusException as error:
            problem = error.message
        except grpc.aio.AioRpcError as error:
            problem = error.details() or error.code().name
        except TimeoutError:
            problem = f"it gave no answer within {self._timeout:g} seconds"
        raise StoreError(f"Milvus, {self.collection}: {quote_problem(problem, [self._token] if self._token else [])}")

    async def ask_blocking(self, request: Callable[[MilvusClient], Any]) -> Any:
        """The same by the client that blocks, in a thread: the other one makes collections by what Lite lacks."""

        async def asked(_: AsyncMilvusClient) -> Any:
            return await self._threads.run(self._call_blocking, request)

        return await self.ask(asked)

    def _call_blocking(self, request: Callable[[MilvusClient], Any]) -> Any:
        from pymilvus import MilvusClient

        client = MilvusClient(self.uri, **self._options())
        try:
            return request(client)
        finally:
            client.close()

    async def _send(self, client: AsyncMilvusClient, asked: dict[str, Any], limit: int) -> Any:
        wanted = {"limit": limit, "output_fields": self.fields.named, "timeout": self._timeout}
        if len(asked) == 1:
            ((field, value),) = asked.items()
            return await client.search(self.collection, [value], self._filter, anns_field=field, **wanted)
        from pymilvus import AnnSearchRequest, RRFRanker

        many = max(CANDIDATES, limit)
        requests = [AnnSearchRequest([value], field, {}, many, self._filter) for field, value in asked.items()]
        return await client.hybrid_search(self.collection, requests, RRFRanker(K), **wanted)

    async def _connect(self, *, loads: bool) -> AsyncMilvusClient:
        async with self._connecting:
            if self._client is None:
                client = await self._threads.run(self._new_client)
                try:
                    await client.__aenter__()
                    if self._is_file and loads:
                        await client.load_collection(self.collection)
                except BaseException:
                    await client.close()
                    raise
                self._client = client
            return self._client

    @property
    def _is_file(self) -> bool:
        return self.uri.endswith(".db")

    def _new_client(self) -> AsyncMilvusClient:
        """For a file, this starts Milvus Lite. A connection is this store's own: the client takes servers with the same
        address for the same, whatever certificates are trusted.
        """
        from pymilvus import AsyncMilvusClient

        return AsyncMilvusClient(self.uri, **self._options())

    def _options(self) -> dict[str, Any]:
        options = {
            b"grpc.max_receive_message_length": _MOST_BYTES,  # bytes, as the client's own key that it replaces
            "grpc.max_reconnect_backoff_ms": _LONGEST_BACKOFF,
        }
        return {
            "token": self._token or "",
            "db_name": self.database or "",
            "timeout": self._timeout,
            "dedicated": True,
            "grpc_options": options,
            **({"server_pem_path": self._ca} if self._ca else {}),
        }


def _scores(distances: Sequence[float], by_words: bool) -> list[float]:
    """The higher, the better. Some measures are distances, of which the lowest comes first; Lite's BM25 is negative."""
    if by_words:
        return [abs(one) for one in distances]
    rising = bool(distances) and distances[0] < distances[-1]
    return [-one if rising else one for one in distances]


def _library() -> Any:
    """Takes part of a second. The client and Lite log each error with its traceback; here it is raised, and told once.
    Lite's own library logs which instructions of the processor it tries.
    """
    import pymilvus

    for name in ("pymilvus", "milvus_lite", "faiss.loader"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return pymilvus
