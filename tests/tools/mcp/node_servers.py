"""The MCP servers of npm, and whatever else is there, installed once for each version of the lock file."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "node"
PACKAGES = FOLDER / "node_modules" / "@modelcontextprotocol"
INSTALL_SECONDS = 90
START_SECONDS = 20


def installed() -> str:
    """The path of ``node``. Skips the test, with a reason, where the servers cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js or npm is not installed")
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    stamp = FOLDER / "node_modules" / ".turnstream-stamp"
    with (FOLDER / ".stamp-lock").open("w") as lock:  # test processes run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            _npm_ci(npm)
            stamp.write_text(wanted)
    return node


def _npm_ci(npm: str) -> None:
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm ci did not end in {INSTALL_SECONDS} s")
    if done.returncode != 0:
        pytest.skip(f"npm ci failed: {done.stderr.strip()[-400:]}")


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
