"""A tool that says nothing for longer than the heartbeat. All clients wait at once, so that it costs its time once."""

from __future__ import annotations

import asyncio

from tests.clients import a2a_python, raw
from tests.clients.clients import CLIENTS, FRONT_ENDS, VENDOR_CLIENTS, converse
from tests.clients.job import Job
from tests.clients.node_process import NodeProcess
from tests.clients.server import KEY

PLAIN = {"id", "object", "created", "model", "choices"}
NOTHING = [{"index": 0, "delta": {}, "finish_reason": None}]


async def wait(name: str, server: str, node: NodeProcess | None) -> str:
    """What went wrong, "" if nothing."""
    outcome = await converse(Job(name, server, "silent", api_key=KEY), node)
    well = (outcome.text, outcome.problems, outcome.error) == ("Paris: fog", [], None)
    return "" if well else f"{name}: {outcome}"


async def test_a_long_silence_breaks_no_client(server: str, node_or_reason: NodeProcess | str) -> None:
    node = node_or_reason if isinstance(node_or_reason, NodeProcess) else None
    clients = (*CLIENTS, *VENDOR_CLIENTS)
    names = [client.name for client in clients if node or not client.node] + [*(FRONT_ENDS if node else ())]
    others = (heartbeat(server), *(wait_for_a_task(version, server) for version in ("1.0", "0.3")))
    complaints = await asyncio.gather(*(wait(name, server, node) for name in names), *others)
    assert [complaint for complaint in complaints if complaint] == []


async def wait_for_a_task(version: str, server: str) -> str:
    outcome = await a2a_python.run(Job(f"a2a-sdk {version} stream", server, "silent", api_key=KEY))
    return "" if (outcome.text, outcome.error) == ("Paris: fog", None) else f"A2A {version}: {outcome}"


async def heartbeat(server: str) -> str:
    """The stream itself: between the call and its result there is a chunk that says nothing at all."""
    body = {"model": "silent", "messages": [{"role": "user", "content": "Go."}], "stream": True}
    answer = await raw.post(f"{server}/chat/completions", body)
    beats = [chunk for chunk in answer.chunks[1:] if chunk.keys() == PLAIN and chunk["choices"] == NOTHING]
    return "" if beats else "no heartbeat"
