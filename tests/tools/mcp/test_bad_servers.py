"""Servers that break the rules cost what they break, and no more."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.tools.mcp.servers import SECONDS, call, tool_names
from turnstream.events import RunContext, ToolError
from turnstream.tools.mcp import McpServer, Stdio


def server(what: str) -> McpServer:
    return McpServer("raw", Stdio(sys.executable, (str(Path(__file__).parent / "raw_server.py"), what)))


async def test_what_is_printed_between_messages_is_skipped_whatever_its_bytes() -> None:
    async with server("garbage") as box:
        assert (await call(box, "tool")).content == "ok"


async def test_a_bad_tool_costs_itself_and_not_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with server("tools") as box:
        assert await tool_names(box) == ["tool", "untyped", "recursive"]
    assert "the tool 'nowhere' of an MCP server is left out: '#/$defs/gone' leads nowhere" in caplog.text
    assert "the tool 'without' of an MCP server is left out: inputSchema: Field required" in caplog.text


async def test_tools_are_listed_once_for_many_runs() -> None:
    async with server("tools") as box, asyncio.timeout(SECONDS):
        for _ in range(3):
            first, *_ = await box.tools(RunContext())
    assert first.description == "list 1"


async def test_all_pages_of_a_list_are_read() -> None:
    async with server("pages") as box:
        assert len(await tool_names(box)) == 500


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("long", r"^The result of tool is longer than 262144 bytes\.$"),
        ("image", r"^The images and files that tool gave are too large\.$"),
    ],
)
async def test_a_result_that_no_model_could_read_is_an_error(what: str, sentence: str) -> None:
    async with server(what) as box:
        with pytest.raises(ToolError, match=sentence):
            await call(box, "tool")
