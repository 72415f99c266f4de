"""The process is killed while a run waits for a person, while the answer comes, and around the approved call.

On SQLite each time; on PostgreSQL a sample, and with `SOAK` in the environment all (`make soak-runs`).
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.server.serving import CHAT
from tests.server.test_approvals import codes
from tests.server.test_stores import setting
from tests.stores import Place

SOAK = "SOAK" in os.environ


@pytest.fixture
async def store(place: Place, request: pytest.FixtureRequest) -> str:
    if place.kind == "postgres" and not SOAK and "intent" not in request.node.name:
        pytest.skip("the sample has this on SQLite alone: make soak-runs has it on PostgreSQL")
    return setting(place)


class Process:
    def __init__(self, url: str, process: asyncio.subprocess.Process, client: aiohttp.ClientSession) -> None:
        self.url, self.process, self._client = url, process, client

    async def say(self, *turns: str) -> str:
        conversation = [{"role": ["user", "assistant"][at % 2], "content": turn} for at, turn in enumerate(turns)]
        async with self._client.post(self.url + CHAT, json={"messages": conversation}) as response:
            answer = await response.json()
        content: str = answer["choices"][0]["message"]["content"]
        return content

    async def questions(self) -> list[dict[str, Any]]:
        async with self._client.get(self.url + "/v1/approvals") as response:
            found: list[dict[str, Any]] = (await response.json())["data"]
        return found

    async def run(self, id: str) -> dict[str, Any]:
        async with self._client.get(f"{self.url}/v1/runs/{id}") as response:
            found: dict[str, Any] = await response.json()
        return found

    async def answer(self, code: str, action: str) -> int:
        async with self._client.post(f"{self.url}/v1/approvals/{code}", json={"action": action}) as response:
            return response.status

    async def dies(self, *turns: str) -> None:
        with pytest.raises(aiohttp.ClientError):
            await self.say(*turns)
        await self.process.wait()


@asynccontextmanager
async def server(store: str, file: Path, place: str = "") -> AsyncIterator[Process]:
    """It is killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.server.approving", store, str(file), place, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60), aiohttp.ClientSession() as client:
            port = int(await process.stdout.readline())
            yield Process(f"http://127.0.0.1:{port}", process, client)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until(process: Process, kind: str) -> dict[str, Any]:
    """The question of that kind, once it is asked."""
    async with asyncio.timeout(30):
        while not (found := [each for each in await process.questions() if each["kind"] == kind]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return found[0]


def count(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


async def paid(file: Path) -> None:
    """Once."""
    async with asyncio.timeout(30):
        while not count(file):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert count(file) == 1


async def test_killed_while_it_waits_it_goes_on_with_the_answer(store: str, tmp_path: Path) -> None:
    """Row 18."""
    file = tmp_path / "paid"
    async with server(store, file) as first:
        asked = await first.say("pay")
        id = (await first.questions())[0]["run"]
    async with server(store, file) as second:
        assert await second.say("pay", asked, f"approve {codes(asked)[0]}") == "It is paid."
        [call] = (await second.run(id))["calls"]
        assert (call["effect"], call["outcome"]) == ("once", "ok")
    await paid(file)


async def test_killed_before_the_answer_is_stored_the_question_is_still_open(store: str, tmp_path: Path) -> None:
    """Row 18."""
    file = tmp_path / "paid"
    async with server(store, file, "answer") as first:
        asked = await first.say("pay")
        await first.dies("pay", asked, f"approve {codes(asked)[0]}")
    async with server(store, file) as second:
        assert await second.say("pay", asked, f"approve {codes(asked)[0]}") == "It is paid."
    await paid(file)


async def test_killed_when_the_answer_is_stored_it_goes_on_by_itself(store: str, tmp_path: Path) -> None:
    """Row 18."""
    file = tmp_path / "paid"
    async with server(store, file, "answered") as first:
        asked = await first.say("pay")
        await first.dies("pay", asked, f"approve {codes(asked)[0]}")
    async with server(store, file) as second:
        await paid(file)
        assert (await second.say("pay", asked, f"approve {codes(asked)[0]}")).startswith("There is no open question")
    await paid(file)


@pytest.mark.parametrize(("point", "action"), [("intent", "approve"), ("effect", "deny")])
async def test_killed_around_the_effect_a_person_says_whether_it_happened(
    store: str, tmp_path: Path, point: str, action: str
) -> None:
    """Row 19."""
    file = tmp_path / "paid"
    async with server(store, file, point) as first:
        asked = await first.say("pay")
        await first.dies("pay", asked, f"approve {codes(asked)[0]}")
    async with server(store, file) as second:
        question = await until(second, "outcome")
        assert count(file) == (point == "effect")  # not repeated
        assert await second.answer(question["code"], action) == 200
        await paid(file)
