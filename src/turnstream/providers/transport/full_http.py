"""HTTP through aiohttp, for what `plain_http` does not take: proxies, addresses that need quoting.

The surface is `plain_http`'s, and so are the failures: `OSError`, ``ValueError`` for an invalid address. Nearly no
process needs it, so it is imported when it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import aiohttp
from yarl import URL

from turnstream import timers
from turnstream.providers import base
from turnstream.providers.transport import plain_http

T = TypeVar("T")


class Body:
    """See `plain_http.Body`."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    async def readany(self) -> bytes:
        return await _with_plain_failures(self._content.readany())

    def watch(self, callback: Callable[[], object]) -> timers.Timer:
        self._timer = timers.Timer(asyncio.get_running_loop(), callback)
        return self._timer

    def unwatch(self) -> None:
        self._timer.cancel()

    def at_eof(self) -> bool:
        return self._content.at_eof()

    def set_exception(self, error: BaseException) -> None:
        self._content.set_exception(error)


class Response:
    """See `plain_http.Response`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.content = Body(response.content)

    def forget_headers(self) -> None:
        pass  # the library keeps them anyway

    def release(self) -> None:
        self._response.release()

    def close(self) -> None:
        self._response.close()


class Pool:
    def __init__(self, keep_alive: float) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, keepalive_timeout=keep_alive),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            # Not trust_env: it also reads ~/.netrc, in a thread for each request, and lets it override the key.
            trust_env=False,
            headers={"user-agent": "turnstream"},
        )

    async def request(self, request: base.HttpRequest, connect_timeout: float, proxy: str | None) -> Response:
        asked = self._session.request(
            request.method,
            URL(request.url, encoded="%" in request.url),  # an escape must arrive as it was signed
            data=request.body,
            headers=request.headers,
            proxy=proxy,
            allow_redirects=False,  # a redirect would take the key along, or turn the POST into a GET
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_timeout),
        )
        try:
            return Response(await _with_plain_failures(asked))
        except aiohttp.ServerTimeoutError as error:
            raise ConnectionError(f"no connection within {connect_timeout:g} seconds") from error

    async def close(self) -> None:
        await self._session.close()


async def _with_plain_failures(awaitable: Awaitable[T]) -> T:
    try:
        return await awaitable
    except (aiohttp.ServerTimeoutError, aiohttp.InvalidURL, OSError):
        raise
    except aiohttp.ClientResponseError as error:
        raise plain_http.NotHttpError(str(error)) from error
    except (aiohttp.ClientError, asyncio.IncompleteReadError) as error:
        raise ConnectionError(str(error) or type(error).__name__) from error
