"""Writes that are gathered: the same bytes in the same order, in fewer pieces, and none that stays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.server.serving import STREAM, events, serving
from tests.server.test_tool_rounds import agent, asks, keeper
from tests.upstream import serve as vendor
from turnstream.server import gathering


class Plain(asyncio.Transport):
    """What a connection writes, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closed:
            self.pieces.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


class Turns:
    """A loop whose turns end when a test says so."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], object]] = []

    def call_soon(self, callback: Callable[[], object]) -> None:
        self.soon.append(callback)

    def end(self) -> None:
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()


def made() -> tuple[Plain, Turns, gathering.Gathering]:
    transport, turns = Plain(), Turns()
    return transport, turns, gathering.Gathering(transport, turns)  # type: ignore[arg-type]  # all that it needs


@given(st.lists(st.one_of(st.binary(max_size=9), st.sampled_from(["gather", "flush", "end", "close"]))))
def test_the_bytes_are_those_of_the_plain_transport(steps: list[bytes | str]) -> None:
    transport, turns, gathered = made()
    plain = Plain()
    for step in steps:
        if isinstance(step, bytes):
            plain.write(step)
            (gathered.write_soon if len(step) % 2 else gathered.write)(step)
        elif step == "end":
            turns.end()
            assert b"".join(transport.pieces) == b"".join(plain.pieces)
        else:
            getattr(gathered, step)()
            if step == "close":
                plain.close()
    turns.end()
    assert b"".join(transport.pieces) == b"".join(plain.pieces)


def test_what_is_gathered_in_a_turn_is_one_write() -> None:
    transport, turns, gathered = made()
    gathered.gather()
    for piece in (b"head", b"text", b"end"):
        gathered.write(piece)
    assert transport.pieces == []
    turns.end()
    gathered.write(b"later")
    assert transport.pieces == [b"headtextend", b"later"]


def test_no_more_is_held_than_a_little() -> None:
    transport, _, gathered = made()
    gathered.gather()
    for _ in range(100):
        gathered.write(bytes(gathering.MOST // 10))
    assert sum(map(len, transport.pieces)) >= 9 * gathering.MOST


def test_a_connection_that_was_lost_meanwhile_gets_nothing() -> None:
    transport, turns, gathered = made()
    gathered.gather()
    gathered.write(b"text")
    gathered.abort()
    turns.end()
    assert transport.pieces == []


async def test_a_short_answer_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []

    class Noting:
        def __init__(self, transport: asyncio.Transport) -> None:
            self.transport = transport

        def __getattr__(self, name: str) -> Any:
            return getattr(self.transport, name)

        def write(self, data: bytes) -> None:
            written.append(data)
            self.transport.write(data)

    init = gathering.Gathering.__init__

    def note(self: gathering.Gathering, transport: Any, loop: Any) -> None:
        noting: Any = Noting(transport)
        init(self, noting, loop)

    monkeypatch.setattr(gathering.Gathering, "__init__", note)
    async with vendor({"m": asks("{}")}) as upstream, serving(agent(upstream, keeper()[0])) as server:
        status, _, body = await server.post(STREAM)
    assert status == 200
    assert events(body)
    assert len(written) < body.count("data: ")
    assert written[0].startswith(b"HTTP/1.1 200")
    assert b"data: " in written[0]  # the head did not go out alone
