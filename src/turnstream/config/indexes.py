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
from turnstream.tools.retrieval.filling import Sink


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
        hint = "; Elasticsearch and Milvus are indexed elsewhere, or filled by --into" if sections else ""
        raise errors.ConfigurationError(f"{file}: no retrieval tool with a local `source`{hint}")
    return list(found.values())


def find_sink(file: Path, tool: str | None, environ: Mapping[str, str] | None = None) -> tuple[Sink, Embeddings | None]:
    """The store elsewhere that a tool of a configuration searches, to be filled. ``tool`` is its name, where there are
    several. Raises `ConfigurationError`."""
    document = agents.read(file, os.environ if environ is None else environ)
    sections = [section for _, section in _retrieval_sections(document) if section.source is None]
    document.check()
    fitting = [section for section in sections if tool in (None, section.name)]
    if len(fitting) != 1:
        names = ", ".join(section.name for section in sections) or "none"
        wanted = f"named {tool!r} " if tool else ""
        expected = f"expected one retrieval tool {wanted}with elasticsearch or milvus"
        raise errors.ConfigurationError(f"{file}: {expected}; there are: {names}; choose by --tool")
    return retrieval.build_sink(fitting[0], file.parent)


def _retrieval_sections(document: Document) -> Iterator[tuple[int, retrieval.RetrievalSection]]:
    _, tools = agents.read_sections(document)
    for number, section in enumerate(tools):
        if section is not None and section.kind is retrieval.KIND:
            yield number, getattr(section, retrieval.KIND.name)
