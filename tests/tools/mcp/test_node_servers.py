"""The reference servers of the protocol, from npm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.mcp.node_servers import FOLDER, PACKAGES, Everything, installed
from tests.tools.mcp.servers import call, heard, tool_names
from turnstream.events import ImagePart, RunContext
from turnstream.tools.mcp import Http, McpServer, Stdio
from turnstream.tools.wrap import Filtered, Prefixed


@pytest.fixture(params=["stdio", "streamableHttp", "sse"])
def everything(request: pytest.FixtureRequest) -> Iterator[Stdio | Http]:
    if request.param == "stdio":
        yield Stdio(installed(), (str(PACKAGES / "server-everything" / "dist" / "index.js"), "stdio"))
        return
    server = Everything(request.param)
    server.start()
    yield Http(server.url, "sse" if request.param == "sse" else "streamable-http")
    server.kill()


async def test_the_official_demonstration_server_is_used_in_full(everything: Stdio | Http) -> None:
    said: list[tuple[str, float | None]] = []
    async with McpServer("everything", everything) as box:
        assert {"echo", "get-sum", "get-tiny-image"} <= set(await tool_names(box))
        assert (await call(box, "echo", '{"message": "hi"}')).content == "Echo: hi"
        assert any(isinstance(part, ImagePart) for part in (await call(box, "get-tiny-image")).content)
        weather = await call(box, "get-structured-content", '{"location": "Chicago"}')
        assert set(weather.data) == {"temperature", "conditions", "humidity"}
        assert len((await call(box, "get-resource-links")).sources) == 3
        await call(box, "trigger-long-running-operation", '{"duration": 0.1, "steps": 2}', heard(said))
        assert [fraction for _, fraction in said] == [0.5, 1.0]


async def test_a_restarted_server_that_knows_no_session_is_asked_anew() -> None:
    server = Everything("streamableHttp")
    server.start()
    async with McpServer("everything", Http(server.url)) as box:
        await call(box, "echo", '{"message": "hi"}')
        server.kill()
        server.start()
        assert (await call(box, "echo", '{"message": "again"}')).content == "Echo: again"
    server.kill()


async def test_server_filesystem_filtered_and_prefixed(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")
    target = Stdio(installed(), (str(PACKAGES / "server-filesystem" / "dist" / "index.js"), str(tmp_path)))
    async with McpServer("files", target) as box:
        shown = Prefixed(Filtered(box, allow=["read_*", "list_*"], deny=["read_media_file"]), "fs_")
        names = [spec.name for spec in await shown.tools(RunContext())]
        assert "fs_read_text_file" in names
        assert not {"fs_write_file", "fs_read_media_file"} & set(names)
        path = json.dumps({"path": str(tmp_path / "note.txt")})
        assert (await call(box, "read_text_file", path)).content == "hello"
        assert (await call(box, "read_text_file", '{"path": "/etc/passwd"}')).is_error


def test_the_lock_file_names_no_host_and_pins_by_digest() -> None:
    lock = (FOLDER / "package-lock.json").read_text()
    assert "://" not in lock  # after npm install, remove "resolved" and "funding" from each package
    packages = json.loads(lock)["packages"]
    assert all(package.get("integrity", "").startswith("sha512-") for path, package in packages.items() if path)
