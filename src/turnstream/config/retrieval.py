"""Search in documents: what a configuration may say of it, and the tool that this describes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from turnstream.config.section import FromEnvironment, NonEmpty, Seconds, Section, Whole
from turnstream.events import ConfigurationError
from turnstream.tools.retrieval import Embeddings, Retrieval, database, index_of


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
    """Search in documents, with citations."""

    source: NonEmpty
    """A folder that `turnstream index` has indexed, or an index file; relative to this file."""
    name: NonEmpty = "search_documents"
    """The name of the tool."""
    description: NonEmpty | None = None
    """What the model is told of the tool: best, what the documents are about."""
    top_k: Annotated[int, Field(ge=1, le=50), FromEnvironment] = 5
    """The most passages that a search gives."""
    base_url: NonEmpty | None = None
    """The address of the documents' folder, for citations: `https://docs.example.com/`."""
    embeddings: EmbeddingsSection | None = None
    """Search by meaning too. `turnstream index`, given this file, makes the vectors."""


def make_embeddings(section: EmbeddingsSection) -> Embeddings:
    """Raises `ConfigurationError` where vectors cannot be kept."""
    parts = urlsplit(section.base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("the base_url of embeddings must begin with http:// or https:// and name a host")
    if not database.can_load_vectors():
        raise ConfigurationError(database.VECTORS_NEED)
    return Embeddings(**section.model_dump())


def make_retrieval(section: RetrievalSection, folder: Path) -> Retrieval:
    """Raises `ConfigurationError` if there is no index."""
    return Retrieval(
        index_of(folder / section.source),
        name=section.name,
        description=section.description,
        top_k=section.top_k,
        base_url=section.base_url,
        embeddings=make_embeddings(section.embeddings) if section.embeddings else None,
    )
