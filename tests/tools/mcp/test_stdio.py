from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.tools.mcp.servers import appears, call, heard, kill, stdio, tool_names, until
from turnstream.events import ConfigurationError, ImagePart, RunContext, TextPart, ToolError
from turnstream.tools.mcp import McpServer, Stdio


async def test_every_kind_of_tool_and_result_of_a_real_server(tmp_path: Path) -> None:
    async with McpServer("real", stdio(tmp_path)) as box:
        specs = {spec.name: spec for spec in await box.tools(RunContext())}
        assert specs["echo"].parameters["properties"]["text"]["description"] == "What to say."
        assert specs["tree"].parameters["$defs"]["Leaf"]["properties"]["leaves"]["items"] == {"$ref": "#/$defs/Leaf"}
        assert [specs[name].effect for name in ("echo", "add", "tree")] == ["none", "idempotent", "once"]
        assert specs["echo"].source == "mcp:real"

        assert (await call(box, "echo", '{"text": "ä"}')).content == "ä"
        assert (await call(box, "add", '{"a": 1, "b": 2}')).data == {"total": 3}

        things = await call(box, "things")
        assert things.content == (
            TextPart("text"),
            ImagePart("data:image/png;base64,cG5n"),
            TextPart("note://1\na note"),
            TextPart("A page <https://example.com/a>: worth reading"),
        )
        assert things.sources[0].url == "https://example.com/a"

        failed = await call(box, "fail")
        assert failed.is_error
        assert "fail" in str(failed.content)
        with pytest.raises(ToolError, match="There is no tool named 'nothing'"):
            await call(box, "nothing")


async def test_progress_and_changes_of_the_tools_are_heard(tmp_path: Path) -> None:
    said: list[tuple[str, float | None]] = []
    async with McpServer("real", stdio(tmp_path)) as box:
        await call(box, "count", context=heard(said))
        assert said == [("step 1", 0.5), ("step 2", 1.0)]
        await call(box, "grow")

        async def grown() -> bool:
            return "grown" in await tool_names(box)

        await until(grown)
        assert (await call(box, "grown")).content == "new"


async def test_calls_run_side_by_side_and_a_cancelled_one_is_cancelled_at_the_server(tmp_path: Path) -> None:
    async with McpServer("real", stdio(tmp_path)) as box:
        slow = asyncio.create_task(call(box, "slow", '{"mark": "a"}'))
        await appears(tmp_path / "a.started")
        assert (await call(box, "echo", '{"text": "meanwhile"}')).content == "meanwhile"
        slow.cancel()
        await appears(tmp_path / "a.cancelled")
        assert (await call(box, "echo", '{"text": "after"}')).content == "after"


async def test_a_process_that_dies_in_a_call_is_an_error_of_that_call_and_is_started_again(tmp_path: Path) -> None:
    async with McpServer("real", stdio(tmp_path)) as box:
        first = (await call(box, "process")).data["result"]
        slow = asyncio.create_task(call(box, "slow", '{"mark": "a"}'))
        await appears(tmp_path / "a.started")
        kill(first)
        with pytest.raises(ToolError, match=r"not available: it closed the connection\. It may have executed the call"):
            await slow
        second = (await call(box, "process")).data["result"]
        assert second != first
        kill(second)  # while nothing runs

        async def third() -> bool:
            try:
                return (await call(box, "process")).data["result"] not in (first, second)
            except ToolError:  # sent before its end was noticed
                return False

        await until(third)


async def test_a_server_that_cannot_be_started_fails_at_once_and_is_tried_again_after_a_pause() -> None:
    async with McpServer("gone", Stdio("there-is-no-such-command")) as box:
        with pytest.raises(ToolError, match=r"^The MCP server gone is not available: there is no such command\.$"):
            await box.tools(RunContext())
        with pytest.raises(ToolError, match=r"it is tried again in \d\.\d seconds\.$"):
            await box.tools(RunContext())


async def test_a_server_that_does_not_answer_is_given_up_when_its_time_is_over() -> None:
    silent = Stdio(sys.executable, ("-c", "import sys; sys.stdin.read()"))
    async with McpServer("silent", silent, start_timeout=0.3) as box:
        with pytest.raises(ToolError, match="it did not start in time"):
            await tool_names(box)


async def test_a_start_that_one_run_gave_up_serves_the_next(tmp_path: Path) -> None:
    async with McpServer("real", stdio(tmp_path)) as box:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await box.tools(RunContext())
        assert "echo" in await tool_names(box)


async def test_a_server_is_used_within_its_agent_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="used before its agent is entered"):
        await McpServer("real", stdio(tmp_path)).tools(RunContext())


async def test_the_process_sees_its_own_variables_and_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    from mcp.client.stdio import get_default_environment

    monkeypatch.setenv("SOME_KEY", "sk-secret")
    assert "SOME_KEY" not in get_default_environment()
    assert "sk-own" not in repr(Stdio("x", env={"KEY": "sk-own"}))
