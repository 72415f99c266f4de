"""Search in documents: what a configuration may say of it, and the tool that this describes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from turnstream.config.section import FromEnvironment, NonEmpty, Seconds, Section, Whole
from turnstream.config.stores import ElasticsearchSection, MilvusSection, make_elasticsearch, make_milvus
from turnstream.events import ConfigurationError
from turnstream.tools.retrieval import Embeddings, Retrieval, SqliteStore, database, index_of
from turnstream.tools.retrieval.store import Store

STORES = ("source", "elasticsearch", "milvus")
"""The keys of `RetrievalSection` of which there is one."""


class EmbeddingsSection(Section):
    """A server that makes vectors of texts: any that has OpenAI's `/embeddings`."""

    base_url: NonEmpty
    """The address before `/embeddings`: `http://127.0.0.1:11434/v1`."""
    model: NonEmpty
    api_key: Annotated[str | None, Field(repr=False)] = None
    headers: Annotated[dict[str, str], Field(repr=False)] = Field(default_factory=dict)
    """Sent with each request."""
    dimensions: Annotated[Whole | None, FromEnvironment] = None
    """Asked for, of models that can give vectors of several lengths."""
    batch: Annotated[int, Field(ge=1, le=2048), FromEnvironment] = 64
    """Texts in one request."""
    timeout: Annotated[Seconds, FromEnvironment] = 30.0
    """Seconds for one request."""
    retries: Annotated[int, Field(ge=0), FromEnvironment] = 3
    """Tries after the first one, while indexing. A search tries once, and goes on without vectors."""
    query_prefix: str = ""
    """Put before each question, for models that want it: `search_query: `."""
    document_prefix: str = ""
    """Put before each passage: `search_document: `."""


class RetrievalSection(Section):
    """Search in documents, with citations: exactly one of `source`, `elasticsearch` and `milvus`."""

    source: NonEmpty | None = None
    """A folder that `turnstream index` has indexed, or an index file; relative to this file."""
    elasticsearch: ElasticsearchSection | None = None
    """An index of Elasticsearch."""
    milvus: MilvusSection | None = None
    """A collection of Milvus, or of Milvus Lite."""
    name: NonEmpty = "search_documents"
    """The name of the tool."""
    description: NonEmpty | None = None
    """What the model is told of the tool: best, what the documents are about."""
    top_k: Annotated[int, Field(ge=1, le=50), FromEnvironment] = 5
    """The most passages that a search gives."""
    base_url: NonEmpty | None = None
    """The address that documents' own are relative to, for citations: `https://docs.example.com/`."""
    embeddings: EmbeddingsSection | None = None
    """Search by meaning too. `turnstream index`, given this file, makes the vectors of a `source`."""

    @model_validator(mode="after")
    def _one_store(self) -> RetrievalSection:
        if sum(getattr(self, store) is not None for store in STORES) != 1:
            raise ValueError(f"give exactly one of: {', '.join(STORES)}")
        return self

    @model_validator(mode="after")
    def _vectors_are_used(self) -> RetrievalSection:
        vectors = self.embeddings is not None
        if self.elasticsearch is not None and self.elasticsearch.uses_vectors() != vectors:
            raise ValueError(
                "embeddings are of use if the body of elasticsearch has ${vector}"
                if vectors
                else "${vector} in the body of elasticsearch needs embeddings"
            )
        if self.milvus is not None and not vectors:
            if self.milvus.fields.vector is not None:
                raise ValueError("fields.vector of milvus needs embeddings")
            if self.milvus.fields.sparse is None:
                raise ValueError("milvus needs embeddings, or fields.sparse, or both")
        return self


def make_embeddings(section: EmbeddingsSection) -> Embeddings:
    """Raises `ConfigurationError`. Nothing is sent."""
    parts = urlsplit(section.base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("the base_url of embeddings must begin with http:// or https:// and name a host")
    return Embeddings(**section.model_dump())


def make_index_embeddings(section: RetrievalSection) -> Embeddings | None:
    """Of a ``source``. Raises `ConfigurationError` where its vectors cannot be kept."""
    if section.embeddings is None:
        return None
    embeddings = make_embeddings(section.embeddings)
    if not database.can_load_vectors():
        raise ConfigurationError(database.VECTORS_NEED)
    return embeddings


def make_retrieval(section: RetrievalSection, folder: Path) -> Retrieval:
    """Raises `ConfigurationError`, also if a ``source`` has no index. Other stores are not asked."""
    embeddings: Embeddings | None
    store: Store
    if section.source is not None:
        embeddings = make_index_embeddings(section)
        store = SqliteStore(index_of(folder / section.source))
    else:
        embeddings = make_embeddings(section.embeddings) if section.embeddings else None
        store = _server(section, folder)
    return Retrieval(
        store,
        name=section.name,
        description=section.description,
        top_k=section.top_k,
        base_url=section.base_url,
        embeddings=embeddings,
    )


def _server(section: RetrievalSection, folder: Path) -> Store:
    if section.elasticsearch is not None:
        return make_elasticsearch(section.elasticsearch, folder)
    assert section.milvus is not None
    return make_milvus(section.milvus, folder, vectors=section.embeddings is not None)
