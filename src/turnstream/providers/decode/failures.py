"""What a vendor's HTTP status and error text mean: whose fault it was, and whether trying again may help."""

from __future__ import annotations

from typing import Any

import msgspec

from turnstream import errors

_RETRYABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_TOO_LONG = (
    "context_length_exceeded",
    "exceed_context_size",
    "context length",
    "context window",
    "context size",
    "prompt is too long",
    "too many tokens",
)
_NO_CREDIT = ("insufficient_quota", "insufficient balance", "insufficient credit", "credit balance", "billing")

# code, our HTTP status, what the client reads
_BY_STATUS: dict[int, tuple[str, int, str]] = {
    400: ("provider_rejected_request", 502, "The model's vendor rejected the request."),
    401: ("provider_authentication", 502, "The model's vendor did not accept this server's credentials."),
    402: ("provider_quota", 502, "The account at the model's vendor has no credit."),
    403: ("provider_authentication", 502, "The model's vendor did not accept this server's credentials."),
    404: ("provider_not_found", 502, "The model's vendor does not know this model or address."),
    408: ("provider_timeout", 504, "The model's vendor took too long."),
    413: ("provider_rejected_request", 502, "The request is too large for the model's vendor."),
    429: ("rate_limit_exceeded", 429, "The model's vendor is limiting requests. Try again later."),
    503: ("provider_overloaded", 503, "The model's vendor is overloaded. Try again later."),
    504: ("provider_timeout", 504, "The model's vendor took too long."),
    529: ("provider_overloaded", 503, "The model's vendor is overloaded. Try again later."),
}
_FAILED = ("provider_error", 502, "The model's vendor failed.")


def from_status(provider: str, status: int | None, body: Any, text: str) -> errors.ProviderError:
    """``body`` is the vendor's error object as it came, ``text`` its message and code, for the log.

    ``status`` is None where the vendor reported the error inside a stream.
    """
    lowered = text.lower()
    code, ours, message = _BY_STATUS.get(status or 0, _BY_STATUS[400] if status and status < 500 else _FAILED)
    if any(sign in lowered for sign in _TOO_LONG):
        code, ours = "context_length_exceeded", 400
        message = "The conversation is too long for the model's context window."
    elif any(sign in lowered for sign in _NO_CREDIT):
        code, ours, message = _BY_STATUS[402]
    return errors.ProviderError(
        message,
        provider=provider,
        provider_status=status,
        detail=text[:2000],
        retryable=status in _RETRYABLE and code not in ("provider_quota", "context_length_exceeded"),
        code=code,
        status=ours,
        body=body,
    )


def from_body(provider: str, status: int | None, body: bytes) -> errors.ProviderError:
    """A body of any of the usual shapes: ``{"error": {…}}``, ``{"detail": …}``, a list of one, a string, a page.

    The status decides, the text may refine.
    """
    value = parse(body)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return from_status(provider, status, value, describe(value))


def parse(body: bytes) -> Any:
    """The JSON value of a body, or its text if it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return body[:2000].decode("utf-8", "replace")


def describe(body: Any) -> str:
    """The vendor's own words in an error body of any of the usual shapes, its codes included."""
    words: list[str] = []
    _collect(body, words, depth=0)
    return " ".join(dict.fromkeys(words))


def _collect(value: Any, words: list[str], depth: int) -> None:
    if isinstance(value, str):
        words.append(value)
    elif isinstance(value, list) and depth < 4:
        for item in value[:5]:
            _collect(item, words, depth + 1)
    elif isinstance(value, dict) and depth < 4:
        for key in ("error", "errors", "message", "detail", "msg", "type", "code", "metadata", "raw"):
            inner = value.get(key)
            if inner is not None:
                _collect(str(inner) if isinstance(inner, int) else inner, words, depth + 1)


def broken(provider: str, problem: str) -> errors.ProtocolError:
    """``problem`` is a sentence for the log, without the stream's content."""
    return errors.ProtocolError(
        "The model's vendor sent an answer that cannot be read.", provider=provider, detail=problem, retryable=True
    )


def ended_early(provider: str) -> errors.ProtocolError:
    """The stream stopped before its answer did."""
    return errors.ProtocolError(
        "The model's answer was cut off.",
        provider=provider,
        detail="the stream ended before the answer did",
        retryable=True,
    )
