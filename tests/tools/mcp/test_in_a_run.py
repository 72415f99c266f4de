"""A server of the configuration, in the runs of an agent."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

from tests.agent.scripted import Scripted, calls, says
from tests.tools.mcp.servers import SCRIPT, SECONDS, Listening, appears, stdio
from turnstream.agent import Agent
from turnstream.config import load
from turnstream.events import RunFinished, ToolProgress, ToolResult
from turnstream.tools.mcp import Http, McpServer


async def test_progress_and_results_are_events_of_the_run(tmp_path: Path) -> None:
    model = Scripted(calls(("count", "{}"), ("add", '{"a": 1, "b": 2}')), says("done"))
    async with asyncio.timeout(SECONDS), Agent(model, [McpServer("real", stdio(tmp_path))]).run("go") as run:
        events = [event async for event in run]
    progress = [event.fraction for event in events if isinstance(event, ToolProgress)]
    assert progress == [0.5, 1.0]
    results = {event.tool_call.name: event for event in events if isinstance(event, ToolResult)}
    assert results["add"].output.data == {"total": 3}
    assert isinstance(run.outcome, RunFinished)


async def test_leaving_a_run_cancels_its_call_at_the_server(tmp_path: Path) -> None:
    with Listening("http", tmp_path) as server:
        model = Scripted(calls(("slow", '{"mark": "a"}')))
        async with asyncio.timeout(SECONDS), Agent(model, [McpServer("real", Http(server.url))]) as agent:

            async def watch() -> None:
                async with agent.run("go") as run:
                    _ = [event async for event in run]

            watching = asyncio.create_task(watch())
            await appears(tmp_path / "a.started")
            watching.cancel()
            await appears(tmp_path / "a.cancelled")


async def test_a_server_that_is_down_costs_a_run_its_tools_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(
        f"""
model: demo
tools:
  - mcp: {{name: gone, url: "http://127.0.0.1:9/mcp"}}
  - mcp: {{name: real, command: {sys.executable}, args: [{SCRIPT}, stdio, {tmp_path}]}}
    prefix: real_
    deny: [die]
"""
    )
    (agent,) = load(tmp_path / "agent.yaml").agents.values()
    model = Scripted(says("hello"))
    agent.model = model
    async with asyncio.timeout(SECONDS), agent.run("hi") as run:
        _ = [event async for event in run]
    assert isinstance(run.outcome, RunFinished)
    offered = {tool.name for tool in model.requests[0].tools}
    assert "real_echo" in offered
    assert "real_die" not in offered


def test_the_servers_log_does_not_tell_the_key_in_an_url(tmp_path: Path) -> None:
    with Listening("http", tmp_path) as mcp_server:
        (tmp_path / "agent.yaml").write_text(
            f"model: demo\ntools: [{{mcp: {{url: '{mcp_server.url}?key=sk-secret'}}}}]"
        )
        command = [sys.executable, "-m", "turnstream", "serve", str(tmp_path / "agent.yaml")]
        command += ["--port", "0", "--log-format", "text"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            address = next(line for line in process.stderr if line.startswith("http://")).split("/v1")[0]
            body = b'{"messages": [{"role": "user", "content": "hello"}]}'
            request = Request(f"{address}/v1/chat/completions", body, {"content-type": "application/json"})
            urlopen(request, timeout=SECONDS).close()
            process.terminate()
            logged = process.communicate(timeout=SECONDS)[1]
    assert "finished (stop)" in logged
    assert "sk-secret" not in logged
