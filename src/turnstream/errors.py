"""One small tree of errors: each class says who is at fault, and whether trying again may help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from turnstream import limits


class TurnstreamError(Exception):
    """The root. ``message`` is safe to show to a client, ``code`` is for programs, ``status`` is the HTTP status.

    ::

        TurnstreamError
        ├── ConfigurationError   the operator is at fault; names file, line and key where it can
        ├── RequestError         the client is at fault; trying again with the same request does not help
        │   ├── ThreadBusyError  another run of the thread has not ended, and this one may not wait
        │   ├── QueueFullError   too many runs wait
        │   └── RateLimitError   this principal has as much as it may; later it may have more
        │       └── BudgetSpentError  of a day, or of a thread
        ├── StoreError           the database is away or refuses
        ├── ServerBusyError      this process has as much to do as it may; another, or this one later, will answer
        ├── RunTimeout           the run's deadline passed
        ├── ToolError            the model should hear it; never ends a run
        └── ProviderError        the model's vendor is at fault; ``retryable`` says whether trying again may help
            └── ProtocolError    its stream broke the rules of its own protocol
    """

    code = "internal_error"
    status = 500

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status


class ConfigurationError(TurnstreamError):
    code = "configuration_error"


class RequestError(TurnstreamError):
    """``param`` names the offending field as a path: ``messages[2].content``."""

    code = "invalid_request"
    status = 400

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.param = param


class ThreadBusyError(RequestError):
    code = "thread_busy"
    status = 409


class QueueFullError(RequestError):
    """``retry_after`` is in seconds."""

    code = "queue_full"
    status = 429

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimitError(RequestError):
    """``retry_after`` is in seconds, ``rates`` are the limits for each minute that the client may be told of."""

    code = "rate_limit_exceeded"
    status = 429

    def __init__(self, message: str, *, retry_after: float, rates: Sequence[limits.Rate] = ()) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.rates = rates


class BudgetSpentError(RateLimitError):
    """What the principal, or the thread, may use is used up until ``retry_after``, or for good."""

    code = "budget_spent"

    def __init__(self, message: str, *, retry_after: float | None) -> None:
        super().__init__(message, retry_after=0.0 if retry_after is None else retry_after)
        self.renews = retry_after is not None


class LogExpiredError(RequestError):
    """The run ended, and its events are no longer kept; its answer is."""

    code = "log_expired"
    status = 410


class LogResetError(RequestError):
    """The log is shorter than the position that the client has: the database lost its last commits."""

    code = "log_reset"
    status = 409


class StoreError(TurnstreamError):
    code = "store_unavailable"
    status = 503


class ServerBusyError(TurnstreamError):
    """``retry_after`` is in seconds."""

    code = "server_busy"
    status = 503
    retry_after = 5.0


class RunTimeout(TurnstreamError):
    code = "run_timeout"
    status = 504


class ToolError(TurnstreamError):
    """Raise it in a tool to tell the model, in one sentence, what went wrong."""

    code = "tool_error"


class ProviderError(TurnstreamError):
    """The vendor refused, failed or fell silent.

    ``message`` is ours and safe for the client; ``detail`` is the vendor's own text, for the log.
    ``provider_status`` is the vendor's HTTP status, None if it never answered. ``retry_after`` is in seconds.
    """

    code = "provider_error"
    status = 502

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        provider_status: int | None = None,
        detail: str = "",
        retryable: bool = False,
        retry_after: float | None = None,
        code: str | None = None,
        status: int | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.provider = provider
        self.provider_status = provider_status
        self.detail = detail
        self.retryable = retryable
        self.retry_after = retry_after
        self.body = body


class ProtocolError(ProviderError):
    code = "provider_protocol_error"
