"""An index of Elasticsearch, filled by the bulk API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from turnstream.tools.retrieval.elasticsearch import ElasticsearchStore
from turnstream.tools.retrieval.embeddings import Vector
from turnstream.tools.retrieval.filling import Passage, key_of
from turnstream.tools.retrieval.store import StoreError

if TYPE_CHECKING:
    from typing import Self

_LONGEST_ID = 512


class ElasticsearchSink:
    """The index that ``store`` searches, with its fields. Vectors go to the field that its body asks with
    ``${vector}``."""

    def __init__(self, store: ElasticsearchStore) -> None:
        self.name = f"elasticsearch {store.url} {store.index}"
        self._store = store
        self._vector = _vector_field(store.template)

    async def __aenter__(self) -> Self:
        await self._store.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._store.__aexit__()

    async def prepare(self, dimensions: int | None) -> None:
        index = self._store.index
        if await self._store.ask(lambda client: client.indices.exists(index=index)):
            return
        fields = self._store.fields
        members: dict[str, Any] = {fields.text: {"type": "text"}}
        members |= {name: {"type": "text"} for name in (fields.title,) if name}
        members |= {name: {"type": "keyword"} for name in (fields.url, fields.id) if name}
        if self._vector is not None and dimensions is not None:
            members[self._vector] = {"type": "dense_vector", "dims": dimensions, "similarity": "cosine"}
        mappings = {"properties": _nest(members)}
        await self._store.ask(lambda client: client.indices.create(index=index, mappings=mappings))

    async def put(self, passages: Sequence[Passage], vectors: Sequence[Vector | None]) -> None:
        operations: list[Any] = []
        for passage, vector in zip(passages, vectors, strict=True):
            operations += [{"index": {"_id": key_of(passage.id, _LONGEST_ID)}}, self._document(passage, vector)]
        await self._bulk(operations)

    async def remove(self, ids: Sequence[str]) -> None:
        await self._bulk([{"delete": {"_id": key_of(id, _LONGEST_ID)}} for id in ids])

    def _document(self, passage: Passage, vector: Vector | None) -> dict[str, Any]:
        document = self._store.fields.document(passage.id, passage.title, passage.url, passage.text)
        if self._vector is not None and vector is not None:
            document[self._vector] = list(vector)
        return document

    async def _bulk(self, operations: list[Any]) -> None:
        index = self._store.index
        answer = await self._store.ask(lambda client: client.bulk(index=index, operations=operations))
        for item in answer.get("items", ()):
            (outcome,) = item.values()
            if "error" in outcome:
                error = outcome["error"]
                reason = error.get("reason") if isinstance(error, dict) else error
                raise StoreError(f"{self._store.url}: {outcome.get('_id')} is refused: {str(reason)[:300]}")


def _vector_field(body: Any) -> str | None:
    """Where a search body asks for the nearest of the question's vector."""
    if isinstance(body, dict):
        if body.get("query_vector") == "${vector}" and isinstance(body.get("field"), str):
            return str(body["field"])
        body = list(body.values())
    found = (_vector_field(one) for one in body) if isinstance(body, list) else ()
    return next((one for one in found if one is not None), None)


def _nest(members: dict[str, Any]) -> dict[str, Any]:
    """``meta.url`` is the field ``url`` in the object ``meta``."""
    made: dict[str, Any] = {}
    for name, mapping in members.items():
        *above, last = name.split(".")
        place = made
        for part in above:
            place = place.setdefault(part, {"properties": {}})["properties"]
        place[last] = mapping
    return made
