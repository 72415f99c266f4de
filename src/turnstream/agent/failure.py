"""What an exception that ends a run is called in its terminal event and in the log."""

from __future__ import annotations

import logging

from turnstream import errors, events, usage

log = logging.getLogger(__name__)


def end_by(error: Exception, run_id: str, tokens: usage.Usage) -> events.RunFailed:
    """The terminal event of a run that ends by this error. The log has what clients must not see."""
    if isinstance(error, errors.TurnstreamError):
        trace = error if isinstance(error, errors.ConfigurationError) else None
        log.warning("run %s failed: %s %s", run_id, error.message, getattr(error, "detail", ""), exc_info=trace)
        return _describe(error, tokens)
    log.error("run %s failed", run_id, exc_info=error)
    text = "The run failed because of an error in the server; its log has the details."
    return events.RunFailed("internal_error", text, 500, tokens)


def _describe(error: errors.TurnstreamError, tokens: usage.Usage) -> events.RunFailed:
    match error:
        case errors.ProviderError():
            retryable = error.retryable or error.provider_status is None
            return events.RunFailed(error.code, error.message, error.status, tokens, error.retry_after, retryable)
        case errors.RequestError(param=param):
            return events.RunFailed(error.code, error.message, error.status, tokens, None, False, param)
        case _:
            return events.RunFailed(error.code, error.message, error.status, tokens)
