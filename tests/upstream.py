"""A stand-in for a vendor's chat completions endpoint, on loopback: it tells the scripts of `tests.scripts` as SSE.

A stand-in, because the vendor's service cannot be reached from a test. It is stricter than a replay: like the vendor it
refuses, with status 400, a conversation that breaks the rules (an unanswered tool call, an answer to none, a tool
without a schema), so that what reaches it is proved as well as what it says.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiohttp import web

from tests.scripts import Broken, Conversation, Refusal, Said, Script
from turnstream.events import Finish, ReasoningDelta, TextDelta, ToolCallDelta, ToolCallStart, UsageReport

HEAD = {"id": "chatcmpl-upstream", "object": "chat.completion.chunk", "created": 1760000000}


class Refused(Exception):
    """The request breaks a rule of the vendor; the text says which."""


class Upstream:
    """``requests`` are the bodies that came, in order, ``headers`` their headers; ``url`` is the base URL."""

    def __init__(self, scripts: Mapping[str, Script], key: str = "upstream-key") -> None:
        self.scripts = scripts
        self.key = key
        self.requests: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return error(401, "Incorrect API key provided.", "invalid_api_key")
        body = json.loads(await request.read())
        self.requests.append(body)
        self.headers.append(request.headers)
        try:
            said = self.scripts[body["model"]](conversation(body))
        except KeyError:
            return error(404, f"The model {body.get('model')!r} does not exist.", "model_not_found")
        except Refused as refused:
            return error(400, str(refused), None)
        if isinstance(said[0], Refusal):
            return error(403, "This key may not use that model.", "forbidden")
        if isinstance(said[0], Broken):
            return error(500, said[0].reason, None)
        response = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        for event in stream(said, body):
            await response.write(event)
        return response


@asynccontextmanager
async def serve(scripts: Mapping[str, Script]) -> AsyncIterator[Upstream]:
    """The endpoint, on a port that the system chooses."""
    upstream = Upstream(scripts)
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_post("/v1/chat/completions", upstream.answer)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        upstream.url = f"http://{host}:{port}/v1"
        yield upstream
    finally:
        await runner.cleanup()


@contextmanager
def serve_in_thread(scripts: Mapping[str, Script]) -> Iterator[Upstream]:
    """The same beside a program that has an event loop of its own, or none."""
    started: Future[Upstream] = Future()
    ended = threading.Event()

    async def run() -> None:
        async with serve(scripts) as upstream:
            started.set_result(upstream)
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        yield started.result(30)
    finally:
        ended.set()
        thread.join(10)


def error(status: int, message: str, code: str | None) -> web.Response:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return web.json_response({"error": {"message": message, "type": kind, "param": None, "code": code}}, status=status)


# ------------------------------------------------------------------------------------------------ what the vendor reads


def conversation(body: dict[str, Any]) -> Conversation:
    """What the scripts look at. Raises `Refused` for what the vendor would refuse."""
    if body.get("stream") is not True:
        raise Refused("This stand-in only streams.")
    results: list[str] = []
    open_calls: set[str] = set()
    for number, message in enumerate(body["messages"]):
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                raise Refused(f"messages[{number}] answers no tool call.")
            open_calls.remove(message["tool_call_id"])
            results.append(message["content"])
        elif open_calls:
            raise Refused(f"Before messages[{number}], tool calls are unanswered: {sorted(open_calls)}.")
        for call in message.get("tool_calls") or ():
            json.loads(call["function"]["arguments"])
            open_calls.add(call["id"])
    if open_calls:
        raise Refused(f"Tool calls are unanswered: {sorted(open_calls)}.")
    return Conversation(tuple(results), frozenset(tool_name(tool) for tool in body.get("tools") or ()), body)


def tool_name(tool: dict[str, Any]) -> str:
    function = tool["function"]
    if tool["type"] != "function" or function["parameters"]["type"] != "object":
        raise Refused(f"Not a tool with a schema: {tool}")
    return str(function["name"])


# ------------------------------------------------------------------------------------------------- what the vendor says


def stream(said: list[Said], body: dict[str, Any]) -> list[bytes]:
    """The events of one answer, as the vendor sends them: the role first, usage only when asked for, then the end."""
    usage_wanted = bool((body.get("stream_options") or {}).get("include_usage"))
    head: dict[str, Any] = HEAD | {"model": body["model"]}
    events = [chunk(head, {"role": "assistant", "content": ""})]
    usage: UsageReport | None = None
    for event in said:
        match event:
            case UsageReport():
                usage = event
            case Finish():
                events.append(chunk(head, {}, event.reason))
            case Broken():
                failure = {"message": event.reason, "type": "server_error", "param": None, "code": None}
                return [*events, data({"error": failure})]
            case _:
                events.append(chunk(head, delta(event)))
    if usage and usage_wanted:
        counts = {"prompt_tokens": usage.usage.input, "completion_tokens": usage.usage.output}
        events.append(data(head | {"choices": [], "usage": counts | {"total_tokens": usage.usage.total}}))
    return [*events, b"data: [DONE]\n\n"]


def delta(event: Said) -> dict[str, Any]:
    match event:
        case TextDelta(text):
            return {"content": text}
        case ReasoningDelta(text):
            return {"reasoning_content": text}
        case ToolCallStart():
            function = {"name": event.name, "arguments": ""}
            return {"tool_calls": [{"index": event.index, "id": event.id, "type": "function", "function": function}]}
        case ToolCallDelta():
            return {"tool_calls": [{"index": event.index, "function": {"arguments": event.arguments}}]}
        case _:
            raise NotImplementedError(event)


def chunk(head: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> bytes:
    return data(head | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})


def data(event: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"
