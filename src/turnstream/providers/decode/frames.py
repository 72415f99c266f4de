"""What decoders have in common, whatever frames their events come in: errors that never overtake events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec

from turnstream import errors, events, jsontext
from turnstream.parsing import answers, sse
from turnstream.providers.decode import failures, lenient

Frame = TypeVar("Frame")
Decoded = TypeVar("Decoded")
DONE = frozenset({b"[done]", b'"[done]"'})
_NOTHING = DONE | {b"", b'""', b"null", b"[]", b"ping", b"pong", b"keep-alive", b"keepalive", b"heartbeat"}


def says_nothing(data: bytes) -> bool:
    """Whether an event is but a sign of life or of the end, which imitators and gateways put where JSON is due."""
    rest = data.strip()
    return rest[:1] == b":" or (len(rest) < 16 and rest.lower() in _NOTHING)


class Framing(Protocol[Frame]):
    def feed(self, piece: bytes) -> list[Frame]: ...

    def close(self) -> list[Frame]: ...


class FramedDecoder(Generic[Frame]):
    """A subclass says what one frame means (``take``) and what is due at the end (``end``).

    ``take`` may append to ``out`` and then raise: the events are given first, the error with the next call. What
    msgspec raises is then a `ProtocolError`.
    ``done`` is True once the answer is whole; what the stream says after that is not read. ``failed`` says that the
    next call raises. ``finished`` is for a subclass to set when it knows the finish reason, ``blank`` when the answer
    is empty by a slip of the vendor's.
    """

    provider = ""
    failed = False
    finished = False
    blank = False

    def __init__(self, framing: Framing[Frame]) -> None:
        self.done = False
        self._framing = framing
        self._error: errors.ProviderError | None = None
        self._held = 0
        self.surrogates = lenient.Surrogates()

    def feed(self, piece: bytes) -> list[events.ModelEvent]:
        if self._error is not None:
            raise self._error
        if not piece:
            return []
        out: list[events.ModelEvent] = []
        try:
            if frames := self._framing.feed(piece):
                self.take_all(frames, out)
        except (errors.ProviderError, *jsontext.UNDECODABLE) as error:
            failure = self._note_failure(error)
            self.settle(out)
            if not out:
                raise failure from None
        return out

    def close(self) -> list[events.ModelEvent]:
        """The rest. Call it until it gives nothing: if the stream also ended badly, the call after the rest raises."""
        if self._error is not None:
            raise self._error
        out: list[events.ModelEvent] = []
        try:
            if not self.done:
                self.drain(out)
            if not self.done:
                self.end(out)
        except (errors.ProviderError, *jsontext.UNDECODABLE) as error:
            failure = self._note_failure(error)
            self.settle(out)
            if not out:
                raise failure from None
        return out

    def _note_failure(self, error: Exception) -> errors.ProviderError:
        if not isinstance(error, errors.ProviderError):
            error = failures.protocol_error(self.provider, f"an event is not understood: {error}")
        error.provider = self.provider
        self._error, self.failed = error, True
        return error

    def take_all(self, frames: list[Frame], out: list[events.ModelEvent]) -> None:
        """The frames of one read. A subclass may have a shorter way for those that it knows well."""
        for frame in frames:
            if self.done:
                break
            self.take(frame, out)

    def take(self, frame: Frame, out: list[events.ModelEvent]) -> None:
        raise NotImplementedError

    def settle(self, out: list[events.ModelEvent]) -> None:
        """What can still be said of an answer that ends badly, ahead of the error."""

    def drain(self, out: list[events.ModelEvent]) -> None:
        """What the framing still has. A frame may be torn: whether the answer is whole without it, ``end`` knows."""
        for frame in self._framing.close():
            try:
                self.take(frame, out)
            except (errors.ProtocolError, *jsontext.UNDECODABLE):
                pass

    def end(self, out: list[events.ModelEvent]) -> None:
        """The body is over and the answer is not whole. A stream that needs no closing event gives the rest here."""
        raise failures.early_end(self.provider)

    def hold(self, size: int) -> None:
        """Count what is kept for later; raises when that is more than one event may be."""
        self._held += size
        if self._held > sse.MAX_EVENT:
            raise failures.protocol_error(self.provider, f"one piece of the answer has more than {sse.MAX_EVENT} bytes")

    def release(self, size: int) -> None:
        self._held -= size


def picture(url: str) -> events.TextDelta:
    """What a model drew, as Markdown shows it; `turnstream.providers.encode.history` keeps it out of what goes back."""
    return events.TextDelta(f"\n\n![image]({url})\n\n")


class SseDecoder(FramedDecoder[sse.Event]):
    """Over server-sent events. A body that is one JSON document instead goes to ``document``."""

    def __init__(self) -> None:
        self._answer = answers.Decoder()
        super().__init__(self._answer)

    def drain(self, out: list[events.ModelEvent]) -> None:
        super().drain(out)
        if self._answer.document is not None:
            self.document(self._answer.document, out)

    def read(self, decode: Callable[[bytes, lenient.Surrogates], Decoded], data: bytes) -> Decoded | None:
        """The event's data, decoded; None for data that says nothing in any protocol."""
        try:
            return decode(data, self.surrogates)
        except msgspec.DecodeError:
            if says_nothing(data):
                return None
            raise

    def document(self, body: bytes, out: list[events.ModelEvent]) -> None:
        """With a status of 200 it is still a refusal, unless the protocol has such answers."""
        value = failures.parse(body)
        raise failures.from_status(self.provider, None, value)
