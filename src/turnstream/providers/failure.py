"""Streams that break their own protocol, as our errors. What a vendor says with a status is in `errors`."""

from __future__ import annotations

from turnstream.events import ProtocolError


def broken(provider: str, problem: str) -> ProtocolError:
    """``problem`` is a sentence for the log, without the stream's content."""
    return ProtocolError(
        "The model's vendor sent an answer that cannot be read.", provider=provider, detail=problem, retryable=True
    )


def ended_early(provider: str) -> ProtocolError:
    """The stream stopped before its answer did."""
    return ProtocolError(
        "The model's answer was cut off.",
        provider=provider,
        detail="the stream ended before the answer did",
        retryable=True,
    )
