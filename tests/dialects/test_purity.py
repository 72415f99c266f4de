"""Encoders remember nothing and know no clock: the same events are the same bytes, whoever asks again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from tests.dialects.sequences import runs
from turnstream.dialects import DIALECTS
from turnstream.dialects.base import ClientRequest, Dialect, Exchange, is_exchange
from turnstream.events import RunEvent

PARAMS = {"message": {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}}
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "openai_chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}], "stream": True}),
    "orchestrate": ("/orchestrate/chat/completions", {"messages": [{"role": "user", "content": "hi"}], "stream": True}),
    "openai_responses": ("/v1/responses", {"input": "hi", "stream": True}),
    "anthropic_messages": ("/v1/messages", {"messages": [{"role": "user", "content": "hi"}], "stream": True}),
    "ag_ui": ("/ag-ui/a", {"threadId": "t", "runId": "r", "messages": [{"id": "1", "role": "user", "content": "hi"}]}),
    "vercel": ("/vercel/a", {"id": "c", "messages": [{"role": "user", "parts": [{"type": "text", "text": "hi"}]}]}),
    "native": ("/v1/runs", {"input": "hi", "stream": True}),
    "a2a": ("/a2a/a", {"jsonrpc": "2.0", "id": 1, "method": "message/stream", "params": PARAMS}),
}


def exchange(dialect: type[Dialect]) -> Exchange:
    path, body = BODIES[dialect.name]
    request = ClientRequest(json.dumps(body).encode(), "run1", 1.0, {}, {"agent": "a"}, agents={"a": ""}, path=path)
    decoded = dialect().decode(request)
    assert is_exchange(decoded)
    return decoded


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_the_same_events_give_the_same_bytes_twice(dialect: type[Dialect]) -> None:
    @given(runs())
    @settings(deadline=None, max_examples=50)
    def twice(run: list[RunEvent]) -> None:
        one = exchange(dialect)
        streams = []
        for encoder in (one.encoder("a"), one.encoder("a"), exchange(dialect).encoder("a")):
            encoder.heartbeat()
            streams.append((encoder.feed(run) + encoder.close(), encoder.snapshot()))
        assert streams[0] == streams[1] == streams[2]

    twice()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_dialect_holds_nothing(dialect: type[Dialect]) -> None:
    one = dialect()
    path, body = BODIES[dialect.name]
    request = ClientRequest(json.dumps(body).encode(), "run1", 1.0, {}, {"agent": "a"}, agents={"a": ""}, path=path)
    one.decode(request)
    assert vars(one) == {}
