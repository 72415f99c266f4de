"""One response, read to its end."""

from __future__ import annotations

import asyncio

from turnstream import errors, events, protocols
from turnstream.providers import base
from turnstream.providers.decode import failures
from turnstream.providers.transport import connections, plain_http
from turnstream.providers.transport.watchdog import Watchdog

_DRAIN_SECONDS = 0.1  # what the end of a body may take after its answer, so that the connection can be used again


class Answer:
    """Gives the events of one read after the other. What the model did wrong itself is an event: it can try again."""

    __slots__ = ("_broken", "_decoder", "_failure", "_left", "_response", "_state", "_watchdog")

    def __init__(self, response: connections.Response, decoder: base.WireDecoder, watchdog: Watchdog) -> None:
        self._response = response
        self._decoder = decoder
        self._watchdog = watchdog
        self._broken: errors.ProviderError | None = None
        self._failure: errors.ProviderError | None = None
        self._left = False
        self._state = "reading"  # then "closing", then "ended"

    @property
    def blank(self) -> bool:
        return self._decoder.blank

    async def read(self) -> list[events.ModelEvent]:
        """[] at the end. Raises `ProviderError`."""
        try:
            if self._state == "reading" and (batch := await self._read_body()):
                return batch
            return self._rest()
        except errors.ProviderError as error:
            self._state = "ended"
            self._broken = error
            if isinstance(error, failures.MalformedCallError):
                return error.events
            raise

    async def relay(self, take: protocols.Take) -> list[events.ModelEvent]:
        """The first batch that ``take`` does not take; [] at the end. Raises `ProviderError`."""
        content = self._response.content
        while True:
            if self._state == "reading" and isinstance(content, plain_http.Body):
                offer = _Offer(self._decoder, self._watchdog, take)
                await offer.run(content)
                if offer.refused:
                    return offer.refused
            batch = await self.read()
            if not batch or not take(batch):
                return batch

    async def _read_body(self) -> list[events.ModelEvent]:
        decoder, content, watchdog = self._decoder, self._response.content, self._watchdog
        while True:
            if decoder.failed:
                decoder.feed(b"")  # raises the error that came in the same read as the last batch
            if decoder.done:
                await _drain(content)
                self._state = "ended"
                return []
            watchdog.waiting_since = watchdog.now()
            try:
                piece = await content.readany()
            except (OSError, ValueError) as error:
                self._broken, piece = _cut_off_error(error), b""
            except errors.ProviderError as silence:
                if not decoder.finished:
                    raise
                self._broken, piece = silence, b""  # all that is missing is the end of the body
            watchdog.waiting_since = 0.0
            if not piece:
                self._state = "closing"
                return []
            batch = decoder.feed(piece)
            if decoder.finished and not decoder.done:
                watchdog.finish(more=bool(batch))
            if batch:
                if not decoder.done:
                    watchdog.begin()
                return batch
            watchdog.last_read = watchdog.now()

    def _rest(self) -> list[events.ModelEvent]:
        """What the decoder still had. A connection that broke is not an error if the answer was complete by then."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._state == "ended":
            return []
        try:
            batch = self._decoder.close()
        except errors.ProviderError as error:
            raise (self._broken or error) from error
        if not batch:
            self._state = "ended"
        return batch

    def fail(self, failure: errors.ProviderError) -> None:
        """What the next read raises: it was met before, and is told after what came ahead of it."""
        self._failure = failure

    def leave(self) -> None:
        """Give the connection back if the answer was read to its end, else close it at once. Once is enough."""
        if self._left:
            return
        self._left = True
        self._watchdog.stop()
        if self._response.content.at_eof() and self._broken is None:
            self._response.release()
        else:
            self._response.close()


class _Offer:
    """Decodes pieces within the reads that bring them, as long as nothing comes that `Answer.read` must see to: a batch
    that is refused, an error, the end."""

    __slots__ = ("_decoder", "_fault", "_take", "_watchdog", "refused")

    def __init__(self, decoder: base.WireDecoder, watchdog: Watchdog, take: protocols.Take) -> None:
        self._decoder, self._watchdog, self._take = decoder, watchdog, take
        self._fault: Exception | None = None
        self.refused: list[events.ModelEvent] = []

    async def run(self, content: plain_http.Body) -> None:
        """Raises what is a fault of ours."""
        if self._decoder.done or self._decoder.failed:
            return
        watchdog = self._watchdog
        watchdog.waiting_since = watchdog.now()
        await content.relay(self._read)
        watchdog.waiting_since = 0.0
        if self._fault is not None:
            raise self._fault

    def _read(self, piece: bytes) -> bool:
        """This is done for each token."""
        decoder, watchdog = self._decoder, self._watchdog
        watchdog.last_read = watchdog.waiting_since = watchdog.now()
        try:
            batch = decoder.feed(piece)
            if decoder.finished:
                watchdog.finish(more=bool(batch))
            if batch:
                if not watchdog.begun:
                    watchdog.begin()
                if not self._take(batch):
                    self.refused = batch
                    return False
            return not (decoder.finished or decoder.done or decoder.failed)
        except errors.ProviderError:
            return False
        except Exception as fault:
            self._fault = fault
            return False


class Slip:
    """In place of an answer: the vendor refused the call that the model wrote, and the model shall hear of it."""

    blank = False

    def __init__(self, error: failures.MalformedCallError) -> None:
        self._events = error.events

    async def read(self) -> list[events.ModelEvent]:
        batch, self._events = self._events, []
        return batch

    async def relay(self, take: protocols.Take) -> list[events.ModelEvent]:
        return await self.read()

    def fail(self, failure: errors.ProviderError) -> None:
        raise failure

    def leave(self) -> None:
        return None


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


def _cut_off_error(error: BaseException) -> errors.ProviderError:
    failure = errors.ProviderError(
        "The connection to the model's vendor broke in the middle of the answer.",
        code="provider_connection_lost",
        detail=str(error) or type(error).__name__,
    )
    failure.__cause__ = error
    return failure
