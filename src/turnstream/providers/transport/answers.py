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

    __slots__ = (
        *("_broken", "_decoder", "_failure", "_fault", "_left", "_refused", "_response", "_state", "_take"),
        "_watchdog",
    )

    def __init__(self, response: connections.Response, decoder: base.WireDecoder, watchdog: Watchdog) -> None:
        self._response = response
        self._decoder = decoder
        self._watchdog = watchdog
        self._broken: errors.ProviderError | None = None
        self._failure: errors.ProviderError | None = None
        self._left = False
        self._state = "reading"  # then "closing", then "ended"
        # While it is relayed:
        self._take: protocols.Take = _take_nothing
        self._refused: list[events.ModelEvent] = []
        self._fault: Exception | None = None  # of ours

    @property
    def blank(self) -> bool:
        return self._decoder.blank

    @property
    def ended(self) -> bool:
        """Whether all of it has come, so that another read would give nothing."""
        whole = self._decoder.done and not self._decoder.failed and self._failure is None
        return whole and self._response.content.at_eof()

    async def read(self) -> list[events.ModelEvent]:
        """[] at the end. Raises `ProviderError`."""
        decoder, content, watchdog = self._decoder, self._response.content, self._watchdog
        try:
            while self._state == "reading":
                if decoder.failed:
                    decoder.feed(b"")  # raises the error that came in the same read as the last batch
                if decoder.done:
                    if not content.at_eof():
                        await _drain(content)
                    self._state = "ended"
                    break
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
                    break
                batch = decoder.feed(piece)
                if decoder.finished and not decoder.done:
                    watchdog.finish(more=bool(batch))
                if batch:
                    if not decoder.done:
                        watchdog.begin()
                    return batch
                watchdog.last_read = watchdog.now()
            return self._rest()
        except errors.ProviderError as error:
            self._state = "ended"
            self._broken = error
            if isinstance(error, failures.MalformedCallError):
                return error.events
            raise

    async def relay(self, take: protocols.Take) -> list[events.ModelEvent]:
        """The first batch that ``take`` does not take; [] at the end. Raises `ProviderError`. Pieces are decoded within
        the reads that bring them, as long as nothing comes that `read` must see to: a batch that is refused, an error,
        the end."""
        decoder, content, watchdog = self._decoder, self._response.content, self._watchdog
        while True:
            reads = self._state == "reading" and not (decoder.done or decoder.failed)
            if reads and isinstance(content, plain_http.Body):
                self._take = take
                watchdog.waiting_since = watchdog.now()
                await content.relay(self._take_piece)
                watchdog.waiting_since = 0.0
                self._take = _take_nothing
                if self._fault is not None:
                    raise self._fault
                if self._refused:
                    refused, self._refused = self._refused, []
                    return refused
            batch = await self.read()
            if not batch or not take(batch):
                return batch

    def _take_piece(self, piece: bytes) -> bool:
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
                    self._refused = batch
                    return False
            return not (decoder.finished or decoder.done or decoder.failed)
        except errors.ProviderError:
            return False
        except Exception as fault:
            self._fault = fault
            return False

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


class Slip:
    """In place of an answer: the vendor refused the call that the model wrote, and the model shall hear of it."""

    blank = False
    ended = False

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


def _take_nothing(batch: list[events.ModelEvent]) -> bool:
    return False
