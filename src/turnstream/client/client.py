"""Requests to a server that keeps runs. Whatever is asked twice because a connection broke is done once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import msgspec
from msgspec import Struct

from turnstream import events, jsontext, protocols
from turnstream.events import LogEvent  # by name: a client has ``events``
from turnstream.parsing import sse

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_PASSING = frozenset({429, 502, 503, 504})


class KeptRun(Struct, frozen=True):
    """A run as the server shows it. Times are seconds since the epoch; ``waiting`` has the calls that it waits for."""

    id: str
    status: protocols.Status
    agent: str
    created_at: float
    thread: str | None = None
    ended_at: float | None = None
    usage: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    waiting: dict[str, Any] | None = None


class RefusedError(Exception):
    """The server does not do it. ``status`` is the HTTP status, ``code`` is for programs."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class _AwayError(Exception):
    """No answer, or one that another try may better."""


_event: Callable[[bytes], LogEvent] = msgspec.json.Decoder(LogEvent).decode
_terminal = events.RunFinished | events.RunFailed | events.RunCancelled


class Client:
    """``async with`` it. ``patience`` is for how many seconds a server that is away is asked again before its absence
    is raised as a `ConnectionError`."""

    def __init__(self, url: str, *, key: str | None = None, patience: float = 60.0) -> None:
        self._url = url.rstrip("/").removesuffix("/v1") + "/v1"
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # A stream sends a heartbeat every ten seconds: one that is silent for long is dead.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=45)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def start(
        self,
        input: str | Sequence[Mapping[str, Any]],
        *,
        agent: str | None = None,
        thread: str | None = None,
        key: str | None = None,
        **more: Any,
    ) -> KeptRun:
        """Start a run that is kept. ``input`` is one user message, or the messages of a conversation in the form of
        chat completions. ``key`` is its Idempotency-Key: with the same one it is the same run, for a day."""
        said = {"input": input} if isinstance(input, str) else {"messages": list(input)}
        body = {**said, "agent": agent, "thread": thread, "background": True, **more}
        headers = {"idempotency-key": key or uuid.uuid4().hex}
        return _read_run(await self._ask("POST", "/runs", body, headers))

    async def get(self, run_id: str) -> KeptRun:
        return _read_run(await self._ask("GET", f"/runs/{run_id}"))

    async def cancel(self, run_id: str) -> None:
        await self._ask("POST", f"/runs/{run_id}/cancel")

    async def answer(self, run_id: str, results: Mapping[str, Any]) -> KeptRun:
        """Give a run that waits the results of its calls, by their ids."""
        given = [{"tool_call_id": id, "output": output} for id, output in results.items()]
        return _read_run(await self._ask("POST", f"/runs/{run_id}/answer", {"results": given}))

    async def events(self, run_id: str, after: int = 0) -> AsyncIterator[tuple[int, LogEvent]]:
        """The events behind ``after`` with their numbers, to the terminal one, each once: a connection that breaks is
        made again. Text from the ``void_from`` of a `RunResumed` up to it is void."""
        trying = _Trying(self._patience)
        while True:
            try:
                async for seq, event in self._follow(run_id, after):
                    trying.progress()
                    after = seq
                    if event is not None:
                        yield seq, event
                        if isinstance(event, _terminal):
                            return
                if (await self.get(run_id)).ended_at is not None:
                    return
            except _AwayError as error:
                await trying.pause(error)

    async def _follow(self, run_id: str, after: int) -> AsyncIterator[tuple[int, LogEvent | None]]:
        """One connection's worth. An event that this version does not know or cannot read is None."""
        assert self._session is not None, "enter the client first"
        decoder = sse.Decoder()
        try:
            url, query = f"{self._url}/runs/{run_id}/events", {"after": str(after)}
            async with self._session.get(url, params=query) as response:
                await _check(response)
                async for piece in response.content.iter_any():
                    for frame in decoder.feed(piece):
                        if frame.id and int(frame.id) > after:
                            after = int(frame.id)
                            yield after, _read_event(frame.data)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _AwayError from error

    async def _ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> bytes:
        assert self._session is not None, "enter the client first"
        trying = _Trying(self._patience)
        while True:
            try:
                async with self._session.request(method, self._url + path, json=body, headers=headers) as response:
                    await _check(response)
                    return await response.read()
            except (aiohttp.ClientError, TimeoutError, _AwayError) as error:
                await trying.pause(error)


class _Trying:
    """How long to try again, and when."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.progress()

    def progress(self) -> None:
        self._pause = _FIRST_PAUSE
        self._until = asyncio.get_running_loop().time() + self._patience

    async def pause(self, error: Exception) -> None:
        if asyncio.get_running_loop().time() > self._until:
            raise ConnectionError("The server does not answer.") from error
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status < 400:
        return
    if response.status in _PASSING:
        raise _AwayError
    try:
        error = jsontext.decode(await response.read())["error"]
        raise RefusedError(response.status, str(error.get("code")), str(error.get("message")))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RefusedError(response.status, "", f"The server answers with status {response.status}.") from None


def _read_run(data: bytes) -> KeptRun:
    return jsontext.decode(data, KeptRun)


def _read_event(data: bytes) -> LogEvent | None:
    try:
        return _event(data)
    except (msgspec.ValidationError, RecursionError):
        return None
