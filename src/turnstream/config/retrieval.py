"""Search in documents: what a configuration may say of it, and the tool that this describes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from turnstream.config.section import FromEnvironment, NonEmpty, Section
from turnstream.tools.retrieval import Retrieval, index_of


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


def make_retrieval(section: RetrievalSection, folder: Path) -> Retrieval:
    """Raises `ConfigurationError` if there is no index."""
    return Retrieval(
        index_of(folder / section.source),
        name=section.name,
        description=section.description,
        top_k=section.top_k,
        base_url=section.base_url,
    )
