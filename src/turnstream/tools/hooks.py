"""Functions of the operator's that see each request before it is sent, and each answer before it is read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from inspect import isawaitable, iscoroutinefunction
from typing import Any

from turnstream import errors, requests
from turnstream.tools.http_client import Request, Response
from turnstream.tools.threads import Threads

log = logging.getLogger("turnstream.tools.http")

_MOST_RUNNING = 16  # functions that block, at a time


class Hooks:
    """``request(request, context)`` gives the `Request` to send in place of one, ``response(response, context)`` the
    `Response` to read in place of one, or any other value, which then is the tool's result; None leaves it as it is.

    Each may be async; one that is not runs in a thread. A `ToolError` that it raises is told to the model. Where a
    request goes is checked after the hook, as ever.
    """

    def __init__(self, request: Callable[..., Any] | None = None, response: Callable[..., Any] | None = None) -> None:
        self._request, self._response = request, response
        self._threads = Threads("hook", _MOST_RUNNING)

    async def before(self, request: Request, context: requests.RunContext) -> Request:
        made = await self._call(self._request, request, context, "The request was not sent: its hook failed")
        if made is None:
            return request
        if not isinstance(made, Request):
            log.error("a request hook must return a Request or None, not %s", type(made).__name__)
            raise errors.ToolError("The request was not sent: its hook failed.")
        return made

    async def after(self, response: Response, context: requests.RunContext) -> Any:
        """The response, or the value that stands for it."""
        made = await self._call(
            self._response, response, context, "The call was made, and the hook for its answer failed"
        )
        return response if made is None else made

    async def _call(
        self, hook: Callable[..., Any] | None, given: Any, context: requests.RunContext, failed: str
    ) -> Any:
        if hook is None:
            return None
        try:
            if iscoroutinefunction(hook) or iscoroutinefunction(getattr(hook, "__call__", None)):  # noqa: B004
                return await hook(given, context)
            made = await self._threads.run(hook, given, context)
            return await made if isawaitable(made) else made
        except errors.ToolError:
            raise
        except Exception as error:  # the boundary to code that is not ours
            log.error("a hook failed in run %s", context.run_id, exc_info=error)
            raise errors.ToolError(f"{failed} with {type(error).__name__}.") from error
