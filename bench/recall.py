"""What retrieval finds of a small labelled set: by words, by vectors, and by both.

The vectors are a stand-in's, which knows spelling and no meaning. Where ``EMBEDDINGS_URL`` is the address before
``/embeddings`` of a server as OpenAI's, and ``EMBEDDINGS_MODEL`` a model of it, they are that model's too.
``EMBEDDINGS_API_KEY`` is the server's key; ``EMBEDDINGS_QUERY_PREFIX`` and ``EMBEDDINGS_DOCUMENT_PREFIX`` are what the
model wants put before texts.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.rig import embeddings
from bench.rig.labelled import MANNERS, Question, labelled
from bench.rig.measure import RESULTS, conditions
from bench.rig.tables import wide_console
from turnstream.tools.retrieval import Embeddings
from turnstream.tools.retrieval.embeddings import Vector
from turnstream.tools.retrieval.fusion import fuse
from turnstream.tools.retrieval.indexing import update
from turnstream.tools.retrieval.reading import Reader, by_words, chunks_of
from turnstream.tools.retrieval.vectors import embed, nearest

_DEPTHS = (1, 5)
_CANDIDATES = 50
_STAND_IN = "stand-in"

Shares: TypeAlias = dict[str, list[float]]
"""By manner of asking: the shares of questions whose passage is among the first of each depth."""


class Recall(Struct, frozen=True):
    """``model`` is None for words alone."""

    ranking: str
    model: str | None
    shares: Shares


class Results(Struct, frozen=True):
    conditions: dict[str, Any]
    depths: Sequence[int]
    questions: int
    recall: list[Recall]


def run(quick: bool) -> None:
    passages, questions = labelled(10) if quick else labelled()
    models = [_STAND_IN, *([os.environ["EMBEDDINGS_MODEL"]] if "EMBEDDINGS_URL" in os.environ else [])]
    found = [recall for model in models for recall in measured(passages, questions, model)]
    found = [recall for at, recall in enumerate(found) if recall not in found[:at]]  # words are the same each time
    _show(found, wide_console())
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        results = Results(conditions(), _DEPTHS, len(questions), found)
        (RESULTS / "recall.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def measured(passages: Mapping[str, str], questions: Sequence[Question], model: str) -> list[Recall]:
    """By words, by the model's vectors, and by both."""
    with tempfile.TemporaryDirectory() as home:
        folder, index = Path(home, "docs"), Path(home, "index.db")
        folder.mkdir()
        for path, text in passages.items():
            (folder / path).write_text(text)
        update(folder, index)
        vectors = asyncio.run(_embedded(index, [question.text for question in questions], model))
        return _recalls(index, questions, vectors, model)


async def _embedded(index: Path, questions: Sequence[str], model: str) -> list[Vector]:
    async with _client(model) as client:
        await embed(index, client)
        return [await client.query(question) for question in questions]


@asynccontextmanager
async def _client(model: str) -> AsyncIterator[Embeddings]:
    if model == _STAND_IN:
        async with embeddings.serving() as server, Embeddings(server.url, model) as client:
            yield client
        return
    given = os.environ
    async with Embeddings(
        given["EMBEDDINGS_URL"],
        model,
        api_key=given.get("EMBEDDINGS_API_KEY"),
        query_prefix=given.get("EMBEDDINGS_QUERY_PREFIX", ""),
        document_prefix=given.get("EMBEDDINGS_DOCUMENT_PREFIX", ""),
    ) as client:
        yield client


def _recalls(index: Path, questions: Sequence[Question], vectors: Sequence[Vector], model: str) -> list[Recall]:
    rankings: dict[str, str | None] = {"words": None, "vectors": model, "hybrid": model}
    places: dict[str, dict[str, list[int]]] = {one: {manner: [] for manner in MANNERS} for one in rankings}
    reader = Reader(index, vectors=True)
    with reader, reader.connection() as connection:
        for question, vector in zip(questions, vectors, strict=True):
            words = by_words(connection, question.text, _CANDIDATES)
            near = nearest(connection, vector, _CANDIDATES)
            for one, ranked in zip(rankings, (words, near, fuse((words, near))), strict=True):
                found = chunks_of(connection, [chunk.id for chunk in ranked[: max(_DEPTHS)]])
                paths = [chunk.path for chunk in found]
                place = paths.index(question.answer) if question.answer in paths else max(_DEPTHS)
                places[one][question.manner].append(place)
    return [
        Recall(one, model, {manner: _shares(found) for manner, found in places[one].items()})
        for one, model in rankings.items()
    ]


def _shares(places: Sequence[int]) -> list[float]:
    return [sum(place < depth for place in places) / len(places) for depth in _DEPTHS]


def _show(recalls: Sequence[Recall], console: Console) -> None:
    depths = " / ".join(f"{depth}" for depth in _DEPTHS)
    table = Table(title=f"Share of questions whose passage is among the first {depths}")
    for column in ("ranking", "model", *MANNERS):
        table.add_column(column)
    for recall in recalls:
        shares = (" / ".join(f"{share:.2f}" for share in found) for found in recall.shares.values())
        table.add_row(recall.ranking, recall.model or "", *shares)
    console.print(table)
