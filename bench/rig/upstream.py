"""A mock of a vendor's endpoint: streams chat-completion chunks of one token, each as an HTTP chunk of its own.

A burst is written as fast as the connections take it, a few tokens a turn. A paced answer sends one token per tick. A
tool plan answers first with one streamed call, and when the tool's result comes back, with a burst. Run it with
``python -m bench.rig.upstream``; its first line says the port.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import httptools
import msgspec
import orjson
import uvloop

from bench.rig.plan import TOOL, Plan, decode, now, token, tool_answer
from bench.rig.process import announce, until_terminated

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
PREFIX = (
    b'data: {"id":"chatcmpl-CkqLp2ZTgYv5ZcQ1XyEoWcVbNf3Ud","object":"chat.completion.chunk","created":1763800000,'
    b'"model":"bench","service_tier":"default","system_fingerprint":"fp_44709d6fcb",'
)
BURST = 16  # tokens that a burst writes before the other connections have their turn
END = b"0\r\n\r\n"


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return chunk(PREFIX + b'"choices":[' + orjson.dumps(choice) + b"]}\n\n")


def token_event(text: str) -> bytes:
    """The same as ``event({"content": text})``, written without an encoder: tokens of a plan need no escapes."""
    choice = b'"choices":[{"index":0,"delta":{"content":"%b"},"logprobs":null,"finish_reason":null}]}\n\n'
    return chunk(PREFIX + choice % text.encode())


def usage(tokens: int) -> bytes:
    counts = b'"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":%d,"total_tokens":%d}}\n\n'
    return chunk(PREFIX + counts % (tokens, tokens + 20))


def ending(finish: str, tokens: int, asked_for_usage: bool) -> bytes:
    counts = usage(tokens) if asked_for_usage else b""
    return event({}, finish) + counts + chunk(b"data: [DONE]\n\n") + END


ROLE = event({"role": "assistant", "content": "", "refusal": None})


def tool_call(plan: Plan) -> bytes:
    """One call, its arguments in pieces of three characters."""
    arguments = orjson.dumps({"key": plan.stream}).decode()
    function = {"name": TOOL, "arguments": ""}
    start = {"tool_calls": [{"index": 0, "id": f"call_{plan.stream}", "type": "function", "function": function}]}
    pieces = [arguments[at : at + 3] for at in range(0, len(arguments), 3)]
    deltas = ({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces)
    return event(start) + b"".join(event(delta) for delta in deltas)


class Connection(asyncio.Protocol):
    """One keep-alive connection of a server under test."""

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.body = bytearray()
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.parser = httptools.HttpRequestParser(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        request, self.body = orjson.loads(self.body), bytearray()
        try:
            self.answer(request)
        except (ValueError, LookupError, TypeError, msgspec.MsgspecError) as error:
            body = orjson.dumps({"error": {"message": repr(error), "type": "invalid_request_error"}})
            head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            self.transport.write(head % len(body) + body)

    def answer(self, request: dict[str, Any]) -> None:
        messages = request["messages"]
        plan = decode(text_of([message for message in messages if message["role"] == "user"][-1]))
        end = partial(ending, asked_for_usage=(request.get("stream_options") or {}).get("include_usage", False))
        if plan.mode == "tool":
            if messages[-1]["role"] != "tool":
                self.transport.write(HEAD + ROLE + tool_call(plan) + end("tool_calls", 20))
                return
            if text_of(messages[-1]) != tool_answer(plan.stream):
                raise ValueError(f"not the tool's answer: {messages[-1]}")
        if plan.mode == "paced":
            self.transport.write(HEAD + ROLE)
            self.tick(plan, 0, self.loop.time(), end("stop", plan.tokens))
            return
        self.transport.write(HEAD + ROLE)
        self.burst(plan, 0, end("stop", plan.tokens))

    def burst(self, plan: Plan, start: int, end: bytes) -> None:
        """Write some tokens, let the other connections have their turn, and go on."""
        sent, stop = now(), min(start + BURST, plan.tokens)
        tokens = b"".join([token_event(token(plan.stream, index, sent)) for index in range(start, stop)])
        if stop == plan.tokens:
            self.transport.write(tokens + end)
        else:
            self.transport.write(tokens)
            self.loop.call_soon(self.burst, plan, stop, end)

    def tick(self, plan: Plan, index: int, start: float, end: bytes) -> None:
        """Send one token; the next comes at its own time, however late this one was."""
        self.transport.write(token_event(token(plan.stream, index, now())))
        if index + 1 == plan.tokens:
            self.transport.write(end)
            return
        due = start + (index + 1) / plan.rate
        self.timer = self.loop.call_at(due, self.tick, plan, index + 1, start, end)


def text_of(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


async def main() -> None:
    loop = asyncio.get_running_loop()
    protocol: Callable[[], Connection] = partial(Connection, loop)
    server = await loop.create_server(protocol, "127.0.0.1", 0, backlog=2048)
    announce(server.sockets[0].getsockname()[1])
    await until_terminated()


if __name__ == "__main__":
    uvloop.run(main())
