"""What a vendor's HTTP status and error text mean: whose fault it was, and whether trying again may help."""

from __future__ import annotations

from typing import Any

from turnstream import errors, events, jsontext

_RETRYABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
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


_BY_KIND: dict[str, tuple[str, int, str]] = {
    "spent": _BY_STATUS[402],
    "filtered": ("content_filter", 400, "The model's vendor refused this content: its filter found it objectionable."),
    "long": (
        "context_length_exceeded",
        400,
        # clients know these words, and shorten the conversation
        "prompt is too long: the conversation exceeds this model's maximum context length.",
    ),
}


def from_status(provider: str, status: int | None, body: Any, text: str | None = None) -> errors.ProviderError:
    """``body`` is the vendor's error object as it came, ``text`` its words and codes, by default those of ``body``.

    ``status`` is None where the vendor reported the error inside a stream; then the object may name one.
    """
    from turnstream.providers.decode import verdicts  # its expressions are compiled by the first failure

    text = describe(body) if text is None else text
    verdict = verdicts.judge(status, body, text)
    known = verdict.status
    by_status = _BY_STATUS.get(known or 0, _BY_STATUS[400] if known and known < 500 else _FAILED)
    code, ours, message = _BY_KIND.get(verdict.kind, by_status)
    kind = MalformedCallError if verdict.kind == "malformed" else errors.ProviderError
    return kind(
        message,
        provider=provider,
        provider_status=known,
        detail=text[:2000],
        retryable=verdict.kind == "status" and known in _RETRYABLE,
        retry_after=verdict.wait,
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
    return from_status(provider, status, value)


def parse(body: bytes) -> Any:
    """The JSON value of a body, or its text."""
    try:
        return jsontext.decode(body)
    except ValueError:
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


def protocol_error(provider: str, problem: str) -> errors.ProtocolError:
    """``problem`` is a sentence for the log, without the stream's content."""
    return errors.ProtocolError(
        "The model's vendor sent an answer that cannot be read.", provider=provider, detail=problem, retryable=True
    )


def early_end(provider: str) -> errors.ProtocolError:
    """The stream stopped before its answer did."""
    return errors.ProtocolError(
        "The model's stream ended before its answer did.",
        provider=provider,
        detail="the stream ended before the answer did",
        retryable=True,
    )


def blank() -> errors.ProviderError:
    """An answer without a word or a call, where that is a slip of the vendor's."""
    return errors.ProviderError("The model's answer is empty.", retryable=True)


class MalformedCallError(errors.ProviderError):
    """The vendor could not read the call that its model wrote. The model can try again, if it is told."""

    @property
    def events(self) -> list[events.ModelEvent]:
        return [events.ToolCallMalformed(0, "it could not be read"), events.Finish("tool_calls", "tool_use_failed")]
