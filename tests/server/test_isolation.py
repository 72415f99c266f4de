"""Many users at once, over sockets on both sides: nobody meets what is another's, and nothing stays when they have
gone."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scripts import Conversation, Said, end
from tests.server.serving import CHAT, Served, eventually, serving, text, until
from tests.upstream import Upstream, serve as vendor
from turnstream import RunContext, providers, tool
from turnstream.agent import Agent, Run
from turnstream.events import TextDelta, ToolCallDelta, ToolCallStart
from turnstream.runs.supervisor import Handle
from turnstream.server.deliver import Stream

USERS = 200
VISITORS = 20


def own(context: RunContext) -> str:
    return json.dumps([context.user, context.thread_id, dict(context.values), dict(context.headers)])


@tool
async def look(context: RunContext, key: str) -> str:
    """Look it up."""
    await asyncio.sleep(0)
    context.progress(f"looking for {key}")
    return f"{key} {own(context)}"


@tool
def search(context: RunContext, key: str) -> str:
    """Search in a thread."""
    context.progress(f"searching for {key}")
    return f"{key} {own(context)}"


def said(conversation: Conversation) -> list[Said]:
    """Asks for both tools, for each user under the same ids, then repeats what they gave."""
    if conversation.results:
        return [TextDelta("; ".join(conversation.results)), *end()]
    arguments = json.dumps({"key": conversation.body["messages"][-1]["content"]})
    calls: list[Said] = []
    for index, name in enumerate(("look", "search")):
        calls += [ToolCallStart(index, f"call_{index}", name), ToolCallDelta(index, arguments)]
    return [*calls, *end("tool_calls")]


def broken(conversation: Conversation) -> list[Said]:
    return [
        TextDelta("Half of it"),
    ]


def agent(upstream: Upstream, script: str = "said") -> Agent:
    model = providers.model(f"openai-compatible:{script}", base_url=upstream.url, api_key=upstream.key, retries=0)
    return Agent(model, [look, search], name=script)


def secrets(words: Any) -> set[str]:
    return set(re.findall(r"<\d+>", words if isinstance(words, str) else json.dumps(words)))


async def ask(served: Served, number: int) -> str:
    secret = f"<{number}>"
    body = {
        "model": "said",
        "messages": [{"role": "user", "content": f"key{secret}"}],
        "stream": True,
        "user": f"user{secret}",
        "context": {"token": f"token{secret}"},
    }
    status, _, answer = await served.post(body, x_tenant=f"tenant{secret}", x_thread_id=f"thread{secret}")
    assert status == 200
    return str(answer)


async def test_two_hundred_users_at_once_meet_nothing_that_is_anothers() -> None:
    async with vendor({"said": said}) as upstream, serving(agent(upstream), forward_headers=("x-tenant",)) as served:
        answers = await asyncio.gather(*(ask(served, number) for number in range(USERS)))
    for number, answer in enumerate(answers):
        assert secrets(answer) == {f"<{number}>"}
        for part in ("key", "user", "thread", "token", "tenant"):
            assert text(answer).count(f"{part}<{number}>") == 2, part
    assert len(upstream.requests) == 2 * USERS
    assert all(len(secrets(request)) == 1 for request in upstream.requests)
    assert not any(secrets(dict(headers)) for headers in upstream.headers)


# ----------------------------------------------------------------------------------------------------------- what stays


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def runs_alive() -> int:
    return sum(isinstance(thing, Run) for thing in gc.get_objects())


async def visit(served: Served, number: int) -> None:
    """One of: a round of tools, whole or streamed, a broken answer, a refusal, and a client that leaves."""
    body = {"model": "said", "messages": [{"role": "user", "content": "x" * 1000}], "stream": number % 2 == 0}
    match number % 6:
        case 0 | 1 | 2:
            await served.post(body)
        case 3:
            await served.post({**body, "model": "broken"})
        case 4:
            await served.post({**body, "model": "nobody"})
        case _:
            async with served.client.post(served.url + CHAT, json={**body, "stream": True}) as response:
                await until(response.content, b"role")


async def visits(served: Served, count: int) -> None:
    numbers = iter(range(count))

    async def visitor() -> None:
        for number in numbers:
            await visit(served, number)

    await asyncio.gather(*(visitor() for _ in range(VISITORS)))
    await eventually(lambda: not served.server.state.runs.live)
    gc.collect()


@pytest.fixture
def frozen_heap() -> Iterator[None]:
    """As in the server's own process. What the tests before have left would put off the full collections, and garbage
    would look like growth."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("number", [3, 4, 5], ids=["broken answer", "refusal", "client that leaves"])
@pytest.mark.usefixtures("frozen_heap")
async def test_what_a_failed_request_held_is_freed_without_the_collector(number: int) -> None:
    async with (
        vendor({"said": said, "broken": broken}) as upstream,
        serving(agent(upstream), agent(upstream, "broken")) as served,
    ):
        await visit(served, number)
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                await visit(served, number)
            await eventually(lambda: not served.server.state.runs.live)
            await eventually(lambda: not held())
        finally:
            gc.enable()


def held() -> list[str]:
    """What leads to all that one request had."""
    kinds = (Run, Stream, Handle)
    return [type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, kinds)]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.usefixtures("frozen_heap")
async def test_hundreds_of_runs_leave_nothing_behind() -> None:
    async with (
        vendor({"said": said, "broken": broken}) as upstream,
        serving(agent(upstream), agent(upstream, "broken")) as served,
    ):
        await visits(served, 200)
        kept = 4 * VISITORS  # both ends of the idle connections of both pools
        files, tasks, runs, memory = open_files(), len(asyncio.all_tasks()), runs_alive(), resident()
        upstream.requests.clear()
        upstream.headers.clear()
        await visits(served, 600)
        upstream.requests.clear()
        upstream.headers.clear()
        await eventually(lambda: open_files() <= files + kept)
        await eventually(lambda: len(asyncio.all_tasks()) <= tasks + kept)
        gc.collect()
        assert runs_alive() <= runs + kept
        assert resident() - memory < 16 * 1024 * 1024
