"""A real OpenID provider, a Node.js process of its own on loopback, whose key can be changed while it runs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from tests import node_packages

FOLDER = Path(__file__).parent / "node"
AUDIENCE = "https://turnstream.test"


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
    command = [node_packages.installed(FOLDER), "provider.mjs", algorithm]
    with subprocess.Popen(
        command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield Provider(process)
        finally:
            process.kill()
