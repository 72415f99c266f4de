from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from turnstream.tools.mcp import wire

ANSWER = {"jsonrpc": "2.0", "id": 4, "result": {"x": [1, {"y": "ä\n{"}]}}
NOTE = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"a": 1}}


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (json.dumps(ANSWER), [ANSWER]),
        ("\ufeff" + json.dumps(ANSWER), [ANSWER]),
        (json.dumps([ANSWER, NOTE]), [ANSWER, NOTE]),
        ('{"id": 1, "result": null}', [{"jsonrpc": "2.0", "id": 1, "result": {}}]),
        ('{"id": 1.0, "result": {}, "error": null}', [{"jsonrpc": "2.0", "id": 1, "result": {}}]),
        ('{"id": 1, "error": "no"}', [{"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "no"}}]),
        ('{"id": 4, "result": {"content": [', [wire.failure(4, wire.NOT_JSON)]),
        ('{"id": "a", "result": oops}', [wire.failure("a", wire.NOT_JSON)]),
        ("[" * 1500 + ']"id": 4, "result": 1', [wire.failure(4, wire.NOT_JSON)]),
        ("Server running", []),
        ("[]", []),
        ("5", []),
        ('{"id": 4}', []),
    ],
)
def test_a_text_is_the_messages_that_it_means(text: str, messages: list[Any]) -> None:
    assert wire.read(text) == messages


def test_deep_nesting_fails_the_call_and_not_the_reader() -> None:
    deep = '{"a":' * 300 + "1" + "}" * 300
    assert wire.read(f'{{"jsonrpc": "2.0", "id": 4, "result": {deep}}}') == [wire.failure(4, wire.NOT_JSON)]


STREAM = (
    "\ufeff" + json.dumps(NOTE) + "\nhello\n\n" + json.dumps(ANSWER, indent=2) + "\r\n" + json.dumps([ANSWER]) + "\n"
    '{"id": 9, "result": {"half": "\n' + json.dumps(NOTE)
).encode()


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_however_lines_are_cut_the_messages_are_the_same(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    lines = wire.Lines()
    found = [message for a, b in itertools.pairwise(edges) for message in lines.feed(STREAM[a:b])]
    assert [*found, *lines.close()] == [NOTE, ANSWER, ANSWER, wire.failure(9, wire.NOT_JSON), NOTE]


EVENTS = (
    b'\xef\xbb\xbfid: 1\ndata: \n\nevent: message\r\ndata: {"id":4,\r\ndata: "result":{"t":"\\ud83d"}}\r\n\r\n'
    b": ping\nretry: 5\n\nevent: endpoint\ndata: /x\n\ndata: not json\n\ndata: last"
)


@given(st.lists(st.integers(0, len(EVENTS)), max_size=8))
def test_however_events_are_cut_the_bytes_are_the_same(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(EVENTS)]
    events = wire.Events()
    made = b"".join(events.feed(EVENTS[a:b]) for a, b in itertools.pairwise(edges)) + events.close()
    message = '{"id":4,"result":{"t":"\ufffd"},"jsonrpc":"2.0"}'.encode()
    assert b"data: " + message + b"\n\n" in made
    assert made.startswith(b"id: 1\ndata: \n\n")
    assert b": ping\nretry: 5\n\nevent: endpoint\ndata: /x\n\ndata: not json\n\n" in made
    assert made.endswith(b"data: last")


@pytest.mark.parametrize(
    "message",
    [
        "Session not found", "Bad Request: Server not initialized", "Bad Request: No valid session ID provided",
        "Invalid or missing session ID", "Unknown session", "Session expired", "Session abc-123 not found",
        "No transport found for sessionId", "Session has been terminated", "The session does not exist",
    ],
)  # fmt: skip
def test_a_message_that_says_so_loses_the_session(message: str) -> None:
    assert wire.says_session_is_unknown({"error": {"code": -32000, "message": message}}, status=400)
    assert wire.says_session_is_unknown({"error": {"code": -32001, "message": message}})
    assert not wire.says_session_is_unknown({"error": {"code": -32602, "message": message}})


@pytest.mark.parametrize("message", ["session_name is required", "The session is full", "missing argument session"])
def test_a_message_that_only_has_the_word_does_not(message: str) -> None:
    assert not wire.says_session_is_unknown({"error": {"code": -32602, "message": message}}, status=400)
    assert not wire.text_says_session_is_unknown(message)
