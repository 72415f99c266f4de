"""An MCP server that is a process of ours: how it is started, spoken to, and ended with all that it started."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from turnstream import text as texts
from turnstream.tools.mcp import wire

log = logging.getLogger("turnstream.tools.mcp")

_PIECE = 65536
_LONGEST_LINE = 1000
_LONGEST_REASON = 200
_SECONDS_TO_END = 2.0  # by itself after its input is closed, and again after SIGTERM
_SECONDS_OF_DEATH = 1.0  # between the end of its output and its exit status
_POLL = 0.01


class NotStartedError(Exception):
    """The server did not start; ``reason`` is for the operator and the model."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Process:
    """Speaks JSON-RPC by lines on its standard input and output; its standard error goes to the log."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, secrets: Sequence[str]) -> None:
        self.name = name
        self._process = process
        self._redactor = texts.Redactor(secrets)
        self._last_error = ""
        self._waiting: set[Any] = set()

    @classmethod
    async def start(
        cls, name: str, command: str, args: Sequence[str], env: Mapping[str, str], cwd: str | None
    ) -> Process:
        """Raises `NotStartedError`."""
        from mcp.client.stdio import get_default_environment

        if cwd is not None and not await asyncio.to_thread(Path(cwd).is_dir):
            raise NotStartedError(f"there is no folder {cwd}")
        try:
            process = await asyncio.create_subprocess_exec(
                _find(command),
                *args,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**get_default_environment(), **env},
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise NotStartedError(_why_not(error)) from error
        except ValueError as error:
            raise NotStartedError("its command has characters that are not allowed in it") from error
        return cls(name, process, list(env.values()))

    # ------------------------------------------------------------------------------------------------------- messages

    async def messages(self) -> AsyncIterator[wire.Message]:
        """Until its output ends."""
        output = self._process.stdout
        lines = wire.Lines()
        while output is not None and (piece := await output.read(_PIECE)):
            for message in lines.feed(piece):
                yield self._receive(message)
        for message in lines.close():
            yield self._receive(message)

    def _receive(self, message: wire.Message) -> wire.Message:
        """An error that names no request belongs to the only one that waits, if there is one."""
        if wire.is_answer(message):
            if message.get("id") is None and len(self._waiting) == 1:
                message["id"] = next(iter(self._waiting))
            self._waiting.discard(message.get("id"))
        return message

    async def send(self, message: wire.Message) -> None:
        """Raises `OSError` when it no longer reads."""
        if "method" in message and "id" in message:
            self._waiting.add(message["id"])
        given = self._process.stdin
        if given is not None:
            given.write(wire.encode(message) + b"\n")
            await given.drain()

    async def log_errors(self) -> None:
        errors, rest = self._process.stderr, b""
        while errors is not None and (piece := await errors.read(_PIECE)):
            *lines, rest = (rest + piece).split(b"\n")
            rest = rest[-_LONGEST_LINE:]
            for line in lines:
                self._log(line)
        self._log(rest)

    def _log(self, line: bytes) -> None:
        written = line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip()
        if written.strip():
            log.info("%s: %s", self.name, written)
            self._last_error = written.strip()

    # ------------------------------------------------------------------------------------------------------------ end

    async def reason(self) -> str:
        """Why it closed its output: its exit status and the last line of its standard error."""
        await self._wait_for_exit(_SECONDS_OF_DEATH)
        status = self._process.returncode
        if status is None or status in (-signal.SIGTERM, -getattr(signal, "SIGKILL", 9)):
            return "it closed the connection"
        said = texts.excerpt(self._redactor.redact(self._last_error), _LONGEST_REASON)
        how = f"exit status {status}" if status >= 0 else f"it was ended by signal {-status}"
        if said and status:
            return f"it closed the connection ({how}: {said})"
        return f"it closed the connection ({how})" if status else "it closed the connection"

    async def end(self) -> None:
        """It and whatever it started, also when it went before and left others behind."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if await self._wait_for_exit(_SECONDS_TO_END) and not self._has_group():
            return
        self._signal(signal.SIGTERM)
        if await self._wait_for_group(_SECONDS_TO_END):
            return
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        if not await self._wait_for_exit(_SECONDS_TO_END):
            log.warning("MCP server %s: process %d cannot be ended", self.name, self._process.pid)

    async def close_pipes(self) -> None:
        """A survivor may hold them open."""
        transport = getattr(self._process, "_transport", None)
        if transport is not None:
            with suppress(PermissionError, ProcessLookupError):
                transport.close()
        await asyncio.sleep(0)

    async def _wait_for_exit(self, seconds: float) -> bool:
        """By asking: to wait for a process also waits for the end of pipes that its children hold."""
        return await _poll(lambda: self._process.returncode is not None, seconds)

    async def _wait_for_group(self, seconds: float) -> bool:
        return await _poll(lambda: self._process.returncode is not None and not self._has_group(), seconds)

    def _has_group(self) -> bool:
        if sys.platform == "win32":
            return False
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, number)


@asynccontextmanager
async def streams(process: Process, lost: Callable[[str], None]) -> AsyncIterator[Any]:
    """The SDK's two streams. ``lost`` is told why, before the first of them ends."""
    import anyio
    from mcp.shared.message import SessionMessage
    from mcp.types import jsonrpc_message_adapter

    incoming, received = anyio.create_memory_object_stream[Any](0)
    outgoing, given = anyio.create_memory_object_stream[Any](0)

    is_ending = False

    async def read() -> None:
        async with incoming:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
                async for message in process.messages():
                    try:
                        parsed = jsonrpc_message_adapter.validate_python(message, by_name=False)
                    except ValueError:
                        log.debug("MCP server %s: something that is not a message", process.name, exc_info=True)
                        continue
                    await incoming.send(SessionMessage(parsed))
            if not is_ending:
                lost(await process.reason())

    async def write() -> None:
        async with given:
            async for item in given:
                try:
                    await process.send(item.message.model_dump(by_alias=True, mode="json", exclude_unset=True))
                except OSError:
                    lost(await process.reason())
                    await incoming.aclose()
                    return

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        tasks.start_soon(write)
        tasks.start_soon(process.log_errors)
        try:
            yield received, outgoing
        finally:
            is_ending = True
            with anyio.CancelScope(shield=True):
                received.close()
                outgoing.close()
                await process.end()
                await process.close_pipes()
            tasks.cancel_scope.cancel()


async def _poll(condition: Callable[[], bool], seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        if loop.time() >= end:
            return False
        await asyncio.sleep(_POLL)
    return True


def _find(command: str) -> str:
    """On Windows, ``npx`` is ``npx.cmd``."""
    return shutil.which(command) or command if sys.platform == "win32" else command


def _why_not(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such command"
        case PermissionError():
            return "its command may not be executed"
        case OSError(errno=errno.ENOEXEC):
            return "its command is not a program: a script begins with #! and its interpreter"
        case _:
            return f"its command cannot be executed: {error.strerror or type(error).__name__}"
