"""The relay is the same answer as the stream: whatever the cuts, the events, who refuses, and how it ends."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings, strategies as st

from turnstream import errors, events, protocols
from turnstream.models.text_mode import TextCalls, _Reading
from turnstream.providers.base import Timeouts
from turnstream.providers.decode.chat_stream import Decoder
from turnstream.providers.transport import connections, plain_http, watchdog
from turnstream.providers.transport.answers import Answer

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
TIMEOUTS = Timeouts(first_token=60, idle=60)


class Wire:
    """As much of a transport as the connection asks for."""

    closing = False

    def writelines(self, pieces: Iterable[bytes]) -> None: ...

    def abort(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def chunk(delta: dict[str, Any], **more: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, **more}]}).encode() + b"\n\n"


FRAMES = {
    "text": chunk({"content": "wörd "}),
    "open": chunk({"content": '<tool_call>{"name": "look", '}),
    "close": chunk({"content": '"arguments": {}}</tool_call>'}),
    "reasoning": chunk({"reasoning_content": "so"}),
    "role": chunk({"role": "assistant", "content": ""}),
    "call": chunk({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "look", "arguments": "{}"}}]}),
    "comment": b": ping\n\n",
    "usage": b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n',
    "finish": chunk({}, finish_reason="stop"),
    "error": b'data: {"error":{"message":"overloaded","code":503}}\n\n',
    "garbage": b"data: {nonsense\n\n",
    "done": b"data: [DONE]\n\n",
}
FAILURE = "failure"

Outcome = list[Any]
Reader = Callable[[Any, Iterator[bool]], Awaitable[Outcome]]


async def read(stream: Any, takes: Iterator[bool]) -> Outcome:
    seen: Outcome = []
    ended = False
    try:
        async for batch in stream:
            assert not ended, "it had said that it has ended"
            seen += batch
            ended = protocols.has_ended(stream)
    except errors.ProviderError as error:
        assert not ended
        seen.append((FAILURE, error.code))
    return merged(seen)


async def relay(stream: Any, takes: Iterator[bool]) -> Outcome:
    seen: Outcome = []

    def take(batch: list[events.ModelEvent]) -> bool:
        if next(takes):
            seen.extend(batch)
            return True
        return False

    try:
        while True:
            seen += await stream.relay(take)
    except StopAsyncIteration:
        pass
    except errors.ProviderError as error:
        seen.append((FAILURE, error.code))
    return merged(seen)


def merged(seen: Outcome) -> Outcome:
    """Deltas of one kind in a row are one: how they were cut does not matter."""
    found: Outcome = []
    for event in seen:
        if found and type(event) is type(found[-1]) and isinstance(event, events.TextDelta | events.ReasoningDelta):
            found[-1] = type(event)(found[-1].text + event.text)
        else:
            found.append(event)
    return found


class Plain:
    """An `Answer` as a stream."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __aiter__(self) -> Plain:
        return self

    async def __anext__(self) -> list[events.ModelEvent]:
        return self._some(await self._answer.read())

    async def relay(self, take: Any) -> list[events.ModelEvent]:
        return self._some(await self._answer.relay(take))

    @property
    def ended(self) -> bool:
        return self._answer.ended

    def _some(self, batch: list[events.ModelEvent]) -> list[events.ModelEvent]:
        if not batch:
            raise StopAsyncIteration
        return batch


async def outcome(
    reader: Reader, pieces: list[bytes], pauses: list[bool], end: str, takes: list[bool], text: bool
) -> Any:
    pool = plain_http.Pool(30)
    connection = plain_http.Connection(pool, plain_http._Origin.of(urlsplit("http://vendor")))
    connection.connection_made(cast("asyncio.BaseTransport", Wire()))
    asking = asyncio.ensure_future(connection.ask([b"request"], asyncio.get_running_loop().time() + 60))
    await asyncio.sleep(0)
    connection.data_received(HEAD)
    response = await asking
    dog = watchdog.Watchdog(response.content, TIMEOUTS, pool.loop, pool.loop.time())
    answer = Answer(response, Decoder(), dog)
    stream: Any = Plain(answer)
    if text:
        stream = _Reading(stream, TextCalls("hermes", None))
    reading = asyncio.ensure_future(reader(stream, itertools.cycle(takes)))
    for piece, pause in zip(pieces, itertools.cycle(pauses)):
        if pause:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        connection.data_received(piece)
    if end == "lost":
        connection.connection_lost(ConnectionResetError("gone"))
    elif end == "whole":
        connection.data_received(b"0\r\n\r\n")
    elif end == "silent":
        response.content.set_exception(connections.silence_error(60))
    try:  # else it is at its end without the connection's
        return await asyncio.wait_for(reading, 10)
    finally:
        answer.leave()
        connection.connection_lost(None)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(position % (len(data) + 1) for position in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(at)]


@settings(deadline=None, max_examples=100)
@given(
    frames=st.lists(st.sampled_from(sorted(FRAMES)), max_size=12),
    cuts=st.lists(st.integers(0, 4000), max_size=8),
    pauses=st.lists(st.booleans(), min_size=1, max_size=5),
    takes=st.lists(st.booleans(), min_size=1, max_size=5),
    end=st.sampled_from(["whole", "lost", "silent"]),
    text=st.booleans(),
)
def test_a_relay_gives_what_the_stream_gives(
    frames: list[str], cuts: list[int], pauses: list[bool], takes: list[bool], end: str, text: bool
) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(FRAMES[name]), FRAMES[name]) for name in frames)
    pieces = cut(body, cuts)
    expected = asyncio.run(outcome(read, pieces, pauses, end, takes, text))
    assert asyncio.run(outcome(relay, pieces, pauses, end, takes, text)) == expected


async def test_a_piece_is_taken_within_the_read_that_brought_it() -> None:
    taken: list[events.ModelEvent] = []
    pool = plain_http.Pool(30)
    connection = plain_http.Connection(pool, plain_http._Origin.of(urlsplit("http://vendor")))
    connection.connection_made(cast("asyncio.BaseTransport", Wire()))
    asking = asyncio.ensure_future(connection.ask([b"request"], asyncio.get_running_loop().time() + 60))
    await asyncio.sleep(0)
    connection.data_received(HEAD)
    response = await asking
    answer = Answer(response, Decoder(), watchdog.Watchdog(response.content, TIMEOUTS, pool.loop, pool.loop.time()))
    reading = asyncio.ensure_future(answer.relay(lambda batch: not taken.extend(batch)))  # type: ignore[func-returns-value]
    await asyncio.sleep(0)
    frame = FRAMES["text"]
    connection.data_received(b"%x\r\n%b\r\n" % (len(frame), frame))
    assert taken == [events.TextDelta("wörd ")]
    reading.cancel()
    connection.data_received(b"%x\r\n%b\r\n" % (len(frame), frame))
    await asyncio.gather(reading, return_exceptions=True)
    answer.leave()
    connection.connection_lost(None)


async def test_what_a_taker_raises_is_raised_to_whoever_relays() -> None:
    def fail(batch: list[events.ModelEvent]) -> bool:
        raise KeyError("of the taker")

    async def reader(stream: Any, takes: Iterator[bool]) -> Outcome:
        with pytest.raises(KeyError):
            await stream.relay(fail)
        return []

    frame = FRAMES["text"]
    await outcome(reader, [b"%x\r\n%b\r\n" % (len(frame), frame)], [True], "whole", [True], text=False)


@pytest.mark.parametrize("last", ["error", "done"])
async def test_an_end_in_the_read_of_the_last_words_is_told_at_once(last: str) -> None:
    body = FRAMES["text"] + FRAMES["text"] + FRAMES[last]
    piece = b"%x\r\n%b\r\n" % (len(body), body)
    assert len(await outcome(relay, [piece], [True], "open", [True], text=False)) == 2


@pytest.mark.parametrize(("last", "ended"), [("done", True), ("error", False), ("text", False)])
async def test_an_answer_that_has_come_whole_says_so(last: str, ended: bool) -> None:
    async def reader(stream: Any, takes: Iterator[bool]) -> Outcome:
        return [await anext(stream), protocols.has_ended(stream)]

    body = FRAMES["text"] + FRAMES[last]
    _, said = await outcome(reader, [b"%x\r\n%b\r\n" % (len(body), body)], [False], "whole", [True], text=False)
    assert said is ended
