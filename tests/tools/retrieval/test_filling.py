"""A folder's passages are sent to a store elsewhere: what is new, and no more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bench.rig import embeddings as rig
from tests.tools.retrieval.folders import indexed, write
from tests.tools.web import serving
from turnstream.tools.retrieval import Embeddings, database
from turnstream.tools.retrieval.elasticsearch import ElasticsearchStore
from turnstream.tools.retrieval.elasticsearch_sink import ElasticsearchSink
from turnstream.tools.retrieval.embeddings import Vector
from turnstream.tools.retrieval.fields import Fields
from turnstream.tools.retrieval.filling import Filled, Passage, fill
from turnstream.tools.retrieval.store import StoreError

BODY = {"knn": {"field": "vector", "query_vector": "${vector}", "k": "${top_k}", "num_candidates": 100}}
PATH = database.NAME


class Sink:
    """A store in memory."""

    name = "memory"

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, bool]] = {}
        self.dimensions: int | None = -1
        self.breaks_after = 10**9

    async def __aenter__(self) -> Sink:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def prepare(self, dimensions: int | None) -> None:
        self.dimensions = dimensions

    async def put(self, passages: Sequence[Passage], vectors: Sequence[Vector | None]) -> None:
        if len(self.kept) + len(passages) > self.breaks_after:
            raise StoreError("full")
        self.kept |= {one.id: (one.text, vector is not None) for one, vector in zip(passages, vectors, strict=True)}

    async def remove(self, ids: Sequence[str]) -> None:
        for id in ids:
            del self.kept[id]


async def filled(folder: Path, sink: Any, embeddings: Embeddings | None = None) -> Filled:
    indexed(folder)
    return await fill(folder / PATH, sink, embeddings, lambda done, total, path: None)


async def test_a_second_run_sends_what_has_changed_and_removes_what_is_gone(tmp_path: Path) -> None:
    sink = Sink()
    write(tmp_path, {"a.txt": "one", "b.txt": "two", "c.txt": "three"})
    assert await filled(tmp_path, sink) == Filled(3, 0, 0)
    write(tmp_path, {"a.txt": "another"})
    (tmp_path / "b.txt").unlink()
    assert await filled(tmp_path, sink) == Filled(1, 1, 1)
    assert sink.kept == {"a.txt#0": ("another", False), "c.txt#0": ("three", False)}
    assert await filled(tmp_path, sink) == Filled(0, 2, 0)


async def test_a_run_that_broke_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    sink = Sink()
    sink.breaks_after = 256
    write(tmp_path, {f"{number:04}.txt": f"text {number}" for number in range(300)})
    with pytest.raises(StoreError):
        await filled(tmp_path, sink)
    sink.breaks_after = 10**9
    assert await filled(tmp_path, sink) == Filled(44, 256, 0)


async def test_vectors_are_made_by_the_embedding_server(tmp_path: Path) -> None:
    sink = Sink()
    write(tmp_path, {"a.txt": "one"})
    async with rig.serving() as server:
        await filled(tmp_path, sink, Embeddings(server.url, "m"))
    assert (sink.dimensions, sink.kept) == (rig.DIMENSIONS, {"a.txt#0": ("one", True)})


class Elastic:
    """What Elasticsearch answers to the requests of filling; ``requests`` are their methods, paths and bodies."""

    def __init__(self, *, exists: bool = False, error: dict[str, Any] | None = None) -> None:
        self.exists, self.error = exists, error
        self.requests: list[tuple[str, str, Any]] = []

    async def handle(self, request: web.Request) -> web.Response:
        text = (await request.read()).decode()
        lines = [json.loads(line) for line in text.splitlines() if line]
        self.requests.append((request.method, request.path, lines))
        if request.method == "HEAD":
            return self.answer(None, 200 if self.exists else 404)
        if request.path.endswith("/_bulk"):
            items = [{next(iter(line)): {"_id": "x", **({"error": self.error} if self.error else {})}}
                     for line in lines if line.keys() & {"index", "delete"}]  # fmt: skip
            return self.answer({"errors": bool(self.error), "items": items})
        return self.answer({"acknowledged": True})

    def answer(self, body: Any, status: int = 200) -> web.Response:
        headers = {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/vnd.elasticsearch+json"}
        return web.Response(text="" if body is None else json.dumps(body), status=status, headers=headers)


@asynccontextmanager
async def elastic(server: Elastic, **more: Any) -> AsyncIterator[ElasticsearchSink]:
    async with serving(server.handle) as url:
        fields = Fields("body", "title", "meta.url")
        yield ElasticsearchSink(ElasticsearchStore(url, "handbook", fields=fields, **more))


async def test_an_index_of_elasticsearch_is_made_and_filled(tmp_path: Path) -> None:
    server = Elastic()
    write(tmp_path, {"a.md": "# Title\n\nText."})
    async with rig.serving() as vectors, elastic(server, body=BODY) as sink:
        assert await filled(tmp_path, sink, Embeddings(vectors.url, "m")) == Filled(1, 0, 0)
    (_, _, [made]), (_, path, [head, document]) = server.requests[1:]
    assert made["mappings"]["properties"]["vector"] == {"type": "dense_vector", "dims": 384, "similarity": "cosine"}
    assert made["mappings"]["properties"]["meta"] == {"properties": {"url": {"type": "keyword"}}}
    assert (path, head) == ("/handbook/_bulk", {"index": {"_id": "a.md#0"}})
    assert len(document.pop("vector")) == 384
    assert document == {"body": "Text.", "title": "Title", "meta": {"url": "a.md"}}


async def test_what_elasticsearch_refuses_is_told_and_sent_again(tmp_path: Path) -> None:
    server = Elastic(exists=True, error={"type": "mapper_parsing_exception", "reason": "failed to parse"})
    write(tmp_path, {"a.txt": "one"})
    async with elastic(server) as sink:
        with pytest.raises(StoreError, match="x is refused: failed to parse"):
            await filled(tmp_path, sink)
        server.error = None
        assert await filled(tmp_path, sink) == Filled(1, 0, 0)
        (tmp_path / "a.txt").unlink()
        assert await filled(tmp_path, sink) == Filled(0, 0, 1)
    assert server.requests[-1][2] == [{"delete": {"_id": "a.txt#0"}}]
