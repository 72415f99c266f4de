"""Texts → vectors, by any server that speaks OpenAI's ``POST /embeddings``."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import sys
import time
from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from turnstream import errors, http_semantics, resources, text as texts
from turnstream.parsing import media

if TYPE_CHECKING:
    from typing import Self

    import aiohttp

Vector: TypeAlias = "array[float]"
"""32-bit floats, of length 1 (or all 0)."""

log = logging.getLogger(__name__)

_REFUSALS = (400, 413, 422)
_PROBE = "test"
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_MOST_BYTES = 256 * 1024 * 1024
_CONCURRENT = 4


class EmbeddingsError(errors.TurnstreamError):
    """The server refused, failed or fell silent. The message is for the operator: it quotes the server."""

    code = "embeddings_error"
    status = 502


class RefusedError(EmbeddingsError):
    """The server takes the texts of a request not all at once, or not one of them."""


class _Item(msgspec.Struct):
    embedding: list[float] | str
    index: int | None = None


class _Answer(msgspec.Struct):
    data: list[_Item]


_DECODER = msgspec.json.Decoder(_Answer)


class Embeddings:
    """``base_url`` is what stands before ``/embeddings``. ``batch`` texts go into a request, a few requests at a time.
    ``timeout`` is in seconds for one request; ``retries`` counts the tries after the first. Some models want to be
    told questions and documents apart, by what is put before them: ``query_prefix``, ``document_prefix``.

    May be used without being entered; entering it keeps its connections.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        dimensions: int | None = None,
        batch: int = 64,
        timeout: float = 30.0,
        retries: int = 3,
        query_prefix: str = "",
        document_prefix: str = "",
    ) -> None:
        self.model = model
        self.dimensions = dimensions
        self.batch = batch
        self.at_once = batch * _CONCURRENT
        self._url = base_url.rstrip("/") + "/embeddings"
        self._secret = api_key
        self._headers = {"content-type": "application/json", **(headers or {})}
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        self._timeout = timeout
        self._retries = retries
        self._prefixes = query_prefix, document_prefix
        self._says_format = True
        self._shared = resources.Shared(self._open)

    @property
    def space(self) -> str:
        """Names what vectors must have in common to be compared."""
        return msgspec.json.encode([self.model, self.dimensions, self._prefixes[1]]).decode()

    async def _open(self, stack: AsyncExitStack) -> tuple[asyncio.AbstractEventLoop, aiohttp.ClientSession]:
        return asyncio.get_running_loop(), await stack.enter_async_context(_new_session())

    async def __aenter__(self) -> Self:
        await self._shared.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._shared.__aexit__(None, None, None)

    async def query(self, text: str) -> Vector:
        """The vector of a question. Tried once: somebody waits. Raises `EmbeddingsError`."""
        async with self._sessions() as session:
            (vector,) = await self._ask(session, [self._prefixes[0] + text], retries=0)
        return vector

    async def documents(self, texts: Sequence[str]) -> list[Vector]:
        """One vector for each text, all of one length. Raises `EmbeddingsError`, also if one is refused."""
        vectors = [vector for vector in await self.documents_or_none(texts) if vector is not None]
        if len(vectors) < len(texts):
            raise EmbeddingsError(f"the embedding server refuses {len(texts) - len(vectors)} of {len(texts)} texts")
        return vectors

    async def documents_or_none(self, texts: Sequence[str]) -> list[Vector | None]:
        """The same, with None for each text that the server refuses (too long for its model). A batch that it refuses
        is halved until it takes it."""
        prefixed = [self._prefixes[1] + text for text in texts]
        batches = [prefixed[at : at + self.batch] for at in range(0, len(prefixed), self.batch)]
        limit = asyncio.Semaphore(_CONCURRENT)

        async def ask(batch: list[str]) -> list[Vector | None]:
            async with limit:
                return await self._halving(session, batch)

        async with self._sessions() as session:
            tasks = [asyncio.create_task(ask(batch)) for batch in batches]
            try:
                answers = await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        vectors = [vector for answer in answers for vector in answer]
        if len({len(vector) for vector in vectors if vector is not None}) > 1:
            raise EmbeddingsError("the embedding server returned vectors of different lengths")
        return vectors

    async def _halving(self, session: aiohttp.ClientSession, batch: list[str]) -> list[Vector | None]:
        try:
            return [*await self._ask(session, batch, self._retries)]
        except RefusedError as error:
            if len(batch) == 1:
                await self._ask(session, [_PROBE], 0)  # raises, if it is not the text that is refused
                log.warning("a text of %d characters has no vector: %s", len(batch[0]), error.message)
                return [None]
            log.info("a batch of %d texts is refused, and halved (see `batch`): %s", len(batch), error.message)
        half = len(batch) // 2
        return [*await self._halving(session, batch[:half]), *await self._halving(session, batch[half:])]

    async def _ask(self, session: aiohttp.ClientSession, texts: Sequence[str], retries: int) -> list[Vector]:
        data = self._body(texts)
        for attempt in range(retries + 1):
            last = attempt == retries
            asked: float | None = None
            status = 0
            try:
                status, asked, answer = await self._post(session, data)
                if status == 200:
                    return self._vectors(answer, len(texts))
                if status in _REFUSALS and self._says_format and b"encoding_format" in answer:
                    self._says_format = False
                    return await self._ask(session, texts, retries)
                problem = f"it answers with status {status}: {self._quote(answer)}"
                last = last or status not in _RETRIED or (asked or 0) > _LONGEST_WAIT
            except TimeoutError:
                problem = f"it gave no answer within {self._timeout:g} seconds"
            except OSError as error:  # aiohttp's errors of connecting are OSErrors
                problem = f"it cannot be reached: {error}"
            if last:
                break
            doubled = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt) * (0.5 + random.random() / 2)
            await asyncio.sleep(doubled if asked is None else asked)
        refused = RefusedError if status in _REFUSALS else EmbeddingsError
        raise refused(f"the embedding server {self._url}: {problem}")

    def _body(self, texts: Sequence[str]) -> bytes:
        body: dict[str, Any] = {"model": self.model, "input": list(texts)}
        if self._says_format:
            body["encoding_format"] = "float"
        if self.dimensions is not None:
            body["dimensions"] = self.dimensions
        return msgspec.json.encode(body)

    def _vectors(self, answer: bytes, count: int) -> list[Vector]:
        """In the order of the texts, whatever that of the answer. Raises `EmbeddingsError`."""
        try:
            items = _DECODER.decode(answer).data
        except (msgspec.MsgspecError, RecursionError) as error:
            if b'"error"' in answer[:200]:
                raise EmbeddingsError(f"the embedding server {self._url}: {self._quote(answer)}") from error
            raise EmbeddingsError("the embedding server's answer is not a list of embeddings") from error
        places = [item.index for item in items]
        if len(items) > 1 and len(set(places)) == 1:  # it does not say: they are in order
            places = list(range(len(items)))
        elif places == [None]:
            places = [0]
        by_place = {place: item.embedding for place, item in zip(places, items, strict=True) if place is not None}
        if sorted(by_place) != list(range(count)) or not all(by_place.values()):
            raise EmbeddingsError(f"the embedding server returned {len(by_place)} vectors for {count} texts")
        return [_unit(_numbers(by_place[at])) for at in range(count)]

    async def _post(self, session: aiohttp.ClientSession, data: bytes) -> tuple[int, float | None, bytes]:
        """Status, seconds that it asks to wait, body. Raises `OSError` and `TimeoutError`."""
        import aiohttp

        try:
            async with (
                asyncio.timeout(self._timeout),
                session.post(self._url, data=data, headers=self._headers, allow_redirects=False) as response,
            ):
                answer = bytearray()
                async for piece in response.content.iter_any():
                    answer += piece
                    if len(answer) > _MOST_BYTES:
                        raise OSError("its response exceeds 256 MiB")
                return response.status, _read_wait(response.headers), bytes(answer)
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise EmbeddingsError(f"{self._url} is not the address of a server") from error
        except TimeoutError:
            raise
        except aiohttp.ClientError as error:
            raise OSError(str(error) or type(error).__name__) from error

    def _quote(self, answer: bytes) -> str:
        """The beginning of what the server said, without the key."""
        said = " ".join(answer[:2_000].decode("utf-8", "replace").split())
        return texts.excerpt(texts.Redactor([self._secret]).redact(said), 200)

    @asynccontextmanager
    async def _sessions(self) -> AsyncIterator[aiohttp.ClientSession]:
        if self._shared.is_open:
            loop, session = self._shared.resource
            if loop is asyncio.get_running_loop():
                yield session
                return
        async with _new_session() as session:
            yield session

    def __repr__(self) -> str:
        return f"Embeddings({self._url!r}, {self.model!r})"


def _new_session() -> aiohttp.ClientSession:
    import aiohttp

    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        headers={"user-agent": "turnstream"},
    )


def _numbers(embedding: list[float] | str) -> list[float]:
    """Some servers send 32-bit floats in base64, whatever they are asked for."""
    if isinstance(embedding, list):
        return embedding
    data = media.decode_base64(embedding)
    if data is None or len(data) % 4:
        raise EmbeddingsError("the embedding server's answer is not a list of embeddings")
    numbers = array("f", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return list(numbers)


def _unit(values: list[float]) -> Vector:
    length = math.hypot(*values)
    if not math.isfinite(length):
        raise EmbeddingsError("the embedding server returned NaN or infinity")
    return array("f", [value / length for value in values] if length else values)


def _read_wait(headers: Mapping[str, str]) -> float | None:
    return http_semantics.retry_after({name.lower(): value for name, value in headers.items()}, time.time())
