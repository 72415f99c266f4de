"""Errors while nothing of an answer has been sent, in the words of the dialect that the client speaks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from starlette.responses import Response
from starlette.types import Scope

from turnstream import errors, events, text
from turnstream.dialects import base, openai_chat
from turnstream.server import replies, routes, scopes

log = logging.getLogger(__name__)

MOST_NAMED = 20  # of the agents, in an error


class Refusals:
    """The path tells the dialect, whatever the method; outside of all of them errors are OpenAI's.

    A request that comes to no run has one line in the log, as every run has. ``count`` is told its status and code.
    """

    def __init__(self, table: routes.Routes, count: Callable[[int, str], None] | None = None) -> None:
        self._table, self._count = table, count

    def __call__(
        self,
        scope: Scope,
        error: errors.TurnstreamError,
        headers: Mapping[str, str] | None = None,
        *,
        reply: base.Reply | None = None,
    ) -> Response:
        """``reply`` is the error in the words of its run's exchange."""
        reply = reply or self._reply(scope, error)
        if not scopes.has_run(scope):
            self._report(scope, error.status, error.code)
        wait = {}
        if reply.status >= 400 and (seconds := _retry_after(error)) is not None:
            wait = {"retry-after": str(max(1, round(seconds)))}
        if isinstance(error, errors.BudgetSpentError):
            wait["x-should-retry"] = "false"  # clients that try again by themselves would do so in vain
        return replies.respond(scope, reply, {**wait, **(headers or {})})

    def _report(self, scope: Scope, status: int, code: str) -> None:
        method, path, id = scope["method"][:20], text.excerpt(scopes.path(scope), 200), scopes.request_id(scope)
        principal = scopes.principal(scope).name
        fields = {"method": method, "path": path, "status": status, "code": code, "principal": principal, "request": id}
        log.info(
            "refused %s %r: %d %s, for %s, request %s",
            method,
            path,
            status,
            code,
            principal,
            id,
            extra={"fields": fields},
        )
        if self._count is not None:
            self._count(status, code)

    def _reply(self, scope: Scope, error: errors.TurnstreamError) -> base.Reply:
        dialect = self._table.dialect(scope)
        return openai_chat.refusal(error) if dialect is None else dialect.error(error, scopes.request_id(scope))

    def fault(self, scope: Scope) -> Response:
        text = "The request failed because of an error in the server; its log has the details."
        return self(scope, errors.TurnstreamError(text))


def _retry_after(error: errors.TurnstreamError) -> float | None:
    match error:
        case errors.BudgetSpentError(renews=False):
            return None
        case errors.ProviderError() | errors.QueueFullError() | errors.RateLimitError() | errors.ServerBusyError():
            return error.retry_after
        case _:
            return None


def as_error(failure: events.RunFailed) -> errors.TurnstreamError:
    """Why a run failed, as the error that its client hears."""
    code, status = failure.code, failure.status
    if failure.param is not None:
        return errors.RequestError(failure.message, param=failure.param, code=code, status=status)
    return errors.ProviderError(failure.message, code=code, status=status, retry_after=failure.retry_after)


def no_agent(name: str, known: Iterable[str]) -> errors.RequestError:
    """``known`` are those that whoever asks may use."""
    shown = list(islice(known, MOST_NAMED + 1))
    if not shown:
        message = "This key may not use any agent."
    else:
        names = ", ".join(shown[:MOST_NAMED]) + (", …" if len(shown) > MOST_NAMED else "")
        message = f"There is no agent named '{name[:100]}'. There are: {names}."
    return errors.RequestError(message, param="model", code="model_not_found", status=404)


def not_routed(method: str, path: str, status: int, detail: str, hint: str | None) -> errors.TurnstreamError:
    if status == 405:
        message, code = f"{method} is not allowed for {path}.", "method_not_allowed"
    elif status == 404:
        message, code = f"There is nothing at {path}.", "not_found"
        if hint is not None:
            message += f" Did you mean {hint}? A client's base URL ends with /v1."
    else:
        message, code = detail, "http_error"
    return errors.TurnstreamError(message, code=code, status=status)


def no_run(id: str) -> errors.RequestError:
    message = f"Run '{id[:100]}' not found; it may have expired."
    return errors.RequestError(message, param="run_id", code="run_not_found", status=404)
