"""Words and vectors together. The vectors are a stand-in's: hashed parts of words, see ``bench.rig.embeddings``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.rig.embeddings import Server, serving
from tests.tools.retrieval.folders import indexed, many, search, write
from turnstream.tools.retrieval import Embeddings, Retrieval, SqliteStore, database
from turnstream.tools.retrieval.embeddings import EmbeddingsError
from turnstream.tools.retrieval.fusion import fuse
from turnstream.tools.retrieval.reading import Ranked
from turnstream.tools.retrieval.vectors import embed

pytestmark = pytest.mark.skipif(not database.can_load_vectors(), reason="this Python's SQLite takes no extensions")

BIRDS: dict[str, str | bytes] = {
    "kingfisher.md": "The kingfisher dives for fish.",
    "flamingo.md": "The flamingo stands on one leg.",
    "ostrich.md": "The ostrich runs.",
}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    indexed(write(tmp_path, BIRDS))
    return tmp_path / database.NAME


async def ids(index: Path, query: str, embeddings: Embeddings) -> list[str]:
    output = await search(Retrieval(SqliteStore(index), embeddings=embeddings, top_k=3), query)
    return [source.id for source in output.sources]


def test_a_chunk_that_both_rankings_have_goes_first() -> None:
    words, vectors = [Ranked(1, 9.0), Ranked(2, 8.0)], [Ranked(3, 0.9), Ranked(2, 0.8)]
    assert [one.id for one in fuse((words, vectors))] == [2, 1, 3]


def test_one_ranking_alone_keeps_its_order() -> None:
    assert [one.id for one in fuse(([Ranked(5, 3.0), Ranked(4, 2.0)], []))] == [5, 4]


async def test_a_misspelt_word_is_found_by_its_vector(birds: Path, server: Server) -> None:
    embeddings = Embeddings(server.url, "m")
    assert await ids(birds, "kingfischer", embeddings) == []
    assert await embed(birds, embeddings) == 3
    assert (await ids(birds, "kingfischer", embeddings))[0] == "kingfisher.md#0"


async def test_a_second_run_asks_only_for_what_has_changed(birds: Path, server: Server) -> None:
    embeddings = Embeddings(server.url, "m")
    await embed(birds, embeddings)
    folder = birds.parents[1]
    write(folder, {"ostrich.md": "The ostrich hides its head."})
    (folder / "flamingo.md").unlink()
    indexed(folder)
    server.requests.clear()
    assert await embed(birds, embeddings) == 1
    assert [body["input"] for body in server.requests] == [["ostrich.md\nThe ostrich hides its head."]]
    assert "flamingo.md#0" not in await ids(birds, "flamingo", embeddings)


async def test_another_model_makes_all_vectors_anew(birds: Path, server: Server) -> None:
    await embed(birds, Embeddings(server.url, "m"))
    server.dimensions = 16
    assert await embed(birds, Embeddings(server.url, "other")) == 3
    assert await ids(birds, "flamingo", Embeddings(server.url, "other"))


async def test_vectors_of_another_model_are_not_compared(
    birds: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    await embed(birds, Embeddings(server.url, "m"))
    assert await ids(birds, "kingfischer", Embeddings(server.url, "other")) == []
    assert await ids(birds, "kingfisher", Embeddings(server.url, "other")) == ["kingfisher.md#0"]
    assert "by words alone" in caplog.text


async def test_a_model_that_changes_its_length_is_searched_by_words(birds: Path, server: Server) -> None:
    await embed(birds, Embeddings(server.url, "m"))
    server.dimensions = 16
    assert await ids(birds, "kingfisher", Embeddings(server.url, "m")) == ["kingfisher.md#0"]


@pytest.mark.parametrize("failure", [500, 401, None])
async def test_a_server_that_fails_leaves_the_words(
    birds: Path, server: Server, failure: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    embeddings = Embeddings(server.url, "m")
    await embed(birds, embeddings)
    server.failures = [failure]
    assert await ids(birds, "kingfisher", embeddings) == ["kingfisher.md#0"]
    assert "by words alone" in caplog.text


async def test_a_run_that_fails_keeps_what_it_has_and_is_taken_up(tmp_path: Path, server: Server) -> None:
    indexed(many(tmp_path, 30))
    index, embeddings = tmp_path / database.NAME, Embeddings(server.url, "m", batch=2, retries=0)
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int, path: str) -> None:
        told.append((done, total))
        if done >= 16:
            server.failures = [500]

    with pytest.raises(EmbeddingsError):
        await embed(index, embeddings, progress)
    kept, total = told[-1]
    assert kept == 16
    server.failures = []
    assert await embed(index, embeddings) == total - kept


async def test_an_entered_tool_keeps_its_connection(birds: Path, server: Server) -> None:
    embeddings = Embeddings(server.url, "m")
    await embed(birds, embeddings)
    async with Retrieval(SqliteStore(birds), embeddings=embeddings) as box:
        for _ in range(3):
            assert (await search(box, "flamingo")).sources[0].id == "flamingo.md#0"
