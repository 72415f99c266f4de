from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.server.serving import events, serving
from tests.tools.retrieval.folders import ids, indexed, many, search, write
from turnstream.agent import Agent
from turnstream.events import RunContext, Source, ToolCall, ToolError
from turnstream.testing import ScriptedModel, call
from turnstream.tools.retrieval import Retrieval, SqliteStore, database

BIRDS: dict[str, str | bytes] = {
    "kingfisher.md": "# The kingfisher\n\nIt dives for fish.\n\n## Nest\n\nA tunnel in a river bank.",
    "swift.html": "<title>The swift</title><link rel=canonical href=https://example.com/swift><p>It sleeps in the air.",
    "鳥.txt": "カワセミは川に住む。",
}


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    indexed(write(tmp_path, BIRDS))
    return tmp_path


def tool(folder: Path) -> Retrieval:
    return Retrieval(SqliteStore(folder / database.NAME), base_url="https://birds.example/")


async def test_a_passage_comes_with_its_source(birds: Path) -> None:
    output = await search(tool(birds), "Where is the nest?")
    (source, *_) = output.sources
    assert source.score is not None
    assert source.score > 0
    assert source == Source(
        "kingfisher.md#1",
        "The kingfisher › Nest",
        "https://birds.example/kingfisher.md",
        "A tunnel in a river bank.",
        source.score,
    )
    assert output.data[0]["id"] == source.id


async def test_the_model_gets_each_passage_with_its_id(birds: Path) -> None:
    output = await search(tool(birds), "sleeps")
    assert output.content == "[swift.html#0] The swift <https://example.com/swift>\nIt sleeps in the air."


async def test_a_language_without_spaces_is_searched(birds: Path) -> None:
    assert await ids(birds, "川に何が住む？") == ["鳥.txt#0"]


async def test_nothing_found_is_no_error(birds: Path) -> None:
    output = await search(tool(birds), "submarine")
    assert (output.is_error, output.sources) == (False, ())


@pytest.mark.parametrize("query", ['"', "NEAR(", "title: x", "a\x00b", "'; DROP TABLE files; --", "* OR *", "？！"])
async def test_a_hostile_query_is_only_words(birds: Path, query: str) -> None:
    before = (birds / database.NAME).read_bytes()
    assert not (await search(tool(birds), query)).is_error
    assert (birds / database.NAME).read_bytes() == before


@pytest.mark.parametrize("arguments", ['{"query": " "}', '{"q": "x"}', "{}", "nonsense", '{"query": ["x"]}'])
async def test_bad_arguments_are_told_to_the_model(birds: Path, arguments: str) -> None:
    with pytest.raises(ToolError):
        await tool(birds).call(ToolCall("c1", "search_documents", arguments), RunContext())


async def test_an_index_that_is_gone_tells_the_model_no_path(birds: Path) -> None:
    box = tool(birds)
    shutil.rmtree(birds / ".turnstream")
    with pytest.raises(ToolError) as caught:
        await search(box, "nest")
    assert caught.value.message == "The documents cannot be searched at the moment."


async def test_searches_go_on_while_an_index_run_writes(tmp_path: Path) -> None:
    many(tmp_path, 60)
    indexed(tmp_path)
    many(tmp_path, 400)
    box, done = tool(tmp_path), threading.Event()

    def run() -> None:
        indexed(tmp_path)
        done.set()

    async def ask() -> int:
        count = 0
        while not done.is_set() or not count:
            (first, *_) = (await search(box, "marker00042")).sources
            assert first.id == "glaciers/42.txt#0"
            count += 1
        return count

    async with box:
        writer = asyncio.create_task(asyncio.to_thread(run))
        counts = await asyncio.wait_for(asyncio.gather(*(ask() for _ in range(8))), 30)
        await writer
        assert min(counts) > 0
        assert (await search(box, "marker00399")).sources[0].id == "salt/399.txt#0"


async def test_an_index_that_was_made_anew_is_seen(birds: Path) -> None:
    box = tool(birds)
    async with box:
        assert (await search(box, "nest")).sources
        shutil.rmtree(birds / ".turnstream")
        (birds / "kingfisher.md").write_text("Its brood lives in a burrow.")
        indexed(birds)
        assert not (await search(box, "nest")).sources
        assert (await search(box, "burrow")).sources


def test_several_processes_read_at_once(birds: Path) -> None:
    code = (
        "import sys, asyncio\nfrom pathlib import Path\nfrom tests.tools.retrieval.folders import ids\n"
        "print(asyncio.run(ids(Path(sys.argv[1]), 'nest')))"
    )
    command = [sys.executable, "-c", code, str(birds)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [reader.communicate(timeout=30)[0].strip() for reader in readers] == ["['kingfisher.md#1']"] * 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_may_not_be_written_is_read(birds: Path) -> None:
    (birds / ".turnstream").chmod(0o500)
    assert await ids(birds, "nest") == ["kingfisher.md#1"]
    (birds / ".turnstream").chmod(0o700)


async def test_sources_reach_the_stream_and_the_passages_the_model(birds: Path) -> None:
    model = ScriptedModel([call("search_documents", {"query": "nest"}), "In a tunnel [kingfisher.md#1]."])
    async with serving(Agent(model, [tool(birds)])) as served:
        _, _, stream = await served.post({"messages": [{"role": "user", "content": "where?"}], "stream": True})
    found = [chunk["source"]["id"] for chunk in events(stream) if "source" in chunk]
    annotations = [
        choice["delta"]["annotations"]
        for chunk in events(stream)
        for choice in chunk.get("choices", [])
        if "annotations" in choice["delta"]
    ]
    assert found == ["kingfisher.md#1"]
    assert annotations[0][0]["url_citation"]["url"] == "https://birds.example/kingfisher.md"
    assert "A tunnel in a river bank." in str(model.requests[1].messages[-1])
