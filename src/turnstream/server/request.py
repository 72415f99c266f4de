"""From an HTTP request to a dialect's `ClientRequest`, within limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from turnstream import errors, messages, requests
from turnstream.dialects import base
from turnstream.providers.transport import inflate
from turnstream.server import budget, direct, proxies, scopes
from turnstream.service import ServerSettings

MOST_ITEMS = 20_000  # messages, parts of them, and tools
_LONGEST_PREFER = 1000  # bytes
BODY_TIMEOUT = 60.0  # seconds for the whole body to arrive


class Reader(NamedTuple):
    """Reads one request. ``share`` is what its body may take of the bytes for all."""

    scope: Scope
    receive: Receive
    settings: ServerSettings
    share: budget.Share

    async def read(
        self,
        run_id: str,
        principal: requests.Principal,
        path_params: Mapping[str, str],
        agents: Mapping[str, str],
        can_keep: bool = False,
        stores: bool = True,
        began: float = 0.0,
    ) -> base.ClientRequest:
        """``run_id`` is that of the run that it may ask for. The body of a GET is not read.

        Raises `RequestError` for a body that cannot be inflated, is too large or too slow, `ServerBusyError` where the
        server has no room for it.
        """
        fields, method = scopes.headers(self.scope), self.scope["method"]
        is_get = method == "GET"
        body = b"" if is_get else self._take(fields)
        if body is None:
            body = await self._body(fields)
        return base.ClientRequest(
            body=body,
            id=run_id,
            request_id=scopes.request_id(self.scope),
            principal=principal,
            time=time.time(),
            headers=fields,
            path_params=path_params,
            query=dict(QueryParams(self.scope["query_string"])) if self.scope["query_string"] else {},
            statuses=self.settings.statuses,
            method=method,
            agents=agents,
            base_url=proxies.base_url(self.scope, self.settings) if is_get else "",
            path=self.scope["path"],
            secured=self.settings.asks_who,
            can_keep=can_keep,
            began=began,
            stores=stores,
        )

    async def body(self) -> bytes:
        """Of a request that is for no dialect. Raises as `read` does."""
        fields = scopes.headers(self.scope)
        body = self._take(fields)
        return await self._body(fields) if body is None else body

    def _take(self, fields: Mapping[str, str]) -> bytes | None:
        """The body, as it came, if it is there already. Raises as `read` does."""
        body = None if "content-encoding" in fields else direct.take_body(self.receive)
        if body is not None:
            if len(body) > self.settings.max_body:
                raise _too_large(self.settings.max_body)
            self.share.grow(len(body))
        return body

    async def _body(self, fields: Mapping[str, str]) -> bytes:
        limit = self.settings.max_body
        coding = fields.get("content-encoding", "").strip().lower()
        if coding and coding != "identity" and coding not in inflate.CODINGS:
            raise _unsupported_coding(f"is compressed ({coding[:20]!r}): send it as it is, or by gzip or deflate.")
        announced = fields.get("content-length", "")
        if announced.isdecimal() and int(announced[:19]) > limit:
            raise _too_large(limit)
        if coding in inflate.CODINGS:
            return await self._in_time(self._inflated(limit, coding))
        return await self._in_time(self._pieces(limit))

    async def _in_time(self, reading: Coroutine[None, None, bytes]) -> bytes:
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                return await reading
        except TimeoutError:
            text = f"The request body did not arrive within {BODY_TIMEOUT:g} seconds."
            raise errors.RequestError(text, code="request_timeout", status=408) from None

    async def _inflated(self, limit: int, coding: str) -> bytes:
        """A compressed body, which is as large as what it becomes: it is never inflated beyond ``limit``."""
        inflater = inflate.Inflater(coding, most=limit + 1)

        def plain(piece: bytes) -> bytes:
            try:
                piece = inflater.feed(piece)
            except inflate.TooLargeError:
                raise _too_large(limit) from None
            except OSError:
                raise _unsupported_coding("is not what its content-encoding says.") from None
            inflater.most -= len(piece)
            return piece

        body = await self._pieces(limit, plain)
        if not inflater.whole:
            raise _unsupported_coding("is not what its content-encoding says: it has no end.")
        return body

    async def _pieces(self, limit: int, plain: Callable[[bytes], bytes] | None = None) -> bytes:
        pieces: list[bytes] = []
        size, more = 0, True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            piece, more = message.get("body", b""), message.get("more_body", False)
            if plain is not None:
                piece = plain(piece)
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            self.share.grow(size)
            pieces.append(piece)
        return b"".join(pieces)


def replay(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body, which was read already, and then what comes."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again


def trace(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of W3C Trace Context, as they came."""
    return {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}


def check_size(wanted: requests.RunRequest) -> None:
    """Raises `RequestError` for more messages, parts of them, and tools than a model takes: what a run does with each
    of them it does while others wait."""
    count = len(wanted.tools) + len(wanted.messages)
    message: Any  # to ask for its type costs less than to match it
    for message in wanted.messages:
        if type(message) is messages.AssistantMessage:
            count += len(message.parts)
        elif type(message.content) is not str:
            count += len(message.content)
    if count > MOST_ITEMS:
        text = f"The request has {count} messages, parts of messages and tools: at most {MOST_ITEMS} are allowed."
        raise errors.RequestError(text, param="messages", code="too_many_messages", status=413)


def patience(scope: Scope) -> float | None:
    """The seconds that the client says it waits (``Prefer: wait=30``: RFC 7240, section 4.3), None if it does not."""
    if "prefer" not in scopes.headers(scope):
        return None
    for name, value in scope["headers"]:
        if name == b"prefer":
            for preference in value[:_LONGEST_PREFER].split(b","):
                word, _, seconds = preference.partition(b";")[0].partition(b"=")
                seconds = seconds.strip().strip(b'"')
                if word.strip().lower() == b"wait" and seconds.isdigit():
                    return float(seconds[:9]) or None
    return None


def _unsupported_coding(problem: str) -> errors.RequestError:
    return errors.RequestError(f"The request body {problem}", code="unsupported_content_encoding", status=415)


def _too_large(limit: int) -> errors.RequestError:
    text = f"The request body is larger than {limit} bytes."
    return errors.RequestError(text, code="request_too_large", status=413)
