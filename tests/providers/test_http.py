"""The HTTP client against a vendor on a real socket."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import Any

import pytest

from tests.providers.upstream import DONE, HELLO, chunk, hangs_up, says, says_nothing, upstream
from turnstream import http_semantics
from turnstream.events import ModelEvent, ModelRequest, ProtocolError, ProviderError, UserMessage
from turnstream.parsing.collect import Collector
from turnstream.protocols import RequestModel
from turnstream.providers import model
from turnstream.providers.transport import retries
from turnstream.providers.transport.connections import Client
from turnstream.providers.transport.http import HttpModel

ASK = ModelRequest((UserMessage("hi"),))
KEY = "sk-secret-1234567890"


def made(base_url: str, **more: Any) -> HttpModel:
    found = model("openai-compatible:m", base_url=base_url, api_key=KEY, environ={}, **more)
    assert isinstance(found, HttpModel)
    return found


async def text(asked: RequestModel) -> str:
    collector = Collector()
    async with asyncio.timeout(10), asked.stream(ASK) as stream:
        async for batch in stream:
            collector.feed(batch)
    return collector.text


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)


async def failure(asked: RequestModel) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await text(asked)
    assert KEY not in f"{caught.value} {caught.value.detail} {caught.value.body}"
    return caught.value


async def test_an_answer_streams_and_the_request_says_who_asks() -> None:
    async with upstream(says(*HELLO)) as vendor:
        assert await text(made(vendor.base_url)) == "Hello"
    assert vendor.body()["messages"] == [{"role": "user", "content": "hi"}]
    assert vendor.requests[0].startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert f"authorization: bearer {KEY}".encode() in vendor.requests[0].lower()


async def test_events_arrive_before_the_answer_ends() -> None:
    async with upstream(says(chunk("a"), end=False)) as vendor, made(vendor.base_url).stream(ASK) as stream:
        assert await asyncio.wait_for(anext(stream), 5)


async def test_connections_are_kept_alive_between_runs() -> None:
    async with upstream(says(*HELLO)) as vendor, made(vendor.base_url) as asked:
        for _ in range(3):
            assert await text(asked) == "Hello"
    assert vendor.connections == 1


async def test_models_share_the_connections_of_the_process() -> None:
    async with upstream(says(*HELLO)) as vendor, made(vendor.base_url) as one, made(vendor.base_url) as two:
        assert await text(one) == await text(two) == "Hello"
    assert vendor.connections == 1


async def test_models_with_clients_of_their_own_share_nothing() -> None:
    async with upstream(says(*HELLO)) as vendor, Client() as one, Client() as two:
        for client in (one, two):
            assert await text(made(vendor.base_url, client=client)) == "Hello"
    assert vendor.connections == 2


def test_a_model_answers_in_one_event_loop_after_another() -> None:
    async def once() -> str:
        async with upstream(says(*HELLO)) as vendor:
            return await text(made(vendor.base_url))

    assert [asyncio.run(once()) for _ in range(2)] == ["Hello", "Hello"]


async def test_an_answer_whose_body_does_not_end_is_over_at_done() -> None:
    async with upstream(says(*HELLO, end=False)) as vendor:
        assert await text(made(vendor.base_url)) == "Hello"


async def test_leaving_the_stream_closes_the_connection_at_once() -> None:
    async with upstream(says(chunk("a"), end=False)) as vendor, made(vendor.base_url) as asked:
        async with asked.stream(ASK) as stream:
            await asyncio.wait_for(anext(stream), 5)
            left = time.monotonic()
        await asyncio.wait_for(vendor.gone.wait(), 5)
        assert time.monotonic() - left < 0.2


async def test_cancelling_the_call_before_its_answer_closes_the_connection() -> None:
    async with upstream(says_nothing) as vendor, made(vendor.base_url) as asked:
        call = asyncio.ensure_future(text(asked))
        await asyncio.wait_for(vendor.asked.wait(), 5)
        call.cancel()
        await asyncio.wait_for(vendor.gone.wait(), 5)


@pytest.mark.parametrize(
    ("status", "code", "ours"),
    [
        ("400 Bad Request", "provider_rejected_request", 502),
        ("401 Unauthorized", "provider_authentication", 502),
        ("404 Not Found", "provider_not_found", 502),
        ("307 Temporary Redirect", "provider_rejected_request", 502),
    ],
)
async def test_a_refusal_is_an_error_at_once(status: str, code: str, ours: int) -> None:
    body = b'{"error":{"message":"wrong key ' + KEY.encode() + b'","type":"t"}}'
    async with upstream(says(body, status=status, headers="content-type: application/json")) as vendor:
        error = await failure(made(vendor.base_url))
    assert (error.code, error.status, error.provider_status) == (code, ours, int(status[:3]))
    assert "wrong key ***" in error.detail
    assert error.provider == "openai-compatible:m"
    assert len(vendor.requests) == 1


async def test_a_failure_is_tried_again_until_it_succeeds() -> None:
    broken = says(b"oops", status="500 Internal Server Error")
    async with upstream(broken, hangs_up(), says(*HELLO)) as vendor:
        assert await text(made(vendor.base_url)) == "Hello"
    assert len(vendor.requests) == 3


async def test_after_the_last_retry_the_failure_is_told() -> None:
    async with upstream(says(b"<html>oops</html>", status="503 Service Unavailable")) as vendor:
        error = await failure(made(vendor.base_url, retries=1))
    assert (error.code, error.provider_status, len(vendor.requests)) == ("provider_overloaded", 503, 2)


async def test_retry_after_is_waited_for() -> None:
    busy = says(b"{}", status="429 Too Many Requests", headers="retry-after: 0.3")
    async with upstream(busy, says(*HELLO)) as vendor:
        began = time.monotonic()
        assert await text(made(vendor.base_url)) == "Hello"
    assert time.monotonic() - began >= 0.3


async def test_a_vendor_that_asks_for_too_long_a_wait_is_not_asked_again() -> None:
    async with upstream(says(b"{}", status="429 Too Many Requests", headers="retry-after: 3600")) as vendor:
        error = await failure(made(vendor.base_url))
    assert (error.status, error.retry_after, len(vendor.requests)) == (429, 3600, 1)


async def test_an_account_without_credit_is_not_asked_again() -> None:
    body = b'{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}'
    async with upstream(says(body, status="429 Too Many Requests")) as vendor:
        error = await failure(made(vendor.base_url))
    assert (error.code, len(vendor.requests)) == ("provider_quota", 1)


async def test_nobody_listening_is_an_error_that_names_no_address() -> None:
    async with upstream(says_nothing) as vendor:
        pass
    error = await failure(made(vendor.base_url, retries=0))
    assert (error.code, error.retryable) == ("provider_unreachable", True)
    assert "127.0.0.1" not in error.message


async def test_a_page_instead_of_a_stream_is_a_protocol_error() -> None:
    page = says(b"<!DOCTYPE html><html>Log in</html>", headers="content-type: text/html")
    async with upstream(page) as vendor:
        error = await failure(made(vendor.base_url))
    assert isinstance(error, ProtocolError)
    assert "a page instead of a stream" in error.message
    assert "Log in" in error.detail


async def test_an_empty_body_is_a_protocol_error() -> None:
    async with upstream(says()) as vendor:
        assert "empty body" in (await failure(made(vendor.base_url))).message


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-OpenSSH_9\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n"]
)
async def test_what_is_no_http_is_a_protocol_error(said: bytes) -> None:
    async def garbage(writer: asyncio.StreamWriter) -> None:
        writer.write(said)

    async with upstream(garbage) as vendor:
        error = await failure(made(vendor.base_url))
    assert isinstance(error, ProtocolError)


@pytest.mark.parametrize(
    "length", [b"transfer-encoding: chunked\r\n\r\nzz\r\n", b"content-length: 9999\r\n\r\n" + HELLO[0]]
)
async def test_a_body_that_breaks_its_framing_is_a_lost_connection(length: bytes) -> None:
    async def broken(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + length)
        await writer.drain()
        writer.close()

    async with upstream(broken) as vendor:
        assert (await failure(made(vendor.base_url))).code in ("provider_connection_lost", "provider_protocol_error")


async def test_half_a_stream_gives_its_events_and_then_an_error() -> None:
    collector = Collector()
    async with upstream(says(chunk("Hel"))) as vendor, made(vendor.base_url).stream(ASK) as stream:
        collector.feed(await anext(stream))
        with pytest.raises(ProtocolError, match="ended before its answer did"):
            await anext(stream)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
    assert collector.text == "Hel"


async def test_a_connection_that_is_reset_in_the_middle_is_an_error_and_not_tried_again() -> None:
    async with upstream(hangs_up(chunk("Hel"))) as vendor:
        error = await failure(made(vendor.base_url))
    assert error.code == "provider_connection_lost"
    assert len(vendor.requests) == 1


async def test_a_connection_that_breaks_after_the_answer_is_no_error() -> None:
    async with upstream(hangs_up(chunk("Hello"), chunk(None, "stop"))) as vendor:
        assert await text(made(vendor.base_url)) == "Hello"


async def test_an_error_in_the_stream_follows_the_text_of_the_same_read() -> None:
    both = chunk("Hel") + b'data: {"error":{"message":"boom","code":502}}\n\n'
    collector = Collector()
    async with upstream(says(both, end=False)) as vendor, made(vendor.base_url).stream(ASK) as stream:
        collector.feed(await anext(stream))
        with pytest.raises(ProviderError) as caught:
            await asyncio.wait_for(anext(stream), 5)
    assert (collector.text, caught.value.provider_status, caught.value.detail) == ("Hel", 502, "boom 502")


@pytest.mark.parametrize("said", [None, b"", b": still busy\n\n"])
async def test_no_first_event_in_time_is_a_time_out(said: bytes | None) -> None:
    answer = says_nothing if said is None else says(said, end=False) if said else says(end=False)
    async with upstream(answer) as vendor:
        error = await failure(made(vendor.base_url, timeouts={"first_token": 0.15, "idle": 0.15}))
    assert (error.code, error.status, len(vendor.requests)) == ("provider_timeout", 504, 1)
    assert "0.15 seconds" in error.message


async def test_silence_after_the_first_event_is_a_time_out() -> None:
    async with upstream(says(chunk("Hel"), end=False)) as vendor:
        error = await failure(made(vendor.base_url, timeouts={"idle": 0.15}))
    assert error.code == "provider_timeout"


async def test_a_stream_that_goes_on_slower_than_it_began_is_not_silent() -> None:
    async def slowly(writer: asyncio.StreamWriter) -> None:
        await says(chunk("a"), end=False)(writer)
        for piece in (b": ping\n\n", chunk("b"), b": ping\n\n", chunk("c", "stop"), DONE):
            await asyncio.sleep(0.08)
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        writer.write(b"0\r\n\r\n")

    async with upstream(slowly) as vendor:
        assert await text(made(vendor.base_url, timeouts={"first_token": 0.2, "idle": 0.2})) == "abc"


async def test_a_reader_that_takes_its_time_is_not_the_vendors_silence() -> None:
    events: list[ModelEvent] = []
    async with upstream(says(*HELLO)) as vendor:
        asked = made(vendor.base_url, timeouts={"idle": 0.05})
        async with asked.stream(ASK) as stream:
            async for batch in stream:
                events += batch
                await asyncio.sleep(0.15)
    assert events


async def test_a_reader_that_stops_reading_stops_the_vendor() -> None:
    written = 0
    stuck = asyncio.Event()

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await says(chunk("a"), end=False)(writer)
        piece = chunk("x" * 50_000)
        while True:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            written += len(piece)
            try:
                await asyncio.wait_for(writer.drain(), 0.5)
            except TimeoutError:
                return stuck.set()

    async with upstream(endless) as vendor, made(vendor.base_url).stream(ASK) as stream:
        await asyncio.wait_for(anext(stream), 5)
        await asyncio.wait_for(stuck.wait(), 20)
    assert written < 30_000_000  # what the sockets' own buffers took


async def test_compressed_answers_are_read() -> None:
    import gzip

    body = gzip.compress(b"".join(HELLO))
    headers = "content-type: text/event-stream\r\ncontent-encoding: gzip"
    async with upstream(says(body[:20], body[20:], headers=headers)) as vendor:
        assert await text(made(vendor.base_url)) == "Hello"


async def test_a_proxy_of_the_environment_is_asked_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    async with upstream(says(*HELLO)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.base_url.removesuffix("/v1"))
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert await text(made("http://vendor.invalid/v1")) == "Hello"
    assert proxy.requests[0].startswith(b"POST http://vendor.invalid/v1/chat/completions ")


async def test_an_address_that_is_none_is_a_clear_error() -> None:
    error = await failure(made("http://[nowhere/v1"))
    assert "address" in error.message


async def test_two_hundred_streams_at_once_get_each_their_own_answer() -> None:
    async def echo(writer: asyncio.StreamWriter) -> None:
        number = len(vendor.requests)
        await says(chunk(f"{number}-"), chunk(f"{number}", "stop"), DONE)(writer)

    async with upstream(echo) as vendor, made(vendor.base_url) as asked:
        answers = await asyncio.gather(*(text(asked) for _ in range(200)))
    pairs = [answer.split("-") for answer in answers]
    assert all(first == second for first, second in pairs)
    assert len({first for first, _ in pairs}) == 200


def test_retry_after_is_read_as_seconds_milliseconds_or_a_date() -> None:
    now = 1_800_000_000.0
    assert http_semantics.retry_after({"retry-after": "1.5"}, now) == 1.5
    assert http_semantics.retry_after({"retry-after-ms": "250", "retry-after": "9"}, now) == 0.25
    assert http_semantics.retry_after({"retry-after": formatdate(now + 20, usegmt=True)}, now) == 20
    assert http_semantics.retry_after({"retry-after": formatdate(now - 20, usegmt=True)}, now) == 0
    for nonsense in ("soon", "-1", "nan", "inf", ""):
        assert http_semantics.retry_after({"retry-after": nonsense}, now) is None


def test_waits_double_up_to_a_bound_and_jitter_by_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.5)
    assert [retries.wait(attempt, None, 1.0) for attempt in range(6)] == [0.5, 1, 2, 4, 8, 8]
    assert retries.wait(0, None, 0.0) == 0.25
    assert retries.wait(5, 3.0, 0.0) == 3.0
    assert retries.wait(0, retries.LONGEST_ASKED + 1, 0.0) is None
