"""Connections: one pool, one request, one response. What the response means is for whoever sent the request."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from turnstream import errors, resources
from turnstream.providers import base
from turnstream.providers.transport import plain_http

if TYPE_CHECKING:
    from typing import Self

    from turnstream.providers.transport import full_http

Response: TypeAlias = "full_http.Response | plain_http.Response"
Body: TypeAlias = "full_http.Body | plain_http.Body"

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_SHORT_BODY = 256 * 1024
_SHORT_BODY_SECONDS = 5.0
_KEEP_ALIVE_SECONDS = 30.0


def environment() -> Mapping[str, str]:
    return os.environ


class Client:
    """A pool of connections, for any number of models, and one for each event loop that uses it.

    Entered more than once in a loop, the last to leave closes that loop's pool.
    """

    def __init__(self) -> None:
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, resources.Shared[Pool]] = WeakKeyDictionary()

    def pool(self) -> resources.Shared[Pool]:
        """Of the running loop, to be entered."""
        loop = asyncio.get_running_loop()
        if (pool := self._pools.get(loop)) is None:
            pool = self._pools[loop] = resources.Shared(_open_pool)
        return pool

    async def __aenter__(self) -> Self:
        await self.pool().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.pool().__aexit__(kind, error, trace)

    def request(self, request: base.HttpRequest, timeouts: base.Timeouts) -> Awaitable[Response]:
        """See `Pool.request`. Only to be used while entered."""
        return self.pool().resource.request(request, timeouts)


class Pool:
    """Of one event loop: plain connections for nearly all requests, and full ones for the others."""

    __slots__ = ("_full", "_plain", "_proxied", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._proxied = any(name in os.environ for name in _PROXIES)
        self._plain = plain_http.Pool(_KEEP_ALIVE_SECONDS)
        self._full: full_http.Pool | None = None

    def request(self, request: base.HttpRequest, timeouts: base.Timeouts) -> Awaitable[Response]:
        """The response, its body still to be read. Raises `OSError`, `TimeoutError` where it has not begun within
        ``first_token`` seconds, and `ValueError` for what cannot be sent."""
        proxy = _proxy(request.url) if self._proxied else None
        if proxy is None and plain_http.plain(request.url):
            return self._plain.request(request, timeouts)
        return self._request_fully(request, timeouts, proxy)

    async def _request_fully(
        self, request: base.HttpRequest, timeouts: base.Timeouts, proxy: str | None
    ) -> full_http.Response:
        if self._full is None:
            from turnstream.providers.transport import full_http

            self._full = full_http.Pool(_KEEP_ALIVE_SECONDS)
        async with asyncio.timeout(timeouts.first_token):
            return await self._full.request(request, timeouts.connect, proxy)

    async def close(self) -> None:
        self._plain.close()
        if self._full is not None:
            await self._full.close()


async def _open_pool(stack: AsyncExitStack) -> Pool:
    pool = Pool()
    stack.push_async_callback(pool.close)
    return pool


SHARED = Client()
"""The process's own. It holds connections and nothing of any run."""


async def send(pool: Pool, request: base.HttpRequest, timeouts: base.Timeouts) -> Response:
    """The response, its body still to be read. Raises `ProviderError` if there is none."""
    try:
        return await pool.request(request, timeouts)
    except TimeoutError as error:
        raise silence_error(timeouts.first_token) from error
    except ValueError as error:
        raise errors.ProviderError("The address of the model's vendor is not valid.", detail=str(error)) from error
    except plain_http.NotHttpError as error:
        raise errors.ProtocolError(
            "The model's vendor answered with something that is not a valid HTTP response.", detail=str(error)
        ) from error
    except OSError as error:
        raise _unreachable_error(str(error) or type(error).__name__) from error


async def short_body(response: Response) -> bytes:
    """As much of a small body as comes in time, and then no more: the connection is closed."""
    body = bytearray()
    try:
        async with asyncio.timeout(_SHORT_BODY_SECONDS):
            while len(body) < _SHORT_BODY and (piece := await response.content.readany()):
                body += piece
    except OSError:
        pass  # the status must do
    finally:
        response.close()
    return bytes(body[:_SHORT_BODY])


def _proxy(url: str) -> str | None:
    """The environment's proxy for this address."""
    from urllib.request import getproxies, proxy_bypass  # it loads an HTTP client and the e-mail of its headers

    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def _unreachable_error(detail: str) -> errors.ProviderError:
    return errors.ProviderError(
        "The model's vendor cannot be reached.", code="provider_unreachable", detail=detail, retryable=True
    )


def silence_error(seconds: float) -> errors.ProviderError:
    message = f"The model's vendor sent nothing for {seconds:g} seconds."
    return errors.ProviderError(message, code="provider_timeout", status=504, detail=message)
