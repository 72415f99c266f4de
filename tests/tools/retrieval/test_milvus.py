"""Milvus's official client against Milvus Lite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bench.rig.embeddings import Server, serving
from tests.tools.certificates import self_signed
from tests.tools.retrieval.folders import indexed, search, write
from tests.tools.retrieval.handbook import DIMENSIONS
from tests.tools.retrieval.lite import filled, guarded, proxy
from turnstream.config.tools import retrieval
from turnstream.events import Source, ToolError
from turnstream.tools.retrieval import Retrieval, database
from turnstream.tools.retrieval.filling import Filled, fill
from turnstream.tools.retrieval.store import StoreError

pytest.importorskip("milvus_lite")

FIELDS = {"text": "body", "title": "title", "url": "path"}
BOTH = {**FIELDS, "sparse": "words"}
EXACT = "A report on glaciers. Its sign is marker00042."


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("milvus") / "handbook.db"
    with filled(path):
        yield path


@pytest.fixture(scope="module")
def address(file: Path) -> str:
    from milvus_lite.server_manager import server_manager_instance

    return server_manager_instance.start_and_get_uri(str(file)) or ""


@pytest.fixture
async def vectors() -> AsyncIterator[Server]:
    async with serving(DIMENSIONS) as server:
        yield server


def tool(uri: str | Path, vectors: Server | None, top_k: int = 5, **keys: Any) -> Retrieval:
    """As a configuration makes it."""
    milvus: dict[str, Any] = {"uri": str(uri), "collection": "handbook", "fields": FIELDS, **keys}
    section: dict[str, Any] = {"milvus": milvus, "base_url": "https://handbook.example", "top_k": top_k}
    if vectors is not None:
        section["embeddings"] = {"base_url": vectors.url, "model": "m"}
    return retrieval.build_toolbox(retrieval.RetrievalSection.model_validate(section), Path())


async def found(box: Retrieval, query: str) -> list[str]:
    async with box:
        return [source.id for source in (await search(box, query)).sources]


async def problem(box: Retrieval) -> str:
    async with box:
        with pytest.raises(ToolError, match=r"^The documents cannot be searched at the moment\.$"):
            await search(box, "marker00042")
        with pytest.raises(StoreError) as caught:
            await box.check()
    return caught.value.message


async def test_the_nearest_of_a_thousand_documents_is_found_and_cited(file: Path, vectors: Server) -> None:
    async with tool(file, vectors) as box:
        output = await search(box, EXACT)
    (source, *others) = output.sources
    assert source == Source("doc-42", "Report 42", "https://handbook.example/glaciers/42", EXACT, source.score)
    assert source.score == pytest.approx(1)
    assert str(output.content).startswith(f"[doc-42] Report 42 <https://handbook.example/glaciers/42>\n{EXACT}\n\n[")
    assert [one.score for one in output.sources] == sorted((one.score or 0 for one in output.sources), reverse=True)
    assert len(others) == 4


async def test_words_need_no_vectors(file: Path) -> None:
    async with tool(file, None, fields=BOTH) as box:
        sources = (await search(box, "what about marker00042 and marker00041?")).sources
    assert {source.id for source in sources[:2]} == {"doc-41", "doc-42"}
    assert all(source.score and source.score > 0 for source in sources)


async def test_a_distance_is_a_score_the_other_way_round(tmp_path: Path, vectors: Server) -> None:
    with filled(tmp_path / "far.db", metric="L2"):
        async with tool(tmp_path / "far.db", vectors) as box:
            scores = [source.score or 0 for source in (await search(box, EXACT)).sources]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(0, abs=1e-5)


async def test_both_rankings_are_fused(file: Path, vectors: Server) -> None:
    near = await found(tool(file, vectors), "glacierrs volcanoes marker00041")
    words = await found(tool(file, None, fields=BOTH), "glacierrs volcanoes marker00041")
    both = await found(tool(file, vectors, top_k=10, fields=BOTH), "glacierrs volcanoes marker00041")
    assert near != words
    assert {near[0], words[0]} <= set(both)


async def test_without_a_vector_words_are_asked(file: Path, vectors: Server, caplog: pytest.LogCaptureFixture) -> None:
    vectors.failures = [500]
    assert (await found(tool(file, vectors, fields=BOTH), "marker00042"))[0] == "doc-42"
    assert "by words alone" in caplog.text


async def test_a_filter_holds_for_both_rankings(file: Path, vectors: Server) -> None:
    only = tool(file, vectors, fields=BOTH, filter='path like "tides/%"')
    async with only as box:
        output = await search(box, EXACT)
    assert {(source.url or "").split("/")[3] for source in output.sources} == {"tides"}


@pytest.mark.parametrize("query", ['" or 1 == 1', "${query}", "a\nb\x00", "('", "日本語 🙂", "\\"])
async def test_a_hostile_query_is_only_a_query(file: Path, vectors: Server, query: str) -> None:
    async with tool(file, vectors, fields=BOTH) as box:
        assert not (await search(box, query)).is_error


async def test_many_searches_go_on_at_once(file: Path, vectors: Server) -> None:
    async with tool(file, vectors) as box:
        outputs = await asyncio.gather(*(search(box, EXACT) for _ in range(20)))
    assert {output.sources[0].id for output in outputs} == {"doc-42"}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"collection": "nope"}, "Milvus, nope: collection 'nope' does not exist"),
        ({"fields": {**FIELDS, "vector": "nope"}}, "anns_field 'nope' not found in schema"),
        ({"fields": {**FIELDS, "text": "nope"}}, "has text in its field 'nope'"),
        ({"filter": "(("}, "unexpected end of expression"),
    ],
)
async def test_a_refusal_is_told_to_the_operator(file: Path, vectors: Server, keys: dict[str, Any], said: str) -> None:
    assert said in await problem(tool(file, vectors, **keys))


async def test_a_collection_that_is_made_later_is_found(tmp_path: Path, vectors: Server) -> None:
    with filled(tmp_path / "new.db"):
        async with tool(tmp_path / "new.db", vectors, collection="later") as box:
            with pytest.raises(ToolError):
                await search(box, EXACT)
            box.store.collection = "handbook"  # type: ignore[attr-defined]  # as if it had been made now
            assert (await search(box, EXACT)).sources[0].id == "doc-42"


async def test_vectors_of_another_length_are_a_problem(file: Path) -> None:
    async with serving(16) as vectors:
        assert "64 is different from 16" in await problem(tool(file, vectors))


async def test_an_answer_that_is_too_large_is_left(
    file: Path, vectors: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("turnstream.tools.retrieval.milvus._MOST_BYTES", 1000)
    async with tool(file, vectors, top_k=50) as box:
        with pytest.raises(ToolError):
            await search(box, EXACT)
    assert "message larger than max" in caplog.text


async def test_vectors_alone_cannot_be_searched_without_an_embedding_server(file: Path, vectors: Server) -> None:
    async with tool(file, vectors) as box:
        vectors.failures = [500]
        with pytest.raises(ToolError):
            await search(box, "marker00042")
        assert (await search(box, EXACT)).sources[0].id == "doc-42"


async def test_a_server_that_is_not_there_is_named(address: str, vectors: Server) -> None:
    async with proxy(address) as url:
        pass
    host = urlsplit(url).netloc
    assert f"Fail connecting to server on {host}" in await problem(tool(url, vectors, token="root:s3cr3t"))


async def test_a_server_that_comes_back_is_asked_again(address: str, vectors: Server) -> None:
    async with proxy(address) as url:
        box = tool(url, vectors, timeout=5)
        await box.__aenter__()
        assert (await search(box, EXACT)).sources
    with pytest.raises(ToolError):
        await search(box, EXACT)
    async with proxy(address, port=urlsplit(url).port or 0), asyncio.timeout(20):
        while True:
            try:
                assert (await search(box, EXACT)).sources[0].id == "doc-42"
                break
            except ToolError:
                continue
    await box.__aexit__()


async def test_a_silent_server_is_left_and_its_token_is_not_told(
    vectors: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with guarded("root:s3cr3t") as url:
        said = await problem(tool(url, vectors, token="root:s3cr3t", timeout=0.3))
        assert said == "Milvus, handbook: it gave no answer within 0.3 seconds"
        refused = await problem(tool(url, vectors, token="root:wr0ng", timeout=2))
    assert "s3cr3t" not in caplog.text
    assert "wr0ng" not in caplog.text + refused


async def test_a_certificate_that_nobody_vouches_for_is_refused(address: str, vectors: Server, tmp_path: Path) -> None:
    context, trusted = self_signed(tmp_path)
    async with proxy(address, context) as url:
        assert "Fail connecting to server" in await problem(tool(url, vectors, timeout=2))
        assert (await found(tool(url, vectors, ca=str(trusted)), EXACT))[0] == "doc-42"


async def test_a_collection_is_made_and_filled_from_a_folder_and_brought_up_to_date(
    tmp_path: Path, vectors: Server
) -> None:
    write(tmp_path, {"docs/a.md": "# Otters\n\nThey swim.", "docs/b.txt": "Glaciers are ice."})
    keys = {"uri": str(tmp_path / "new.db"), "collection": "made", "fields": BOTH}
    section = retrieval.RetrievalSection.model_validate(
        {"milvus": keys, "embeddings": {"base_url": vectors.url, "model": "m"}}
    )

    async def run() -> Filled:
        indexed(tmp_path / "docs")
        sink, embeddings = retrieval.build_sink(section, tmp_path)
        return await fill(tmp_path / "docs" / database.NAME, sink, embeddings, lambda done, total, path: None)

    assert await run() == Filled(2, 0, 0)
    async with retrieval.build_toolbox(section, tmp_path) as box:
        output = await search(box, "Otters swim")
        assert output.sources[0].title == "Otters"
    (tmp_path / "docs/b.txt").unlink()
    assert await run() == Filled(0, 1, 1)
