"""A response begins once, whatever an encoder raises and whenever."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.agent.scripted import Scripted, says
from tests.server.serving import ASK, CHAT, STREAM
from turnstream.agent import Agent
from turnstream.dialects import openai_chat
from turnstream.events import TextDelta
from turnstream.server import app
from turnstream.service import ServerSettings, Service


async def sent_for(
    model: Scripted, body: dict[str, Any] = STREAM, path: str = CHAT, method: str = "POST", **settings: Any
) -> list[dict[str, Any]]:
    """The application's messages; the client stays to the end."""
    sent: list[dict[str, Any]] = []
    incoming = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]

    async def receive() -> dict[str, object]:
        if not incoming:
            await asyncio.Event().wait()
        return incoming.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": [(b"host", b"x")]}
    application = app(Service({"agent": Agent(model)}, ServerSettings(**settings)))
    async with asyncio.timeout(10):
        await application(scope, receive, send)  # type: ignore[arg-type]  # narrower forms of the messages
    return sent


def fail(*_: object) -> bytes:
    raise RuntimeError("broken")


class Feeds:
    """An encoder's ``feed`` that raises at these texts."""

    def __init__(self, *texts: str) -> None:
        self.texts, self.feed = texts, openai_chat.Encoder.feed

    def __get__(self, encoder: openai_chat.Encoder, _: object) -> Any:
        def feed(events: Any) -> bytes:
            text = events[0].text if isinstance(events[0], TextDelta) else type(events[0]).__name__
            return fail() if text in self.texts else self.feed(encoder, events)

        return feed


def starts(sent: list[dict[str, Any]]) -> list[int]:
    return [message["status"] for message in sent if message["type"] == "http.response.start"]


@pytest.mark.parametrize("text", ["RunStarted", "a"])
async def test_an_encoder_that_raises_before_anything_is_sent_is_a_500(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_chat.Encoder, "feed", Feeds(text))
    sent = await sent_for(Scripted([[TextDelta("a")], [TextDelta("b")]]))
    assert starts(sent) == [500]
    assert json.loads(sent[-1]["body"])["error"]["code"] == "internal_error"


async def test_an_encoder_that_raises_in_mid_stream_ends_it_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_chat.Encoder, "feed", Feeds("b"))
    sent = await sent_for(Scripted([[TextDelta("a")], [TextDelta("b")]]))
    assert (starts(sent), sent[-1]["more_body"]) == ([200], False)
    assert b"internal_error" in sent[-1]["body"]


async def test_an_encoder_that_cannot_tell_the_error_either_leaves_the_stream_without_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openai_chat.Encoder, "feed", Feeds("b", "RunFailed"))
    monkeypatch.setattr(openai_chat.Encoder, "close", fail)
    sent = await sent_for(Scripted([[TextDelta("a")], [TextDelta("b")]]))
    assert (starts(sent), sent[-1]["more_body"]) == ([200], True)


async def test_an_encoder_that_raises_at_its_end_does_not_begin_the_response_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openai_chat.Encoder, "close", fail)
    sent = await sent_for(Scripted(says("hello")))
    assert (starts(sent), [message.get("more_body") for message in sent].count(False)) == ([200], 1)


async def test_a_heartbeat_that_raises_ends_the_stream_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_chat.Encoder, "heartbeat", fail)
    sent = await sent_for(Scripted([[TextDelta("a")], asyncio.Event()]), heartbeat=0.01)
    assert starts(sent) == [200]
    assert b"internal_error" in sent[-1]["body"]


async def test_a_reply_that_raises_is_a_500(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_chat.Exchange, "reply", fail)
    sent = await sent_for(Scripted(says("hello")), ASK)
    assert (starts(sent), b"internal_error" in sent[-1]["body"]) == ([500], True)


async def test_a_fault_of_an_endpoint_that_is_no_dialects_is_a_500_in_the_envelope(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Service, "agents_of", fail)
    sent = await sent_for(Scripted(), path="/v1/models", method="GET")
    assert starts(sent) == [500]
    assert json.loads(sent[1]["body"])["error"]["code"] == "internal_error"
    assert "broken" in caplog.text
