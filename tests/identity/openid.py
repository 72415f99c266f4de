"""A real OpenID provider, a Node.js process of its own on loopback, whose key can be changed while it runs."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

FOLDER = Path(__file__).parent / "node"
AUDIENCE = "https://turnstream.test"
_INSTALL_SECONDS = 90


class Provider:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.url = self._wait_for("issuer ")

    def _wait_for(self, start: str) -> str:
        """The rest of the next line that begins so; the library has its own to say."""
        assert self._process.stdout is not None
        return next(line for line in self._process.stdout if line.startswith(start)).removeprefix(start).strip()

    def rotate(self) -> None:
        """From now on it signs with a new key, and knows no other."""
        assert self._process.stdin is not None
        self._process.stdin.write("rotate\n")
        self._process.stdin.flush()
        self._wait_for("rotated")

    async def token(self, client: str, scope: str = "runs approve") -> str:
        body = {"grant_type": "client_credentials", "scope": scope}
        auth = aiohttp.encode_basic_auth(client, f"{client}-secret")
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/token", data=body, headers={"authorization": auth}) as response,
        ):
            return str((await response.json())["access_token"])


@contextmanager
def running(algorithm: str = "RS256") -> Iterator[Provider]:
    command = [_installed(), "provider.mjs", algorithm]
    with subprocess.Popen(
        command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield Provider(process)
        finally:
            process.kill()


def _installed() -> str:
    """The path of ``node``. Skips the test, with a reason, where the provider cannot be had."""
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
        done = subprocess.run(
            command, cwd=FOLDER, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm ci did not end in {_INSTALL_SECONDS} s")
    if done.returncode != 0:
        pytest.skip(f"npm ci failed: {done.stderr.strip()[-400:]}")
