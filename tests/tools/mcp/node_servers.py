"""The MCP servers of npm, and whatever else is there, installed once for each version of the lock file."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from tests import node_packages

FOLDER = Path(__file__).parent.parent / "node"
PACKAGES = FOLDER / "node_modules" / "@modelcontextprotocol"
START_SECONDS = 20


def installed() -> str:
    """The path of ``node``. Skips the test, with a reason, where the servers cannot be had."""
    return node_packages.installed(FOLDER)


class Everything:
    """``server-everything`` over streamable HTTP or SSE, on one port for all its lives."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = int(found.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/{'sse' if kind == 'sse' else 'mcp'}"

    def start(self) -> None:
        command = [installed(), str(PACKAGES / "server-everything" / "dist" / "index.js"), self.kind]
        self.process = subprocess.Popen(command, env={"PORT": str(self.port)}, stderr=subprocess.DEVNULL)
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None, "the server ended"
                assert time.monotonic() < end, "the server does not listen"
                time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(START_SECONDS)
