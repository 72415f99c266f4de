"""What a request has made is gone when it has been answered: nothing of it holds itself, so that the collector has
nothing to look through, and memory is used again while it is warm."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.serving import ASK, STREAM, eventually, serving
from tests.server.test_tool_rounds import agent, asks, keeper
from tests.upstream import serve as vendor
from turnstream.agent import Run
from turnstream.agent.execution import Execution
from turnstream.runs.supervisor import Handle
from turnstream.server.deliver import Stream

MADE = (Run, Execution, Handle, Stream)


def made() -> list[object]:
    return [each for each in gc.get_objects() if isinstance(each, MADE)]


@pytest.fixture
def before() -> Iterator[list[object]]:
    """Of other tests, which somebody may still hold; from here on nothing is collected."""
    gc.collect()
    gc.disable()
    yield made()
    gc.enable()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", STREAM),
        ("/v1/chat/completions", ASK),
        ("/v1/messages", {"max_tokens": 100, **STREAM}),
        ("/v1/responses", {"input": "hi", "stream": True}),
    ],
)
async def test_nothing_of_an_answered_request_is_left_to_the_collector(
    path: str, body: dict[str, Any], before: list[object]
) -> None:
    async with vendor({"m": asks('{"value": 1}')}) as upstream, serving(agent(upstream, keeper()[0])) as server:
        for _ in range(3):
            assert (await server.post(body, path))[0] == 200
        await eventually(lambda: len(made()) <= len(before))  # the thread of the tool lets go of it soon
