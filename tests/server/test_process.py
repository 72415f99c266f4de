"""The server as a process of its own."""

from __future__ import annotations

import asyncio
import re
import signal
import sys

import aiohttp

from tests.server.serving import CHAT, STREAM, text

PROGRAM = """
import logging
from turnstream import Agent
from turnstream.server import serve
from turnstream.service import ServerSettings, Service
from turnstream.testing import ScriptedModel

logging.basicConfig(level=logging.INFO)
agent = Agent(ScriptedModel(["hello"], repeat=True))
serve(Service({agent.name: agent}, ServerSettings(port=0)))
"""


async def test_a_server_process_says_where_it_listens_answers_and_ends_well() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            assert process.stderr is not None
            said = ""
            while not (found := re.search(r"listening on (http://\S+)", said)):
                line = await process.stderr.readline()
                assert line, said
                said += line.decode()
            async with (
                aiohttp.ClientSession() as client,
                client.post(found[1] + CHAT, json=STREAM) as response,
            ):
                assert text(await response.text()) == "hello"
            process.send_signal(signal.SIGTERM)
            said += (await process.stderr.read()).decode()
            assert await process.wait() == 0, said
            assert "Traceback" not in said
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
