"""The folders of documents that a configuration searches, for whoever indexes them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from turnstream.config.document import read
from turnstream.config.errors import validated
from turnstream.config.retrieval import make_index_embeddings
from turnstream.config.schema import AgentSection
from turnstream.events import ConfigurationError
from turnstream.tools.retrieval import Embeddings


class Indexed(NamedTuple):
    folder: Path
    embeddings: Embeddings | None


def indexed_folders(file: Path, environ: Mapping[str, str] | None = None) -> list[Indexed]:
    """Raises `ConfigurationError`, also if there is nothing to index."""
    try:
        document = read(file.read_text("utf-8"), str(file), os.environ if environ is None else environ)
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{file}: there is no such file, or it is not UTF-8 text") from None
    section: AgentSection = validated(AgentSection, document, document.value)
    found: dict[Path, Indexed] = {}
    for number, tool in enumerate(section.tools):
        if tool.retrieval is None or tool.retrieval.source is None:
            continue
        folder = file.parent / tool.retrieval.source
        try:
            embeddings = make_index_embeddings(tool.retrieval)
        except ConfigurationError as error:
            raise ConfigurationError(document.error(("tools", number), error.message)) from None
        if not folder.is_dir():
            raise ConfigurationError(document.error(("tools", number), f"{folder} is no folder that can be indexed"))
        if folder not in found or embeddings is not None:
            found[folder] = Indexed(folder, embeddings)
    if not found:
        others = any(tool.retrieval for tool in section.tools)
        hint = ": Elasticsearch and Milvus are filled by other means" if others else ""
        raise ConfigurationError(f"{file}: it has no tool of the kind retrieval with a source{hint}")
    return list(found.values())
