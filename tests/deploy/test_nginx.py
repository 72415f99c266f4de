"""A stream through a real nginx with the configuration that we give."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.agent.scripted import Scripted
from tests.server.serving import STREAM, serving
from turnstream.agent import Agent
from turnstream.events import Finish, TextDelta

CONF = Path(__file__).resolve().parents[2] / "deploy/nginx.conf"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"

pytestmark = pytest.mark.skipif(not Path(NGINX).exists(), reason="nginx is not installed")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def nginx(folder: Path, upstream: str) -> AsyncIterator[str]:
    port = free_port()
    site = CONF.read_text().replace("127.0.0.1:8000", upstream).replace("listen 8080", f"listen 127.0.0.1:{port}")
    temp = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"daemon off; pid {folder}/pid; error_log stderr; events {{}} http {{ access_log off; {temp} {site} }}"
    (folder / "nginx.conf").write_text(whole)
    command = [NGINX, "-e", "stderr", "-c", str(folder / "nginx.conf")]
    checked = await asyncio.create_subprocess_exec(*command, "-t", stderr=asyncio.subprocess.PIPE)
    assert await checked.wait() == 0, (await checked.communicate())[1]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except OSError:
                    await asyncio.sleep(0.02)
            writer.close()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def test_a_word_comes_through_before_the_model_has_said_the_next(tmp_path: Path) -> None:
    more = asyncio.Event()
    agent = Agent(Scripted([[TextDelta("first")], more, [TextDelta("second"), Finish("stop")]]))
    async with serving(agent) as served, nginx(tmp_path, served.url.removeprefix("http://")) as url:
        path, headers = url + "/v1/chat/completions", {"content-type": "application/json"}
        async with (
            asyncio.timeout(20),
            aiohttp.ClientSession() as client,
            client.post(path, json=STREAM, headers=headers) as response,
        ):
            assert response.status == 200
            await response.content.readuntil(b"first")
            more.set()
            rest = await response.content.read()
    assert b"second" in rest
    assert rest.endswith(b"data: [DONE]\n\n")


async def test_the_request_id_of_the_proxy_is_the_servers(tmp_path: Path) -> None:
    agent = Agent(Scripted([[TextDelta("hi"), Finish("stop")]]))
    async with (
        serving(agent) as served,
        nginx(tmp_path, served.url.removeprefix("http://")) as url,
        asyncio.timeout(20),
        aiohttp.ClientSession() as client,
        client.get(url + "/healthz") as response,
    ):
        assert len(response.headers["x-request-id"]) == 32
