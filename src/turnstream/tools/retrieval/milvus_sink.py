"""A collection of Milvus, filled by upserts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from turnstream import errors
from turnstream.tools.retrieval.embeddings import Vector
from turnstream.tools.retrieval.filling import Passage, key_of
from turnstream.tools.retrieval.milvus import MilvusStore

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger(__name__)

_LONGEST_ID = 512
_LONGEST_TEXT = 65_535


class MilvusSink:
    """The collection that ``store`` searches, with its fields. It is made if it is not there, with BM25 if the store
    searches by words."""

    def __init__(self, store: MilvusStore) -> None:
        self.name = f"milvus {store.uri} {store.database or ''} {store.collection}"
        self._store = store
        self._key = store.fields.id or "id"

    async def __aenter__(self) -> Self:
        await self._store.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._store.__aexit__()

    async def prepare(self, dimensions: int | None) -> None:
        store, name = self._store, self._store.collection
        if not await store.ask(lambda client: client.has_collection(name)):
            if dimensions is None and store.sparse is None:
                raise errors.ConfigurationError("a collection needs embeddings, or fields.sparse for BM25")
            schema, indexes = self._schema(dimensions)
            await store.ask_blocking(lambda client: client.create_collection(name, schema=schema, index_params=indexes))
        described = await store.ask(lambda client: client.describe_collection(name))
        primary: Any = next((field for field in described.get("fields", ()) if field.get("is_primary")), {})
        if described.get("auto_id") or primary.get("auto_id"):
            raise errors.ConfigurationError(
                f"the collection {name} makes its own keys: it cannot be brought up to date"
            )
        self._key = str(primary.get("name") or self._key)

    def _schema(self, dimensions: int | None) -> tuple[Any, Any]:
        from pymilvus import DataType, Function, FunctionType, MilvusClient

        fields, store = self._store.fields, self._store
        schema = MilvusClient.create_schema(enable_dynamic_field=True)
        indexes = MilvusClient.prepare_index_params()
        schema.add_field(self._key, DataType.VARCHAR, is_primary=True, max_length=_LONGEST_ID)
        by_words = store.sparse is not None
        schema.add_field(fields.text, DataType.VARCHAR, max_length=_LONGEST_TEXT, enable_analyzer=by_words)
        if dimensions is not None:
            schema.add_field(store.vector or "vector", DataType.FLOAT_VECTOR, dim=dimensions)
            indexes.add_index(store.vector or "vector", index_type="AUTOINDEX", metric_type="COSINE")
        if by_words:
            schema.add_field(store.sparse, DataType.SPARSE_FLOAT_VECTOR)
            schema.add_function(Function("bm25", FunctionType.BM25, [fields.text], [store.sparse]))
            indexes.add_index(store.sparse, index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
        return schema, indexes

    async def put(self, passages: Sequence[Passage], vectors: Sequence[Vector | None]) -> None:
        rows = [self._row(*one) for one in zip(passages, vectors, strict=True) if self._has_vector(*one)]
        if rows:
            await self._store.ask(lambda client: client.upsert(self._store.collection, rows))

    async def remove(self, ids: Sequence[str]) -> None:
        keys = [key_of(id, _LONGEST_ID) for id in ids]
        await self._store.ask(lambda client: client.delete(self._store.collection, ids=keys))

    def _has_vector(self, passage: Passage, vector: Vector | None) -> bool:
        """Milvus takes no row without one."""
        if vector is None and self._store.vector is not None:
            log.warning("%s is left out of the collection: it has no vector", passage.id)
            return False
        return True

    def _row(self, passage: Passage, vector: Vector | None) -> dict[str, Any]:
        row = self._store.fields.document(passage.id, passage.title, passage.url, passage.text)
        row[self._key] = key_of(passage.id, _LONGEST_ID)
        if vector is not None:
            row[self._store.vector or "vector"] = list(vector)
        return row
