"""The tries that one answer may take: until a response has begun, and again while it has said nothing."""

from __future__ import annotations

import asyncio
import random
import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from turnstream import errors, http_semantics, requests, tracing
from turnstream.providers import base
from turnstream.providers.decode import failures
from turnstream.providers.transport import answers, connections, retries
from turnstream.providers.transport.watchdog import Watchdog

if TYPE_CHECKING:
    from turnstream.providers.transport.http import HttpModel


_NO_SUCH_ADDRESS = (404, 405, 501)


class Attempts:
    """Of one answer. A token that the vendor refuses before its time is renewed, once. No try is waited for that would
    come when the run's time is over."""

    __slots__ = ("_asked", "_context", "_elsewhere", "_failed", "_model", "_renewed", "_request")

    def __init__(
        self, model: HttpModel, asked: requests.ModelRequest, request: base.HttpRequest, context: requests.RunContext
    ) -> None:
        self._context = context
        self._request = request
        self._model = model
        self._asked = asked
        self._failed = 0
        self._renewed = False
        self._elsewhere = False

    async def open(self, pool: connections.Pool) -> answers.Answer | answers.Slip:
        """The answer of the first try that was not refused. Raises what the last try met."""
        model, loop = self._model, pool.loop
        while True:
            started = loop.time()
            try:
                request = self._request
                if model.authorization.is_needed:
                    request = await model.authorization.apply(self._asked, request, partial(_fetch, model, pool))
                    if self._elsewhere and request.otherwise is not None:  # it was made anew, with a token
                        request = request.otherwise
                response = await _send(model, pool, request)
                decoder = request.decoder or model.provider.decoder
                return answers.Answer(response, decoder(), Watchdog(response.content, model.timeouts, loop, started))
            except failures.MalformedCallError as slip:
                return answers.Slip(slip)
            except errors.ProviderError as error:
                if error.provider_status == 401 and not self._renewed and model.authorization.expire():
                    self._renewed = True
                elif error.provider_status in _NO_SUCH_ADDRESS and not self._elsewhere and self._request.otherwise:
                    self._elsewhere, self._request = True, self._request.otherwise
                    model.tell(self._request.notes)
                elif not await self.wait(error):
                    raise

    async def wait(self, error: errors.ProviderError) -> bool:
        """Whether to try again after that failure; then it has been waited for long enough."""
        seconds = None
        if error.retryable and self._failed < self._model.max_retries:
            seconds = retries.wait(self._failed, error.retry_after, random.random())
            if seconds is not None and not self._context.may_wait(seconds):
                seconds = None
        tracing.tell_failure(self._model.name, error.code, seconds is not None)
        if seconds is None:
            return False
        self._failed += 1
        await asyncio.sleep(seconds)
        return True


async def _send(model: HttpModel, pool: connections.Pool, request: base.HttpRequest) -> connections.Response:
    if trace := tracing.headers():
        request = msgspec.structs.replace(request, headers={**request.headers, **trace})
    response = await connections.send(pool, request, model.timeouts)
    if response.status < 300:
        response.forget_headers()  # they say nothing more, and an answer lives long
        return response
    error = model.provider.error(response.status, await connections.short_body(response))
    error.provider_status = response.status
    if (asked := http_semantics.retry_after(response.headers, time.time())) is not None:
        error.retry_after = asked  # the header's word counts more than the body's
    if location := response.headers.get("location"):
        error.detail = f"redirected to {location}; {error.detail}"
    raise error


async def _fetch(model: HttpModel, pool: connections.Pool, request: base.HttpRequest) -> base.HttpResponse:
    """A whole response, whatever its status: for the exchange of a token."""
    response = await connections.send(pool, request, model.timeouts)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return base.HttpResponse(response.status, headers, await connections.short_body(response))
