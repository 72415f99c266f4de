"""An index of Elasticsearch, asked by its official client with a body that the configuration may write itself."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from turnstream import errors, resources
from turnstream.tools.retrieval.fields import Fields, Found
from turnstream.tools.retrieval.store import Passage, Question, StoreError, quote_problem
from turnstream.tools.retrieval.template import Template

if TYPE_CHECKING:
    from typing import Self

    from elastic_transport import AiohttpHttpNode, NodeConfig
    from elasticsearch import AsyncElasticsearch

MOST_BYTES = 8 * 1024 * 1024

_PORTS = {"http": 80, "https": 443}


class ElasticsearchStore:
    """``body`` is that of a search, with gaps (see `Template`); without it, the words of the question are searched in
    text and title. So they are while there is no vector for a body that needs one. ``timeout`` is in seconds for one
    request, ``most_bytes`` bounds an answer. Certificates are verified, against ``ca`` if that is given.

    Nothing is tried again: somebody waits.
    """

    def __init__(
        self,
        url: str,
        index: str,
        *,
        api_key: str | None = None,
        login: tuple[str, str] | None = None,
        ca: str | None = None,
        fields: Fields | None = None,
        body: Mapping[str, Any] | None = None,
        timeout: float = 10.0,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.url = url
        self.index = index
        self.fields = fields or Fields()
        self._words = Template(_words(self.fields))
        self._template = Template(body) if body is not None else self._words
        self._ca = ca
        self._api_key, self._login = api_key, login
        self._secrets = [api_key] if api_key else []
        if login:
            self._secrets += [login[1], b64encode(":".join(login).encode()).decode()]
        self._timeout = timeout
        self._most_bytes = most_bytes
        self._shared = resources.Shared(self._open)

    async def _open(self, stack: AsyncExitStack) -> AsyncElasticsearch:
        client = self._new_client()
        stack.push_async_callback(client.close)
        return client

    async def __aenter__(self) -> Self:
        await self._shared.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._shared.__aexit__(None, None, None)

    async def find(self, question: Question, limit: int) -> list[Passage]:
        body = self._body(question, limit)
        answer = await self.ask(lambda client: client.search(index=self.index, body=body))
        try:
            found = [self._read(hit) for hit in answer["hits"]["hits"][:limit]]
        except (KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"{self.url}: its answer is not a list of hits") from error
        return self.fields.passages(found, question.text)

    def _body(self, question: Question, limit: int) -> dict[str, Any]:
        template = self._words if question.vector is None and "vector" in self._template.gaps else self._template
        vector = list(question.vector) if question.vector is not None else None
        body = template.fill({"query": question.text, "top_k": limit, "vector": vector})
        return {"size": limit, "_source": self.fields.named, **body}

    def _read(self, hit: Mapping[str, Any]) -> Found:
        fragments = hit.get("highlight", {}).get(self.fields.text, ())
        highlight = " … ".join(fragments).replace("<em>", "").replace("</em>", "")
        document = {**hit.get("fields", {}), **hit.get("_source", {})}
        return Found(document, hit["_id"], hit.get("_score"), highlight)

    @property
    def template(self) -> Mapping[str, Any]:
        """The body of a search, as it was given."""
        return self._template.body

    async def ask(self, request: Callable[[AsyncElasticsearch], Awaitable[Any]]) -> Any:
        """The body of the answer. Raises `StoreError`, with what Elasticsearch says and without the secrets."""
        import elasticsearch

        if not self._shared.is_open:
            raise errors.ConfigurationError("the search in Elasticsearch is used before its agent is entered")
        try:
            return (await request(self._shared.resource)).body
        except (elasticsearch.SerializationError, elasticsearch.UnsupportedProductError):
            problem = "its answers are not those of Elasticsearch"
        except elasticsearch.ApiError as error:
            problem = f"it answers with status {error.meta.status}: {_reason(error.body)}"
        except elasticsearch.ConnectionTimeout:
            problem = f"it gave no answer within {self._timeout:g} seconds"
        except elasticsearch.SSLError as error:
            problem = f"its certificate is not accepted: {error.message}"
        except elasticsearch.ConnectionError as error:
            problem = f"it gives no answer: {error.message}"
        raise StoreError(f"{self.url}: {quote_problem(problem, self._secrets)}")

    def _new_client(self) -> AsyncElasticsearch:
        from elasticsearch import AsyncElasticsearch

        return AsyncElasticsearch(
            [_node(self.url, self._ca)],
            node_class=_bound(self._most_bytes),
            api_key=self._api_key,
            basic_auth=self._login,
            request_timeout=self._timeout,
            max_retries=0,
            retry_on_timeout=False,
        )


def _words(fields: Fields) -> dict[str, Any]:
    searched = [fields.text, *([f"{fields.title}^2"] if fields.title else [])]
    shown = {"number_of_fragments": 1, "fragment_size": 300, "pre_tags": [""], "post_tags": [""]}
    return {
        "query": {"multi_match": {"query": "${query}", "fields": searched}},
        "highlight": {"fields": {fields.text: shown}},
    }


def _node(url: str, ca: str | None) -> NodeConfig:
    from elastic_transport import NodeConfig

    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
    port = parts.port or _PORTS[parts.scheme]
    return NodeConfig(parts.scheme, parts.hostname or "", port, path_prefix=parts.path.rstrip("/"), ssl_context=context)


def _bound(most_bytes: int) -> type[AiohttpHttpNode]:
    """The client's own connection, which leaves an answer that is too long."""
    import aiohttp
    from elastic_transport import AiohttpHttpNode

    class Response(aiohttp.ClientResponse):
        async def read(self) -> bytes:
            body = bytearray()
            async for piece in self.content.iter_any():
                body += piece
                if len(body) > most_bytes:
                    self.close()
                    raise aiohttp.ClientPayloadError(f"more than {most_bytes} bytes are too many")
            return bytes(body)

    class Node(AiohttpHttpNode):
        def _create_aiohttp_session(self) -> None:
            self._loop = asyncio.get_running_loop()
            self.session = aiohttp.ClientSession(
                headers=self.headers,
                skip_auto_headers=("accept", "accept-encoding", "user-agent"),
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(
                    limit_per_host=self._connections_per_node, ssl=self._ssl_context or True
                ),
                response_class=Response,
            )

    return Node


def _reason(body: Any) -> str:
    """What Elasticsearch says is the cause."""
    match body:
        case {"error": {"root_cause": [{"reason": str(reason)}, *_]}} | {"error": {"reason": str(reason)}}:
            return reason
        case {"error": str(reason)}:
            return reason
        case _:
            return str(body)
