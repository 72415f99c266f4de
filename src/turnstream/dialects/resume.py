"""The stream of a kept run for somebody who comes back to it.

An encoder is a function of the log, so any server that has the log writes the same frames: who has seen ``after`` of
them gets the rest, byte for byte. A frame ends with a blank line; comments, which only keep a connection open, are not
counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from turnstream import errors, events, requests
from turnstream.dialects import base


def position(query: Mapping[str, str], headers: Mapping[str, str]) -> int | None:
    """How many frames the client has seen: ``?after=``, or its ``Last-Event-ID``. None if it does not say, and so joins
    without a count. Raises `RequestError`."""
    given = query.get("after") or headers.get("last-event-id")
    if not given:
        return None
    if not given.isdecimal() or len(given) > 15:
        raise errors.RequestError("after: expected a whole number.", param="after", code="invalid_value")
    return int(given)


class Rest:
    """The answer to ``exchange``, always as a stream, without its first frames."""

    stream = True
    thread: requests.ThreadRef | None = None

    def __init__(self, exchange: base.Exchange, after: int | None) -> None:
        self._exchange, self._after = exchange, after or 0
        self.request = exchange.request
        self.headers: Mapping[str, str] = exchange.headers

    def encoder(self, agent: str) -> base.Encoder:
        return _RestEncoder(self._exchange.encoder(agent), self._after)

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> base.Reply:
        return self._exchange.reply(agent, batch)

    def refuse(self, error: errors.TurnstreamError, request_id: str) -> base.Reply:
        return self._exchange.refuse(error, request_id)


class _RestEncoder(base.StreamEncoder):
    """Another encoder without its first frames: it is fed the whole log. Its heartbeats are comments, which nobody
    counts."""

    def __init__(self, encoder: base.Encoder, skipped: int) -> None:
        self._encoder, self._left = encoder, skipped

    def feed(self, batch: Sequence[events.RunEvent]) -> bytes:
        self.ended = base.outcome(batch) is not None
        return self._rest(self._encoder.feed(batch))

    def close(self) -> bytes:
        self.ended = True
        return self._rest(self._encoder.close())

    def snapshot(self) -> bytes:
        return self._encoder.snapshot()

    def _rest(self, data: bytes) -> bytes:
        """A blank line ends a frame, and stands nowhere else: JSON writes no line break."""
        while self._left and data:
            _, _, data = data.partition(b"\n\n")
            self._left -= 1
        return data
