"""The folders of documents that a configuration searches, for whoever indexes them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from turnstream import errors
from turnstream.config import agents
from turnstream.config.document import Document
from turnstream.config.tools import retrieval
from turnstream.tools.retrieval import Embeddings


class IndexedFolder(NamedTuple):
    path: Path
    embeddings: Embeddings | None


def find_folders(file: Path, environ: Mapping[str, str] | None = None) -> list[IndexedFolder]:
    """Raises `ConfigurationError`, also if there is nothing to index."""
    document = agents.read(file, os.environ if environ is None else environ)
    sections = dict(_retrieval_sections(document))
    document.check()
    found: dict[Path, IndexedFolder] = {}
    for number, section in sections.items():
        if section.source is None:
            continue
        folder = file.parent / section.source
        try:
            embeddings = retrieval.build_index_embeddings(section)
            if not folder.is_dir():
                raise errors.ConfigurationError(f"{folder} is not a folder that can be indexed")
        except errors.ConfigurationError as error:
            document.report(("tools", number), error.message)
            continue
        if folder not in found or embeddings is not None:
            found[folder] = IndexedFolder(folder, embeddings)
    document.check()
    if not found:
        hint = "; Elasticsearch and Milvus are indexed elsewhere" if sections else ""
        raise errors.ConfigurationError(f"{file}: no retrieval tool with a local `source`{hint}")
    return list(found.values())


def _retrieval_sections(document: Document) -> Iterator[tuple[int, retrieval.RetrievalSection]]:
    _, tools = agents.read_sections(document)
    for number, section in enumerate(tools):
        if section is not None and section.kind is retrieval.KIND:
            yield number, getattr(section, retrieval.KIND.name)
