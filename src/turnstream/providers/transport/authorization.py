"""Tokens that are exchanged for credentials, and signatures: what a provider's request needs before it is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias, cast
from weakref import WeakKeyDictionary

import msgspec

from turnstream import requests
from turnstream.providers import base

Fetch: TypeAlias = Callable[[base.HttpRequest], Awaitable[base.HttpResponse]]
Start: TypeAlias = Callable[[base.Settings, float], base.TokenExchange | None]


class Authorization:
    """Of one model. Its token is shared by all calls; while it is renewed they wait for one exchange."""

    def __init__(self, provider: base.Provider, settings: base.Settings) -> None:
        self._provider = provider
        self._settings = settings
        self._token: base.Token | None = None
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
        self._sign = None if provider.signer is None else provider.signer(settings)
        self.is_needed = provider.exchange is not None or self._sign is not None

    @property
    def secrets(self) -> list[str]:
        return [self._token.value] if self._token is not None else []

    async def apply(self, asked: requests.ModelRequest, request: base.HttpRequest, fetch: Fetch) -> base.HttpRequest:
        """``request``, which was made of ``asked`` without a token, ready to be sent.

        Raises `ProviderError` for a refused exchange, `ConfigurationError` for credentials that are missing.
        """
        if self._provider.exchange is not None and (token := await self._current(self._provider.exchange, fetch)):
            request = self._provider.request(msgspec.structs.replace(self._settings, api_key=token.value), asked)
        if self._sign is not None:
            request = await asyncio.to_thread(self._sign, request)
        return request

    def expire(self) -> bool:
        """Forget a token that the vendor no longer takes; False if there was none."""
        had, self._token = self._token is not None, None
        return had

    async def _current(self, start: Start, fetch: Fetch) -> base.Token | None:
        if self._token is not None and time.time() < self._token.expires_at:
            return self._token
        lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with lock:
            now = time.time()
            if self._token is None or now >= self._token.expires_at:
                exchange = start(self._settings, now)
                self._token = None if exchange is None else await _drive(exchange, fetch)
            return self._token


async def _drive(exchange: base.TokenExchange, fetch: Fetch) -> base.Token:
    try:
        request = next(exchange)
        while True:
            request = exchange.send(await fetch(request))
    except StopIteration as done:
        return cast("base.Token", done.value)
    finally:
        exchange.close()
