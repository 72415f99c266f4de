"""Servers that break the rules cost what they break, and no more."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.tools.mcp.servers import SECONDS, call, tool_names, until
from turnstream.events import RunContext, TextPart, ToolError
from turnstream.tools.mcp import McpServer, Stdio


def server(what: str) -> McpServer:
    return McpServer("raw", Stdio(sys.executable, (str(Path(__file__).parent / "raw_server.py"), what)))


async def test_what_is_printed_between_messages_is_skipped_whatever_its_bytes() -> None:
    async with server("garbage") as box:
        assert (await call(box, "tool")).content == "ok"


async def test_a_bad_tool_costs_itself_and_not_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with server("tools") as box:
        assert await tool_names(box) == ["tool", "untyped", "recursive"]
    assert "the tool 'nowhere' of an MCP server is left out: unresolved $ref '#/$defs/gone'" in caplog.text
    assert "the tool 'without' of an MCP server is left out: inputSchema: Field required" in caplog.text


async def test_tools_are_listed_once_for_many_runs() -> None:
    async with server("tools") as box, asyncio.timeout(SECONDS):
        for _ in range(3):
            first, *_ = await box.tools(RunContext())
    assert first.description == "list 1"


async def test_all_pages_of_a_list_are_read() -> None:
    async with server("pages") as box:
        assert len(await tool_names(box)) == 500


async def test_a_result_that_is_too_long_is_cut_and_says_so() -> None:
    async with server("long") as box:
        text = str((await call(box, "tool")).content)
    assert text.startswith("xxx")
    assert text.endswith("x… 9,737,856 more characters")


async def test_an_image_that_is_too_large_is_put_into_words() -> None:
    async with server("image") as box:
        content = (await call(box, "tool")).content
    assert content == (TextPart("a PNG image, 15,750,000 bytes, which you cannot see: it is too large"),)


async def test_half_an_emoji_costs_itself_and_not_the_result() -> None:
    async with server("half") as box:
        assert (await call(box, "tool")).content == "caf\ufffd"


async def test_an_answer_that_is_cut_fails_its_call_at_once() -> None:
    async with server("cut") as box:
        with pytest.raises(ToolError, match=r"not valid JSON\. It may have executed the call"):
            await call(box, "tool")


@pytest.mark.parametrize("what", ["spread", "array", "bom", "no version"])
async def test_messages_in_unusual_forms_are_taken(what: str) -> None:
    async with server(what) as box:
        assert (await call(box, "tool")).content == "ok"


async def test_an_error_with_a_text_for_its_code_is_told() -> None:
    async with server("text code") as box:
        with pytest.raises(ToolError, match=r"answered: no stock \(E42\)"):
            await call(box, "tool")


async def test_an_error_is_told_with_its_data() -> None:
    async with server("data") as box:
        with pytest.raises(ToolError, match=r'answered: Invalid params: \{"reason": "qty must be > 0"\}'):
            await call(box, "tool")


async def test_a_page_that_must_be_opened_is_told_with_its_address() -> None:
    async with server("elicit") as box:
        with pytest.raises(ToolError, match=r"The user must open: https://example\.com/login"):
            await call(box, "tool")


async def test_a_cursor_that_does_not_move_ends_the_list() -> None:
    async with server("cursor") as box:
        assert await tool_names(box) == ["tool", "untyped", "recursive"]


async def test_a_server_without_tools_is_not_asked_for_them(caplog: pytest.LogCaptureFixture) -> None:
    async with server("resources") as box:
        assert await tool_names(box) == []
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("fails", r"it closed the connection \(exit status 3: ERROR: API_KEY missing\)"),
        ("nameless", "its answer to initialize lacks serverInfo"),
        ("old", r"it speaks a version of MCP that is not known here \(1999-01-01\)"),
    ],
)
async def test_why_a_server_did_not_start_is_told(what: str, reason: str) -> None:
    async with server(what) as box:
        with pytest.raises(ToolError, match=reason):
            await box.tools(RunContext())


async def test_what_initialize_may_lack_is_forgiven() -> None:
    async with server("sloppy") as box:
        assert await tool_names(box)


async def test_a_folder_that_is_not_there_is_not_called_a_command(tmp_path: Path) -> None:
    async with McpServer("raw", Stdio(sys.executable, cwd=str(tmp_path / "gone"))) as box:
        with pytest.raises(ToolError, match=r"there is no folder .*gone"):
            await box.tools(RunContext())


async def test_a_script_without_an_interpreter_is_told_as_such(tmp_path: Path) -> None:
    script = tmp_path / "server"
    script.write_text("print('hello')")
    script.chmod(0o755)
    async with McpServer("raw", Stdio(str(script))) as box:
        with pytest.raises(ToolError, match="a script begins with #!"):
            await box.tools(RunContext())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells of processes in files")
async def test_what_a_server_started_ends_with_it_though_it_went_first(tmp_path: Path) -> None:
    async with server(f"child {tmp_path / 'pid'}") as box:
        await tool_names(box)
        child = int((tmp_path / "pid").read_text())

    def ended() -> bool:
        state = Path(f"/proc/{child}/stat")
        return not state.exists() or state.read_text().split()[2] == "Z"

    await until(lambda: asyncio.to_thread(ended))
