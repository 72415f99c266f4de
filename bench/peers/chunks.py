"""What the peers' servers have in common: chunks of chat completions, and a bare ASGI application that streams them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from bench.rig.serve import App, Message, Receive, Send, serve

_CONSTANT = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1763800000, "model": "bench"}


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({**_CONSTANT, "choices": [choice]}).encode() + b"\n\n"


def application(answer: Callable[[str], AsyncIterator[str]]) -> App:
    """Of a function that gives the texts of an answer to what the user said."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        asked = json.loads(body)["messages"][-1]["content"]
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def write(data: bytes, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": more})

        await write(chunk({"role": "assistant", "content": ""}))
        async for text in answer(asked):
            await write(chunk({"content": text}))
        await write(chunk({}, "stop") + b"data: [DONE]\n\n")
        await write(b"", more=False)

    return app


def run(answer: Callable[[str], AsyncIterator[str]]) -> None:
    serve(application(answer))
