"""The header that turns statuses off leaves each protocol nothing but what is its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from tests.dialects.sequences import runs
from tests.dialects.stories import STORIES
from turnstream.dialects.a2a import A2A
from turnstream.dialects.ag_ui import AgUi
from turnstream.dialects.anthropic_messages import AnthropicMessages
from turnstream.dialects.base import ClientRequest, Dialect, Exchange, Reply, is_exchange
from turnstream.dialects.vercel import Vercel
from turnstream.events import RequestError, RunEvent

HI = {"role": "user", "content": "hi"}
PARTS: dict[str, Any] = {"messageId": "m", "role": "user", "parts": [{"type": "text", "text": "hi"}]}
SEND = {"jsonrpc": "2.0", "id": 1, "method": "message/stream", "params": {"message": PARTS}}
BODIES: dict[type[Dialect], dict[str, Any]] = {
    AgUi: {"threadId": "t", "runId": "r", "messages": [{"id": "1", **HI}]},
    Vercel: {"messages": [PARTS]},
    AnthropicMessages: {"messages": [HI]},
    A2A: SEND,
}
EVERY = pytest.mark.parametrize("dialect", BODIES)
OURS = ("agent.status", "agent_status", "agent-status", "tool.progress", "tool-progress", "tool_progress")


def call(dialect: type[Dialect], asked: str = "", default: str = "extension") -> Exchange:
    headers = {"x-agent-status": asked} if asked else {}
    body = json.dumps(BODIES[dialect]).encode()
    decoded = dialect().decode(ClientRequest(body, "run1", 0.0, headers, {"agent": "a"}, {}, default, agents={"a": ""}))
    assert is_exchange(decoded)
    return decoded


def told(call: Exchange, events: list[RunEvent]) -> list[dict[str, Any]]:
    encoder = call.encoder("a")
    stream = (encoder.feed(events) + encoder.close()).decode()
    lines = [line.removeprefix("data: ") for line in stream.split("\n") if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def is_ours(frame: dict[str, Any]) -> bool:
    """Whether a frame says only what the protocol has no word of its own for."""
    kind = frame.get("type", "")
    if kind == "CUSTOM" or kind.startswith("data-"):
        return True
    if kind == "ping":
        return len(frame) > 1
    told = frame.get("result", {}).get("metadata", {})
    return bool(told) and "usage" not in told and told.get("type") != "reasoning"


@EVERY
def test_a_story_with_every_status_loses_them_and_nothing_else(dialect: type[Dialect]) -> None:
    events = [event for batch in STORIES["tool_round"] for event in batch]
    loud, quiet = told(call(dialect), events), told(call(dialect, "off"), events)
    assert any(word in json.dumps(loud) for word in OURS)
    assert not any(word in json.dumps(quiet) for word in OURS)
    if dialect is A2A:  # one update that says no more than that the task is at work
        working = quiet.pop(1)["result"]
        assert (working["status"], working.get("metadata")) == ({"state": "working"}, None)
    assert quiet == [frame for frame in loud if not is_ours(frame)]


@EVERY
@given(run=runs())
@settings(deadline=None, max_examples=50)
def test_no_run_shows_any(dialect: type[Dialect], run: list[RunEvent]) -> None:
    assert not any(map(is_ours, told(call(dialect, "off"), run)))


@EVERY
def test_the_servers_default_holds_unless_the_client_asks(dialect: type[Dialect]) -> None:
    events = [event for batch in STORIES["tool_round"] for event in batch]
    assert not any(map(is_ours, told(call(dialect, default="off"), events)))
    assert any(map(is_ours, told(call(dialect, "extension", default="off"), events)))


@EVERY
def test_another_word_is_refused(dialect: type[Dialect]) -> None:
    if dialect is A2A:
        decoded = A2A().decode(
            ClientRequest(json.dumps(SEND).encode(), "x", 0.0, {"x-agent-status": "loud"}, agents={"a": ""})
        )
        assert isinstance(decoded, Reply)
        assert json.loads(decoded.body)["error"]["code"] == -32602
    else:
        with pytest.raises(RequestError, match="X-Agent-Status"):
            call(dialect, "loud")
