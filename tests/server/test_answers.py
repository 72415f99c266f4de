"""Runs as HTTP answers, over a real socket: streams, whole answers, errors, and who leaves first."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

import aiohttp
import pytest

from tests.agent.scripted import Box, Scripted, calls, echo, says
from tests.server.serving import ASK, CHAT, STREAM, Served, events, eventually, serving, text, until
from turnstream.agent import Agent
from turnstream.events import (
    Finish,
    ModelEvent,
    ProviderError,
    RequestError,
    RunContext,
    TextDelta,
    ToolCall,
    ToolOutput,
    ToolSpec,
)
from turnstream.server import app
from turnstream.service import Service
from turnstream.testing import streaming_client


async def test_a_stream_has_its_headers_its_text_and_its_end() -> None:
    async with serving(Agent(Scripted(says("hello")))) as served:
        status, headers, body = await served.post(STREAM)
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-cache, no-transform", "no")
    assert events(body)[0]["id"] == f"chatcmpl-{headers['x-run-id']}"
    assert text(body) == "hello"
    assert body.endswith("data: [DONE]\n\n")


async def test_without_stream_the_answer_is_one_completion() -> None:
    async with serving(Agent(Scripted(says("hello")), name="helper")) as served:
        status, _, body = await served.post(ASK, accept="text/event-stream")
    assert (status, body["object"], body["model"]) == (200, "chat.completion", "helper")
    assert body["choices"][0]["message"]["content"] == "hello"
    assert body["usage"]["total_tokens"] == 15


async def test_a_tool_round_streams_every_status() -> None:
    model = Scripted(calls(("echo", '{"x":1}')), says("done"))
    async with serving(Agent(model, [Box(echo=echo)])) as served:
        _, _, body = await served.post(STREAM)
    assert [chunk["agent"]["status"] for chunk in events(body) if "agent" in chunk] == [
        "starting_generation",
        "tool_call_detected",
        "tools_executed",
        "continuing_generation",
    ]
    assert text(body) == "done"


async def test_the_first_byte_comes_before_the_model_ends() -> None:
    go_on = asyncio.Event()
    model = Scripted([[TextDelta("first")], go_on, [TextDelta(" last"), Finish("stop")]])
    async with serving(Agent(model)) as served, served.client.post(served.url + CHAT, json=STREAM) as response:
        before = await until(response.content, b"first")
        assert b"last" not in before
        go_on.set()
        await until(response.content, b"[DONE]")


async def test_an_error_before_the_first_word_is_an_http_status() -> None:
    model = Scripted([ProviderError("Too busy.", code="overloaded", status=429, retry_after=7)])
    async with serving(Agent(model)) as served:
        for body in (STREAM, ASK):
            status, headers, answer = await served.post(body)
            assert (status, headers["retry-after"]) == (429, "7")
            assert answer["error"] == {
                "message": "Too busy.",
                "type": "rate_limit_error",
                "param": None,
                "code": "overloaded",
            }
            assert "x-should-retry" not in headers


async def test_an_error_after_the_first_word_is_an_event_and_no_clean_end() -> None:
    model = Scripted([[TextDelta("Half")], ProviderError("The model fell silent.")])
    async with serving(Agent(model)) as served:
        status, _, body = await served.post(STREAM)
    assert status == 200
    assert events(body)[-1]["error"]["message"] == "The model fell silent."
    assert "[DONE]" not in body
    assert '"finish_reason":"' not in body


async def test_the_status_waits_no_longer_than_the_hold() -> None:
    late = asyncio.Event()
    model = Scripted([late, ProviderError("Too late.")])
    async with (
        serving(Agent(model), first_byte_hold=0.05) as served,
        served.client.post(served.url + CHAT, json=STREAM) as response,
    ):
        assert response.status == 200
        await until(response.content, b"starting_generation")
        late.set()
        assert b'{"error":' in await until(response.content, b"Too late.")


class Lever(Box):
    """A tool that may be called once."""

    async def tools(self, context: RunContext) -> list[ToolSpec]:
        return [ToolSpec("echo", effect="once")]


async def test_a_failure_after_a_tool_acted_on_the_world_must_not_be_retried() -> None:
    model = Scripted(calls(("echo", "{}")), [ProviderError("Gone.")])
    async with serving(Agent(model, [Lever(echo=echo)])) as served:
        status, headers, _ = await served.post(ASK)
    assert (status, headers["x-should-retry"]) == (502, "false")


async def test_silence_is_filled_with_heartbeats() -> None:
    tool_may_end = asyncio.Event()

    async def slow(call: ToolCall, context: RunContext) -> ToolOutput:
        await tool_may_end.wait()
        return ToolOutput("at last")

    model = Scripted(calls(("slow", "{}")), says("done"))
    async with (
        serving(Agent(model, [Box(slow=slow)]), heartbeat=0.05) as served,
        served.client.post(served.url + CHAT, json=STREAM) as response,
    ):
        for _ in range(3):
            await until(response.content, b'"delta":{},"finish_reason":null}]}\n\n')
        tool_may_end.set()
        assert text((await until(response.content, b"[DONE]")).decode()) == "done"


async def test_a_client_that_leaves_in_mid_tool_ends_the_run_at_once() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def endless(call: ToolCall, context: RunContext) -> ToolOutput:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ToolOutput("never")

    agent = Agent(Scripted(calls(("endless", "{}"))), [Box(endless=endless)])
    async with serving(agent) as served:
        response = await served.client.post(served.url + CHAT, json=STREAM)
        await asyncio.wait_for(started.wait(), 10)
        left = time.monotonic()
        response.close()
        await asyncio.wait_for(cancelled.wait(), 10)
        assert time.monotonic() - left < 0.2


@pytest.mark.parametrize("body", [STREAM, ASK])
async def test_a_client_that_leaves_closes_the_model_call(body: dict[str, object]) -> None:
    model = Scripted([[TextDelta("Hel")], asyncio.Event()])
    async with serving(Agent(model)) as served:
        asking = asyncio.create_task(served.post(body))
        await eventually(lambda: model.open == 1)
        asking.cancel()
        await eventually(lambda: model.open == 0)
        await eventually(lambda: not served.server.state.runs.live)


class Fountain:
    """A model that never ends. Counts what was taken from it."""

    name = "fountain"

    def __init__(self) -> None:
        self.taken = 0

    def stream(self, request: object) -> Fountain:
        return self

    async def __aenter__(self) -> Fountain:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def __aiter__(self) -> Fountain:
        return self

    async def __anext__(self) -> list[ModelEvent]:
        await asyncio.sleep(0)
        self.taken += 1
        return [TextDelta("x" * 10_000)]


async def test_a_slow_reader_slows_the_model() -> None:
    model = Fountain()
    async with serving(Agent(model, max_answer=None)) as served:
        reader, writer = await raw_post(served.url, STREAM, receive_buffer=4096)
        await reader.readline()
        await stands_still(lambda: model.taken)
        assert model.taken * 10_000 < 20_000_000
        before = model.taken
        await reader.readexactly(before * 10_000)
        await eventually(lambda: model.taken > before)
        writer.close()
        await eventually(lambda: not served.server.state.runs.live)


async def test_a_client_that_stops_reading_for_good_is_left() -> None:
    async with serving(Agent(Fountain(), max_answer=None), send_timeout=0.2, heartbeat=0.1) as served:
        reader, writer = await raw_post(served.url, STREAM, receive_buffer=4096)
        await reader.readline()
        await eventually(lambda: not served.server.state.runs.live)
        writer.close()


async def stands_still(count: Callable[[], int]) -> None:
    last = -1
    async with asyncio.timeout(20):
        while count() != last:
            last = count()
            await asyncio.sleep(0.3)


async def raw_post(url: str, body: object, receive_buffer: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=receive_buffer)
    data = json.dumps(body).encode()
    writer.write(b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (CHAT.encode(), len(data)) + data)
    await writer.drain()
    return reader, writer


async def test_two_users_at_once_get_their_own_answers() -> None:
    class Mirror(Scripted):
        """Says what it was asked."""

        def __init__(self) -> None:
            super().__init__()

        def stream(self, request: object) -> object:  # type: ignore[override]  # a stream all the same
            return Scripted(says(request.messages[-1].content)).stream(request)  # type: ignore[attr-defined, arg-type]

    async with serving(Agent(Mirror())) as served:  # type: ignore[arg-type]  # see above
        asked = [{**STREAM, "messages": [{"role": "user", "content": f"secret {n}"}]} for n in range(50)]
        answers = await asyncio.gather(*(served.post(body) for body in asked))
    assert [text(body) for _, _, body in answers] == [f"secret {n}" for n in range(50)]
    assert len({headers["x-request-id"] for _, headers, _ in answers}) == 50


async def test_of_a_hundred_streams_those_that_leave_disturb_nobody() -> None:
    go_on = asyncio.Event()
    model = Scripted([[TextDelta("first")], go_on, [TextDelta(" last"), Finish("stop")]])

    async def ask(served: Served, leaves: bool) -> str:
        async with served.client.post(served.url + CHAT, json=STREAM) as response:
            seen = await until(response.content, b"first")
            if leaves:
                response.close()
                return ""
            return text((seen + await response.content.read()).decode())

    async with serving(Agent(model)) as served:
        asking = [asyncio.create_task(ask(served, leaves=bool(n % 2))) for n in range(100)]
        await eventually(lambda: sum(task.done() for task in asking) == 50)
        await eventually(lambda: model.open == len(served.server.state.runs.live) == 50)
        go_on.set()
        answers = await asyncio.gather(*asking)
        await eventually(lambda: model.open == len(served.server.state.runs.live) == 0)
    assert answers == ["first last", ""] * 50


async def test_ten_thousand_messages_are_answered() -> None:
    many = [{"role": role, "content": "x" * 100} for role in ("user", "assistant") * 5000]
    async with serving(Agent(Scripted(says("read")))) as served:
        _, _, body = await served.post({"messages": many})
    assert body["choices"][0]["message"]["content"] == "read"


async def test_a_megabyte_goes_through_both_ways() -> None:
    long = "é😀" * 250_000
    async with serving(Agent(Scripted(says(long)))) as served:
        _, _, body = await served.post({**STREAM, "messages": [{"role": "user", "content": long}]})
    assert text(body) == long


async def test_the_connection_serves_the_next_request() -> None:
    async with serving(Agent(Scripted(says("hello")))) as served:
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector) as client:
            for _ in range(3):
                async with client.post(served.url + CHAT, json=STREAM) as response:
                    assert text(await response.text()) == "hello"


async def test_the_log_has_one_line_for_a_run_and_nothing_that_was_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="turnstream.runs.supervisor")
    async with serving(Agent(Scripted(says("hello")), name="helper")) as served:
        _, headers, _ = await served.post(STREAM)
    [record] = [record for record in caplog.records if record.name == "turnstream.runs.supervisor"]
    line = record.getMessage()
    assert line.startswith(f"run {headers['x-run-id']} of helper finished (stop), steps: 1, 10 + 5 tokens, ")
    assert "hello" not in line


async def test_the_application_streams_in_process_too() -> None:
    go_on = asyncio.Event()
    model = Scripted([[TextDelta("first")], go_on, [TextDelta(" last"), Finish("stop")]])
    service = Service({"agent": Agent(model)})
    async with (
        streaming_client(app(service)) as client,
        client.post(CHAT, json=STREAM) as response,
    ):
        assert response.status == 200
        seen = b""
        async for piece in response:
            seen += piece
            if b"first" in seen:
                go_on.set()
    assert text(seen.decode()) == "first last"


@pytest.mark.parametrize("body", [STREAM, ASK])
async def test_a_request_that_a_model_refuses_is_the_clients_fault_by_type_and_param(body: dict[str, object]) -> None:
    error = RequestError("No such sound.", param="messages[0].content[1]", code="unsupported_content")
    async with serving(Agent(Scripted([error]))) as served:
        status, headers, answer = await served.post(body)
    assert (status, headers["x-should-retry"]) == (400, "false")
    assert answer["error"] == {
        "message": "No such sound.",
        "type": "invalid_request_error",
        "param": "messages[0].content[1]",
        "code": "unsupported_content",
    }
