"""Streams of random runs under the official readers of their protocols, which refuse what comes in a wrong order."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.clients.job import Job
from tests.clients.node_process import NodeProcess
from tests.dialects.sequences import runs
from tests.dialects.stories import STORIES
from turnstream.dialects import ag_ui, vercel
from turnstream.dialects.base import Encoder
from turnstream.events import RunEvent

READERS: dict[str, Callable[[], Encoder]] = {
    "ag-ui verifier": lambda: ag_ui.Encoder("t", "run1"),
    "ai-sdk reader": lambda: vercel.Encoder("m1"),
}
BROKEN = {
    "ag-ui verifier": 'data: {"type":"RUN_STARTED","threadId":"t","runId":"r"}\n\n'
    'data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"x"}\n\n',
    "ai-sdk reader": 'data: {"type":"text-delta","id":"x","delta":"a"}\n\n',
}
SOME = {name: [event for batch in story for event in batch] for name, story in STORIES.items()}


def read(node: NodeProcess, reader: str, streams: list[str]) -> list[str]:
    """The complaints, having made sure that each stream was read."""
    outcome = node.run(Job(reader, "", "", json.dumps(streams))).result(timeout=30)
    assert outcome.error is None, outcome.error
    assert len(outcome.text) + len(outcome.problems) == len(streams)
    return outcome.problems


def stream(reader: str, events: list[RunEvent]) -> str:
    encoder = READERS[reader]()
    return (encoder.feed(events) + encoder.heartbeat() + encoder.close()).decode()


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_every_story_is_accepted(reader: str, node: NodeProcess) -> None:
    assert read(node, reader, [stream(reader, events) for events in SOME.values()]) == []


@given(several=st.lists(runs(), min_size=10, max_size=10))
@settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
def test_any_run_is_accepted(reader: str, node: NodeProcess, several: list[list[RunEvent]]) -> None:
    assert read(node, reader, [stream(reader, events) for events in several]) == []


def test_the_reader_refuses_a_delta_of_nothing(reader: str, node: NodeProcess) -> None:
    assert len(read(node, reader, [BROKEN[reader]])) == 1
