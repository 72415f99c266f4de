"""What a server behind HTTP answers, made such that the SDK takes it as it was meant."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from turnstream.tools.mcp import wire

if TYPE_CHECKING:
    import httpx2

_LARGEST = 64 * 1024 * 1024
_ENCODED = ("content-encoding", "content-length", "transfer-encoding")

Heard = Callable[[wire.Message], None]


async def repair(request: httpx2.Request, response: httpx2.Response, heard: Heard) -> httpx2.Response:
    """The response with messages that can be parsed, of which ``heard`` is told each answer. The answer to a request is
    made one: a server that gives another id, or none, means the request that it answers."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status_code == 202 or response.is_redirect:
        return response
    if kind == "text/event-stream" and response.status_code < 400:
        return _with_stream(request, response, heard)
    id = _id_of(request)
    if request.method != "POST" or id is None or not _may_be_json(kind, response):
        return response
    body = await response.aread()
    messages = wire.read(body.decode("utf-8", "replace"))
    message = wire.answer(messages, id)
    if message is None:
        if response.status_code >= 400 or not kind.endswith("json"):
            return response
        message = wire.failure(id, wire.NOT_JSON)
    else:
        heard(next((one for one in messages if wire.is_answer(one)), message))
    return _response(request, response, {"content-type": "application/json"}, content=wire.encode(message))


async def says_session_is_unknown(request: httpx2.Request, response: httpx2.Response) -> bool:
    """The specification wants 404; many servers answer 400 or 410, and say so in words. An error of JSON-RPC that names
    our request is an answer, unless its whole message says it."""
    status = response.status_code
    if status not in (400, 404, 410):
        return False
    text = (await response.aread())[:10_000].decode("utf-8", "replace")
    messages = wire.read(text)
    if any(wire.says_session_is_unknown(message, status=status) for message in messages):
        return True
    if any(isinstance(message.get("error"), dict) and message["error"]["message"] for message in messages):
        return False
    return status != 400 or wire.text_says_session_is_unknown(_text_of(text))


def _text_of(text: str) -> str:
    """The words in a body: of JSON, those of the member that has the message."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict):
        value = next((value[key] for key in ("error", "message", "detail", "title") if key in value), "")
        value = value.get("message", "") if isinstance(value, dict) else value
    return value if isinstance(value, str) else ""


def _id_of(request: httpx2.Request) -> Any:
    """Of the request in it; None for a notification or an answer."""
    try:
        message = json.loads(request.content)
    except ValueError:
        return None
    return message.get("id") if isinstance(message, dict) and "method" in message else None


def _may_be_json(kind: str, response: httpx2.Response) -> bool:
    length = response.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length) > _LARGEST:
        return False
    return kind.endswith("json") or kind in ("", "text/plain")


def _response(
    request: httpx2.Request, response: httpx2.Response, headers: dict[str, str], **content: Any
) -> httpx2.Response:
    import httpx2

    kept = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in _ENCODED]
    kept = [(name, value) for name, value in kept if name.lower() not in headers]
    return httpx2.Response(response.status_code, headers=[*kept, *headers.items()], request=request, **content)


def _with_stream(request: httpx2.Request, response: httpx2.Response, heard: Heard) -> httpx2.Response:
    import httpx2

    class Stream(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            events = wire.Events()
            async for piece in response.aiter_bytes():
                made = events.feed(piece)
                for message in events.messages:
                    if wire.is_answer(message):
                        heard(message)
                if made:
                    yield made
            if rest := events.close():
                yield rest

        async def aclose(self) -> None:
            await response.aclose()

    return _response(request, response, {}, stream=Stream())
