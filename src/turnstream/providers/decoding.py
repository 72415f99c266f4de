"""What decoders over server-sent events have in common: framing, and errors that never overtake events."""

from __future__ import annotations

from turnstream.events import ModelEvent, ProtocolError, ProviderError
from turnstream.parsing import answers, sse
from turnstream.providers import errors
from turnstream.providers.failure import broken, ended_early


class SseDecoder:
    """A subclass says what one event means (``take``) and what is due at the end (``end``).

    ``take`` may append to ``out`` and then raise: the events are given first, the error with the next call.
    ``done`` is True once the answer is whole; what the stream says after that is not read.
    """

    provider = ""

    def __init__(self) -> None:
        self.done = False
        self._answer = answers.Decoder()
        self._error: ProviderError | None = None
        self._held = 0

    def feed(self, piece: bytes) -> list[ModelEvent]:
        if self._error is not None:
            raise self._error
        out: list[ModelEvent] = []
        try:
            for event in self._answer.feed(piece):
                if self.done:
                    break
                self.take(event, out)
        except ProviderError as error:
            self._fail(error)
            if not out:
                raise
        return out

    def close(self) -> list[ModelEvent]:
        """The rest. Call it until it gives nothing: if the stream also ended badly, the call after the rest raises."""
        if self._error is not None:
            raise self._error
        out: list[ModelEvent] = []
        try:
            if not self.done:
                self._drain(out)
            if not self.done:
                self.end(out)
        except ProviderError as error:
            self._fail(error)
            if not out:
                raise
        return out

    def _drain(self, out: list[ModelEvent]) -> None:
        for event in self._answer.close():
            try:
                self.take(event, out)
            except ProtocolError:  # the torn half of an event: whether the answer is whole without it, `end` knows
                pass
        if self._answer.document is not None:
            self.document(self._answer.document, out)

    def _fail(self, error: ProviderError) -> None:
        error.provider = self.provider
        self._error = error

    def take(self, event: sse.Event, out: list[ModelEvent]) -> None:
        raise NotImplementedError

    def document(self, body: bytes, out: list[ModelEvent]) -> None:
        """The body was one JSON document instead of a stream; with a status of 200 that is still a refusal."""
        value = errors.parsed(body)
        raise errors.from_status(self.provider, None, value, errors.described(value))

    def end(self, out: list[ModelEvent]) -> None:
        """The body is over and the answer is not whole. A stream that needs no closing event gives the rest here."""
        raise ended_early(self.provider)

    def hold(self, size: int) -> None:
        """Count what is kept for later; raises when that is more than one event may be."""
        self._held += size
        if self._held > sse.MAX_EVENT:
            raise broken(self.provider, f"one piece of the answer has more than {sse.MAX_EVENT} bytes")

    def release(self, size: int) -> None:
        self._held -= size
