"""A vendor's refusal as our error: what the client may read, whether trying again may help."""

from __future__ import annotations

from typing import Any

import msgspec

from turnstream.events import ProtocolError, ProviderError

_DETAIL_LIMIT = 2000
_TOO_LONG = ("context length", "context window", "context_length", "too long", "maximum context", "input token count")


def refused(provider: str, status: int | None, detail: str, *, kind: str = "", body: Any = None) -> ProviderError:
    """The error for HTTP status ``status`` (or the one that an error inside a stream stands for).

    ``detail`` is the vendor's own text, ``kind`` its own word for the error. 408, 409, 425, 429 and 5xx are retryable.
    """
    if status == 429:
        code, shown, text = "rate_limited", 429, "The model's vendor allows no more requests at the moment."
    elif status in (401, 403):
        code, shown, text = (
            "provider_authentication",
            502,
            "The model's vendor does not accept the server's credentials.",
        )
    elif status == 404:
        code, shown, text = "model_not_found", 502, "The model's vendor does not know this model."
    elif status in (400, 413, 422) and any(word in detail.lower() for word in _TOO_LONG):
        code, shown, text = "context_length_exceeded", 400, "The conversation is too long for this model."
    elif status in (503, 529):
        code, shown, text = "provider_overloaded", 503, "The model's vendor is overloaded."
    elif status is not None and status < 500:
        code, shown, text = "provider_refused", 502, "The model's vendor refused the request."
    else:
        code, shown, text = "provider_error", 502, "The model's vendor failed to answer."
    return ProviderError(
        text,
        provider=provider,
        provider_status=status,
        detail=f"{kind}: {detail}"[:_DETAIL_LIMIT] if kind else detail[:_DETAIL_LIMIT],
        retryable=status is None or status in (408, 409, 425, 429) or status >= 500,
        code=code,
        status=shown,
        body=body,
    )


def broken(provider: str, problem: str) -> ProtocolError:
    """The error for a stream that breaks its own protocol. ``problem`` is a sentence, without the stream's content."""
    return ProtocolError(
        "The model's vendor sent an answer that cannot be read.", provider=provider, detail=problem, retryable=True
    )


def ended_early(provider: str) -> ProtocolError:
    """The error for a stream that stopped before its answer did."""
    return ProtocolError(
        "The model's answer was cut off.",
        provider=provider,
        detail="the stream ended before the answer did",
        retryable=True,
    )


def json_body(body: bytes) -> Any:
    """The body of a refusal, decoded; its text where it is no JSON (a proxy's page)."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body[:_DETAIL_LIMIT].decode("utf-8", "replace")
