"""Sockets, status codes, time-outs and retries: how a provider file reaches its vendor. The one file here with I/O."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from types import TracebackType
from typing import TYPE_CHECKING

from turnstream import errors, events, requests
from turnstream.providers import base, prices
from turnstream.providers.transport import authorization, connections, redaction, retries

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger(__name__)

_DRAIN_SECONDS = 0.1  # what the end of a body may take after its answer, so that the connection can be used again


class HttpModel:
    """A model behind HTTP, spoken to in the protocol of ``provider``.

    ``max_retries`` counts the tries after the first; there are none once the answer has begun. Proxies are taken from
    the environment (``https_proxy``, ``no_proxy``, …). Without a ``client`` the model uses the process's.
    """

    def __init__(
        self,
        name: str,
        provider: base.Provider,
        settings: base.Settings,
        *,
        client: connections.Client | None = None,
        timeouts: base.Timeouts | None = None,
        max_retries: int = 2,
        price: prices.Price | None = None,
    ) -> None:
        self.name = name
        self.provider = provider
        self.settings = settings
        self.client = client or connections.SHARED
        self.timeouts = timeouts or base.Timeouts()
        self.max_retries = max_retries
        self.price = price
        self.authorization = authorization.Authorization(provider, settings)
        self._noted: set[str] = set()

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.__aexit__(kind, error, trace)

    def stream(self, request: requests.ModelRequest, context: requests.RunContext | None = None) -> Stream:
        made = self.provider.request(self.settings, request)
        for note in set(made.notes) - self._noted:
            self._noted.add(note)
            log.warning("%s: %s", self.name, note)
        return Stream(self, request, made)

    def __repr__(self) -> str:
        return f"HttpModel({self.name!r})"


class Stream:
    """One answer, as `turnstream.protocols.ModelStream`: ``async with`` it, then iterate batches of events.

    Entering sends the request and returns when the answer has begun. Leaving gives the connection back to the pool if
    the answer was read to its end, and otherwise closes it at once.
    """

    def __init__(self, model: HttpModel, asked: requests.ModelRequest, request: base.HttpRequest) -> None:
        self._model = model
        self._asked = asked
        self._request = request
        self._decoder = model.provider.decoder()
        self._response: connections.Response | None = None
        self._watchdog: _Watchdog | None = None
        self._broken: errors.ProviderError | None = None
        self._state = "reading"  # then "closing", then "ended"

    async def __aenter__(self) -> Self:
        await self._model.client.__aenter__()
        try:
            self._response, started = await _open(self._model, self._asked, self._request)
            self._watchdog = _Watchdog(self._response.content, self._model.timeouts, started)
        except BaseException:
            await self._model.client.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._response is not None:
            if self._response.content.at_eof() and self._broken is None:
                self._response.release()
            else:
                self._response.close()
        await self._model.client.__aexit__(kind, error, trace)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[events.ModelEvent]:
        """The events of one read. Raises `ProviderError`."""
        if self._response is None or self._watchdog is None:
            raise RuntimeError("enter the stream before you iterate it")
        decoder, content, watchdog = self._decoder, self._response.content, self._watchdog
        price = self._model.price
        try:
            while self._state == "reading":
                decoder.feed(b"")  # raises the error that came in the same read as the last batch
                if decoder.done:
                    await _drain(content)
                    self._state = "ended"
                    break
                watchdog.waiting_since = watchdog.now()
                try:
                    piece = await content.readany()
                except (OSError, ValueError) as error:
                    self._broken = _cut_off_error(error)
                    piece = b""
                watchdog.waiting_since = 0.0
                if not piece:
                    self._state = "closing"
                elif batch := decoder.feed(piece):
                    if not watchdog.begun:
                        watchdog.begin()
                    return batch if price is None else prices.with_costs(price, batch)
            if batch := self._rest():
                return batch if price is None else prices.with_costs(price, batch)
        except errors.ProviderError as error:
            self._state = "ended"
            self._broken = error
            raise _label(error, self._model) from error.__cause__
        self._state = "ended"
        raise StopAsyncIteration

    def _rest(self) -> list[events.ModelEvent]:
        """What the decoder still had. A connection that broke is no error if the answer was complete by then."""
        if self._state == "ended":
            return []
        try:
            return self._decoder.close()
        except errors.ProviderError as error:
            raise (self._broken or error) from error


class _Watchdog:
    """One timer for a whole stream: a read costs it an attribute, not a timer.

    Until the first event the deadline stands; afterwards each read may take ``idle`` seconds, whatever it brings:
    comments and pings keep a stream alive. A slow reader is nobody's silence, so only time spent waiting counts.
    """

    __slots__ = ("_content", "_deadline", "_loop", "_timeouts", "_timer", "begun", "now", "waiting_since")

    def __init__(self, content: connections.Body, timeouts: base.Timeouts, started: float) -> None:
        self._content = content
        self._loop = asyncio.get_running_loop()
        self._timeouts = timeouts
        self.now = self._loop.time
        self.begun = False
        self.waiting_since = 0.0  # 0 while nobody waits
        self._deadline = started + timeouts.first_token
        self._timer = self._loop.call_at(self._deadline, self._check)

    def begin(self) -> None:
        """The first event has come."""
        self.begun = True
        self._timer.cancel()
        self._check()

    def _check(self) -> None:
        now = self.now()
        if self.begun:
            silence = self._timeouts.idle
            due = (self.waiting_since or now) + silence
        else:
            due, silence = self._deadline, self._timeouts.first_token
        if now < due:
            self._timer = self._loop.call_at(due, self._check)
        else:
            self._content.set_exception(connections.silence_error(silence))

    def stop(self) -> None:
        self._timer.cancel()


async def _drain(content: connections.Body) -> None:
    """Read what follows the answer, for a moment: a body that is at its end leaves its connection usable."""
    if content.at_eof():
        return
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while await content.readany():
                pass
    except (OSError, errors.ProviderError):
        pass  # then the connection is closed instead


async def _open(
    model: HttpModel, asked: requests.ModelRequest, request: base.HttpRequest
) -> tuple[connections.Response, float]:
    """The response of the first try that was not refused, and when that try began. Raises what the last try met.

    A token that the vendor refuses before its time is renewed, once.
    """
    attempt, renewed = 0, False
    while True:
        started = asyncio.get_running_loop().time()
        try:
            authorized = await model.authorization.apply(asked, request, lambda one: _fetch(model, one))
            return await _try(model, authorized), started
        except errors.ProviderError as error:
            if error.provider_status == 401 and not renewed and model.authorization.expire():
                renewed = True
                continue
            again = retries.wait(attempt, error.retry_after, random.random()) if error.retryable else None
            if attempt >= model.max_retries or again is None:
                raise _label(error, model) from error.__cause__
        attempt += 1
        await asyncio.sleep(again)


async def _try(model: HttpModel, request: base.HttpRequest) -> connections.Response:
    response = await connections.send(model.client, request, model.timeouts)
    if response.status < 300:
        return response
    error = model.provider.error(response.status, await connections.short_body(response))
    error.provider_status = response.status
    if error.retry_after is None:
        error.retry_after = retries.read_wait(response.headers, time.time())
    if location := response.headers.get("location"):
        error.detail = f"redirected to {location}; {error.detail}"
    raise error


async def _fetch(model: HttpModel, request: base.HttpRequest) -> base.HttpResponse:
    """A whole response, whatever its status: for the exchange of a token."""
    response = await connections.send(model.client, request, model.timeouts)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return base.HttpResponse(response.status, headers, await connections.short_body(response))


def _cut_off_error(error: BaseException) -> errors.ProviderError:
    failure = errors.ProviderError(
        "The connection to the model's vendor broke in the middle of the answer.",
        code="provider_connection_lost",
        detail=str(error) or type(error).__name__,
    )
    failure.__cause__ = error
    return failure


def _label(error: errors.ProviderError, model: HttpModel) -> errors.ProviderError:
    """Says which model it was, and keeps the key out of what the log will read."""
    if not error.provider or ":" not in error.provider:
        error.provider = model.name
    secrets = [*redaction.secrets(model.settings), *model.authorization.secrets]
    error.detail = redaction.without(secrets, error.detail)
    error.body = redaction.without(secrets, error.body)
    return error
