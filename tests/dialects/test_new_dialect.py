"""A new dialect is one file and one row: this one is the whole of it, and a server speaks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import ClassVar

import pytest

from tests.agent.scripted import Scripted, says
from turnstream.agent import Agent
from turnstream.dialects import DIALECTS, base
from turnstream.errors import TurnstreamError
from turnstream.events import RunEvent, RunFinished, RunRequest, TextDelta, UserMessage
from turnstream.service import Service
from turnstream.testing import streaming_client

server = import_module("turnstream.server.app")  # its name in the package is that of the function


class Plain:
    """The body is what the user says; the answer is text."""

    name: ClassVar[str] = "plain"
    routes: ClassVar[Sequence[base.Route]] = (base.Route("POST", "/plain/{agent}"),)

    def decode(self, request: base.ClientRequest) -> base.Decoded:
        return Exchange(request)

    def error(self, error: TurnstreamError, id: str) -> base.Reply:
        return base.Reply(error.status, error.message.encode(), "text/plain")


class Exchange:
    headers: Mapping[str, str] = {}
    stream = True
    thread = None

    def __init__(self, client: base.ClientRequest) -> None:
        self.request = RunRequest((UserMessage(client.body.decode()),), agent=client.path_params["agent"])

    def encoder(self, agent: str) -> Encoder:
        return Encoder()

    def reply(self, agent: str, batch: Sequence[RunEvent]) -> base.Reply:
        return base.Reply(200, self.encoder(agent).feed(batch), "text/plain")

    def refuse(self, error: TurnstreamError, request_id: str) -> base.Reply:
        return Plain().error(error, request_id)


class Encoder(base.StreamEncoder):
    def feed(self, batch: Sequence[RunEvent]) -> bytes:
        self.ended = self.ended or isinstance(base.outcome(batch), RunFinished)
        return "".join(event.text for event in batch if isinstance(event, TextDelta)).encode()


async def test_a_new_dialect_is_one_file_and_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "DIALECTS", (*DIALECTS, Plain))
    model = Scripted(says("hello"))
    async with streaming_client(server.app(Service({"a": Agent(model, name="a")}))) as client:
        async with client.post("/plain/a", content=b"hi") as response:
            assert (response.status, await response.read()) == (200, b"hello")
        async with client.post("/plain/nobody", content=b"hi") as response:
            assert response.status == 404
            assert b"nobody" in await response.read()
    assert model.requests[0].messages == (UserMessage("hi"),)
