"""Search in documents: what a configuration may say of it, and the tool that this describes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from turnstream import errors
from turnstream.config import context
from turnstream.config.sections import Count, NonEmpty, PositiveInt, Seconds, Section, StrMap, defaults_of
from turnstream.config.tools import stores
from turnstream.config.tools.kind import Kind
from turnstream.protocols import Toolbox
from turnstream.tools.retrieval import Embeddings, Retrieval, SqliteStore, database, index_of, template
from turnstream.tools.retrieval.filling import Sink
from turnstream.tools.retrieval.store import Store

_EMBEDDINGS = defaults_of(Embeddings)
_RETRIEVAL = defaults_of(Retrieval)

STORES = ("source", "elasticsearch", "milvus")
"""The keys of `RetrievalSection` of which there is one."""


class EmbeddingsSection(Section):
    """A server that makes vectors of texts: any that has OpenAI's `/embeddings`."""

    base_url: NonEmpty
    """The address before `/embeddings`: `http://127.0.0.1:11434/v1`."""
    model: NonEmpty
    api_key: Annotated[str | None, Field(repr=False)] = None
    headers: Annotated[StrMap, Field(repr=False)] = Field(default_factory=dict)
    """Sent with each request."""
    dimensions: PositiveInt | None = None
    """Asked for, of models that can give vectors of several lengths."""
    batch: Annotated[int, Field(ge=1, le=2048)] = _EMBEDDINGS["batch"]
    """Texts in one request."""
    timeout: Seconds = _EMBEDDINGS["timeout"]
    """Seconds for one request."""
    retries: Count = _EMBEDDINGS["retries"]
    """Tries after the first one, while indexing. A search tries once, and goes on without vectors."""
    query_prefix: str = ""
    """Put before each question, for models that want it: `search_query: `."""
    document_prefix: str = ""
    """Put before each passage: `search_document: `."""


class RetrievalSection(Section):
    """Search in documents, with citations: exactly one of `source`, `elasticsearch` and `milvus`."""

    source: NonEmpty | None = None
    """A folder that `turnstream index` has indexed, or an index file; relative to this file."""
    elasticsearch: stores.ElasticsearchSection | None = None
    """An index of Elasticsearch."""
    milvus: stores.MilvusSection | None = None
    """A collection of Milvus, or of Milvus Lite."""
    name: NonEmpty = _RETRIEVAL["name"]
    """The name of the tool."""
    description: NonEmpty | None = None
    """What the model is told of the tool: best, what the documents are about."""
    top_k: Annotated[int, Field(ge=1, le=50)] = _RETRIEVAL["top_k"]
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
                "embeddings are only used if the body of elasticsearch has ${vector}"
                if vectors
                else "${vector} in the body of elasticsearch needs embeddings"
            )
        if self.milvus is not None and not vectors:
            if self.milvus.fields.vector is not None:
                raise ValueError("fields.vector of milvus needs embeddings")
            if self.milvus.fields.sparse is None:
                raise ValueError("milvus needs embeddings, or fields.sparse, or both")
        return self


def build_embeddings(section: EmbeddingsSection) -> Embeddings:
    """Raises `ConfigurationError`. Nothing is sent."""
    parts = urlsplit(section.base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise errors.ConfigurationError("embeddings.base_url must begin with http:// or https:// and name a host")
    return Embeddings(**section.model_dump())


def build_index_embeddings(section: RetrievalSection) -> Embeddings | None:
    """Of a ``source``. Raises `ConfigurationError` where its vectors cannot be kept."""
    if section.embeddings is None:
        return None
    embeddings = build_embeddings(section.embeddings)
    if not database.can_load_vectors():
        raise errors.ConfigurationError(database.VECTORS_NEED)
    return embeddings


def build_toolbox(section: RetrievalSection, folder: Path) -> Retrieval:
    """Raises `ConfigurationError`, also if a ``source`` has no index. Other stores are not asked."""
    embeddings: Embeddings | None
    store: Store
    if section.source is not None:
        embeddings = build_index_embeddings(section)
        store = SqliteStore(index_of(folder / section.source))
    else:
        embeddings = build_embeddings(section.embeddings) if section.embeddings else None
        store = _build_server(section, folder)
    return Retrieval(
        store,
        name=section.name,
        description=section.description,
        top_k=section.top_k,
        base_url=section.base_url,
        embeddings=embeddings,
    )


def _build_server(section: RetrievalSection, folder: Path) -> Store:
    if section.elasticsearch is not None:
        return stores.build_elasticsearch(section.elasticsearch, folder)
    assert section.milvus is not None
    return stores.build_milvus(section.milvus, folder, vectors=section.embeddings is not None)


def build_sink(section: RetrievalSection, folder: Path) -> tuple[Sink, Embeddings | None]:
    """What fills the store of a section that has one elsewhere, and what makes its vectors."""
    from turnstream.tools.retrieval.elasticsearch_sink import ElasticsearchSink
    from turnstream.tools.retrieval.milvus_sink import MilvusSink

    embeddings = build_embeddings(section.embeddings) if section.embeddings else None
    if section.elasticsearch is not None:
        return ElasticsearchSink(stores.build_elasticsearch(section.elasticsearch, folder)), embeddings
    assert section.milvus is not None
    store = stores.build_milvus(section.milvus, folder, vectors=embeddings is not None, may_be_new=True)
    return MilvusSink(store), embeddings


def build(section: RetrievalSection, where: context.ConfigContext) -> Iterable[Toolbox]:
    yield build_toolbox(section, where.folder)


KIND = Kind(
    "retrieval",
    RetrievalSection,
    build,
    "Search in documents, with citations.",
    filled_later={("elasticsearch", "body"): template.NAMES},
)
