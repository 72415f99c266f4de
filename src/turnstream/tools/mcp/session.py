"""One connection to an MCP server, from its start to its loss, owned by one task.

The SDK's session must be entered and left in the same task, and a broken transport cancels the task that is inside it.
So a task of its own owns the session and does nothing else. Each call is handed to it through a queue and gets a task
too, so that a session failure reaches a run only as an error of the affected call.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from turnstream.tools.mcp import elicitation
from turnstream.tools.mcp.process import NotStartedError
from turnstream.tools.mcp.transports import CURRENT, Attempt, Target

if TYPE_CHECKING:
    from mcp import Client, types

log = logging.getLogger("turnstream.tools.mcp")

T = TypeVar("T")
Work: TypeAlias = "Callable[[Client], Awaitable[T]]"

_CLOSING_SECONDS = 8.0  # the SDK gives a process two seconds to end by itself and two more after SIGTERM
_LISTEN_AGAIN_SECONDS = 5.0
_STAND_INS = ("Server returned an error response", "Not Found", "Session terminated")  # the SDK's own, for a status


class LostError(Exception):
    """The connection is gone. ``refused`` says that the server cannot have executed the call."""

    def __init__(self, reason: str, *, refused: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.refused = refused


class StatusError(Exception):
    """The server answered a call with an HTTP status that is an error, and with nothing that explains it."""

    def __init__(self, status: int, retry_after: float | None = None) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.retry_after = retry_after


@dataclass(slots=True, eq=False)
class _Job:
    work: Work[Any]
    done: asyncio.Future[Any]
    context: contextvars.Context
    attempt: Attempt = field(default_factory=Attempt)


class Session:
    """Starts when it is made. ``changed`` is called when the server says that its tools have changed.

    ``served`` says that a call succeeded, ``ended`` is when it was lost, by the event loop's clock.
    """

    def __init__(
        self, name: str, target: Target, headers: Mapping[str, str], seconds: float, changed: Callable[[], None]
    ) -> None:
        self.name = name
        self.alive = True
        self.served = False
        self.busy = 0
        self.reason = ""
        self.ended = 0.0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ready.add_done_callback(lambda future: future.cancelled() or future.exception())  # it is heard, or not
        self._target, self._headers, self._seconds, self._changed = target, headers, seconds, changed
        self._queue: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: list[_Job] = []
        self._start = Attempt()
        self._owner = asyncio.create_task(self._hold(), context=contextvars.Context(), name=f"mcp {name}")

    def give_up(self, reason: str) -> None:
        """It takes no more calls; those that run end by themselves or with the owner."""
        if self.alive:
            self.alive, self.reason = False, reason
            self.ended = asyncio.get_running_loop().time()
            self._queue.put_nowait(None)

    async def run(self, work: Work[T]) -> T:
        """The result of ``work``, which is cancelled with its caller. Raises `LostError`, and what ``work`` raises."""
        if not self.alive:
            raise LostError(self.reason, refused=True)
        job = _Job(work, asyncio.get_running_loop().create_future(), contextvars.copy_context())
        self._queue.put_nowait(job)
        self.busy += 1
        try:
            result: T = await job.done
            self.served = True
            return result
        finally:
            self.busy -= 1

    async def close(self) -> None:
        """Ends what runs and the connection; a server process is ended, if need be by force."""
        self.give_up("it was closed")
        for task in self._tasks:
            task.cancel()
        done, _ = await asyncio.wait([self._owner], timeout=_CLOSING_SECONDS)
        if not done:
            self._owner.cancel()
            await asyncio.wait([self._owner], timeout=_CLOSING_SECONDS)

    async def _hold(self) -> None:
        try:
            await self._connect()
        except Exception as error:  # the boundary to the SDK and to the server: nothing of it ends anything else
            self.give_up(_tell_cause(error, self._start.status))
            level = logging.DEBUG if self.ready.done() else logging.WARNING
            log.log(level, "MCP server %s: %s", self.name, self.reason, exc_info=error)
        finally:
            self.give_up("the connection ended")
            if not self.ready.done():
                self.ready.set_exception(LostError(self.reason, refused=True))
            await self._leave()

    async def _connect(self) -> None:
        from mcp import Client

        CURRENT.set(self._start)
        async with asyncio.timeout(self._seconds) as limit:
            streams = self._target.streams(self.name, self._headers, self)
            async with Client(
                streams, message_handler=self._message, cache=None, elicitation_callback=self._elicit
            ) as client:
                limit.reschedule(None)
                if self.alive:
                    self.ready.set_result(None)
                    self._spawn(self._listen(client))
                await self._serve(client)

    async def _serve(self, client: Client) -> None:
        while (job := await self._queue.get()) is not None:
            if not job.done.done():
                self._spawn(self._do(job, client), job)

    def _spawn(self, work: Any, job: _Job | None = None) -> None:
        task = asyncio.create_task(work, context=None if job is None else job.context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if job is not None:
            job.done.add_done_callback(lambda done: task.cancel() if done.cancelled() else None)

    async def _do(self, job: _Job, client: Client) -> None:
        CURRENT.set(job.attempt)
        self._running.append(job)
        try:
            result = await job.work(client)
        except asyncio.CancelledError:
            _settle(job.done, LostError(self.reason or "it was closed", refused=job.attempt.refused))
            raise
        except Exception as error:  # passed on to whoever asked
            _settle(job.done, self._translate(error, job.attempt))
        else:
            if not job.done.done():
                job.done.set_result(result)
        finally:
            self._running.remove(job)

    def _translate(self, error: Exception, attempt: Attempt) -> Exception:
        from mcp import MCPError

        if not isinstance(error, MCPError):
            return error
        if attempt.refused or not self.alive:
            return LostError(self.reason, refused=attempt.refused)
        if attempt.status in (401, 403):
            return LostError("it refuses the credentials", refused=True)
        if attempt.status is not None and attempt.status >= 400 and error.message in _STAND_INS:
            return StatusError(attempt.status, attempt.retry_after)
        return error

    async def _leave(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSING_SECONDS)
        while not self._queue.empty():
            job = self._queue.get_nowait()
            if job is not None:
                _settle(job.done, LostError(self.reason, refused=True))

    async def _elicit(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        """The server asks a user. Whose call that is about, it says only in the newest version of the protocol, where
        this runs in the call's own context; else it must be the only one."""
        from mcp import types

        ask = elicitation.ASKING.get()
        if ask is None:
            asking = [job.context.get(elicitation.ASKING) for job in self._running]
            ask = asking[0] if len(asking) == 1 else None
        if ask is None:
            log.info("MCP server %s asks a user, but which one is unknown: declined", self.name)
            return types.ElicitResult(action="decline")
        return await ask(params)

    async def _message(self, message: Any) -> None:
        from mcp.types import ToolListChangedNotification

        if isinstance(message, ToolListChangedNotification):
            self._changed()

    async def _listen(self, client: Client) -> None:
        """Since the protocol's version 2026-07-28 a client must ask to hear of changes."""
        from mcp import MCPError
        from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost

        tools = client.server_capabilities.tools
        while self.alive and tools is not None and tools.list_changed:
            try:
                async with client.listen(tools_list_changed=True) as events:
                    async for _ in events:
                        self._changed()
            except ListenNotSupportedError:
                return
            except (MCPError, SubscriptionLost, TimeoutError) as error:
                log.debug("MCP server %s: cannot listen for changes: %s", self.name, error)
            await asyncio.sleep(_LISTEN_AGAIN_SECONDS)
            self._changed()  # what happened meanwhile is not told again


def _settle(done: asyncio.Future[Any], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)


def _tell_cause(error: BaseException, status: int | None) -> str:
    """Why a start failed, in words of ours: the error's own may hold an address with a secret. ``status`` is that of
    the server's last answer over HTTP."""
    from mcp import MCPError
    from pydantic import ValidationError

    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case NotStartedError():
            return error.reason
        case TimeoutError():
            return "it did not start in time"
        case _ if status is not None and not 200 <= status < 300:
            return f"it answered with status {status}"
        case ValidationError():
            return f"its answer to initialize lacks {_field(error)}"
        case RuntimeError() if "protocol version" in str(error):
            return f"it speaks a version of MCP that is not known here ({str(error).rpartition(' ')[2][:40]})"
        case _ if status is not None:
            return "it does not answer as an MCP server does"
        case MCPError():
            return f"it refused to start: {' '.join(error.message.split())[:200]}"
        case _:
            return f"it failed to start ({type(error).__name__})"


def _field(error: Any) -> str:
    """The first member that a wrong answer lacks, or has in a form that it may not have."""
    first = error.errors(include_url=False, include_input=False)[0]
    return ".".join(str(part) for part in first["loc"]) or "its members"
