"""Real MCP servers, started as processes and ended by their own ids."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType

from turnstream.events import RunContext, ToolCall, ToolOutput
from turnstream.tools.mcp import McpServer, Stdio

SCRIPT = Path(__file__).parent / "real_server.py"
SECONDS = 20.0


def stdio(folder: Path) -> Stdio:
    return Stdio(sys.executable, (str(SCRIPT), "stdio", str(folder)))


class Listening:
    """A server behind HTTP, which can be killed and started again on the same port."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder, self.port = kind, folder, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{'sse' if self.kind == 'sse' else 'mcp'}"

    def start(self) -> None:
        command = [sys.executable, str(SCRIPT), self.kind, str(self.folder), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)
        assert self.process.stdout
        self.process.stdout.close()

    def __enter__(self) -> Listening:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


async def call(box: McpServer, name: str, arguments: str = "{}", context: RunContext | None = None) -> ToolOutput:
    async with asyncio.timeout(SECONDS):
        return await box.call(ToolCall("call_1", name, arguments), context or RunContext(run_id="run_1"))


async def tool_names(box: McpServer, context: RunContext | None = None) -> list[str]:
    async with asyncio.timeout(SECONDS):
        return [spec.name for spec in await box.tools(context or RunContext())]


async def until(met: Callable[[], Awaitable[bool]]) -> None:
    """Ask a server, or look for what it wrote, until it is so."""
    async with asyncio.timeout(SECONDS):
        while not await met():  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(0.01)


async def appears(path: Path) -> None:
    await until(lambda: asyncio.to_thread(path.exists))


def heard(said: list[tuple[str, float | None]]) -> RunContext:
    """A run that notes its progress."""

    def progress(message: str, fraction: float | None = None) -> None:
        said.append((message, fraction))

    return RunContext(run_id="run_1", progress=progress)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
