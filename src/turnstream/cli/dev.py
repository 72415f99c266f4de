"""``turnstream dev``: the server on this machine, restarted whenever a file changes."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnstream.cli.options import Host, ModelName, Port, Target

if TYPE_CHECKING:
    import socket

    from turnstream.service import ServerSettings

GRACE = 1.0
"""Seconds that running streams get when a file has changed."""
_TRIES = 10
"""Ports that are tried, from the configured one on."""
_CANNOT_LISTEN = 3
"""The exit code of a server whose address is not available: no change of a file can mend that."""
PATIENCE = 5.0
"""Seconds that a server gets to stop before it is killed."""
WATCHED = (".py", ".yaml", ".yml", ".md", ".txt", ".json", ".env")


def dev(
    target: Target = None,
    host: Host = None,
    port: Port = None,
    model: ModelName = None,
    reload: Annotated[bool, typer.Option("--reload/--no-reload", help="Restart when a file changes.")] = True,
) -> None:
    """Serve while you build; reloads on change.

    Works with no file and no key. Without a configuration it takes the first API key in the environment, else a local
    Ollama, else a built-in demo model, and says which.

    Example: turnstream dev

    Example: turnstream dev agent.yaml --port 8080
    """
    if reload:
        _check_target(target)
        _supervise(_command(target, host, port, model), target)
    else:
        _serve(target, host, port, model)


def _serve(target: str | None, host: str | None, port: int | None, model: str | None) -> None:
    from turnstream.cli.serve import run, with_settings
    from turnstream.cli.target import find_service
    from turnstream.server.run import check

    service, why = find_service(target, model)
    service = with_settings(service, host, port)
    service.settings = dataclasses.replace(service.settings, shutdown_grace=min(GRACE, service.settings.shutdown_grace))
    typer.echo(why, err=True)
    check(service.settings)
    run(service, listener=_listen(service.settings, tries=1 if port is not None else _TRIES))


def _listen(settings: ServerSettings, tries: int) -> socket.socket:
    """On the port, or on one of those behind it if it is taken and the command line does not insist on it."""
    from turnstream import errors
    from turnstream.server.run import listen

    for number in range(settings.port, settings.port + tries):
        try:
            listener = listen(dataclasses.replace(settings, port=number))
        except errors.ConfigurationError as error:
            problem = error.message
            continue
        if number != settings.port:
            typer.echo(f"Port {settings.port} is in use: taking {number}.", err=True)
        return listener
    typer.echo(f"turnstream: {problem}", err=True)
    raise typer.Exit(_CANNOT_LISTEN)


def _command(target: str | None, host: str | None, port: int | None, model: str | None) -> list[str]:
    command = [sys.executable, "-m", "turnstream", "dev", "--no-reload"]
    for option, value in (("--host", host), ("--port", port), ("--model", model)):
        if value is not None:
            command += [option, str(value)]
    return [*command, "--", target] if target is not None else command


def _check_target(target: str | None) -> None:
    """Raises `ConfigurationError` for a file that is not there: nothing is watched in its place."""
    from turnstream import errors

    if target is not None and ":" not in target and not Path(target).exists():
        raise errors.ConfigurationError(f"there is no file or folder {target!r}")


def _find_folder(target: str | None) -> tuple[Path, bool]:
    """The folder whose files a configuration is made of, and whether its subfolders belong to it."""
    from turnstream.config import find

    path = Path(target) if target is not None else find(Path())
    if path is None:
        return Path(), False
    if path.is_dir():
        return path, True
    return (path.parent, True) if path.is_file() else (Path(), True)


def _supervise(command: Sequence[str], target: str | None) -> None:
    """Ends when the server ends well, or by Ctrl-C or SIGTERM, and the server with it."""
    from watchfiles import DefaultFilter, watch

    class Sources(DefaultFilter):
        def __call__(self, change: object, path: str) -> bool:
            if not path.endswith(WATCHED) or _is_own_output(path):
                return False
            return super().__call__(change, path)  # type: ignore[arg-type]

    ended = threading.Event()  # and no exception: one that came while the server starts would leave it alone
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    server = _Server(command)
    try:
        folder, recursive = _find_folder(target)  # loads much, while the server starts
        for changes in watch(
            folder,
            watch_filter=Sources(),
            recursive=recursive,
            yield_on_timeout=True,
            rust_timeout=500,
            stop_event=ended,
        ):
            if changes:
                names = sorted({os.path.relpath(path) for _, path in changes})
                names[3:] = ["…"] if len(names) > 3 else []
                typer.echo(f"Changed: {', '.join(names)}. Restarting.", err=True)
                server.restart()
            elif server.check_exit():
                break
            elif server.code == _CANNOT_LISTEN:
                raise typer.Exit(1)
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


def _is_own_output(path: str) -> bool:
    """Whether it is where what we say goes (``turnstream dev > log.txt``): that changes with each restart."""
    try:
        changed = os.stat(path)
        return any(os.path.samestat(changed, os.fstat(stream)) for stream in (1, 2))
    except OSError:  # it is gone
        return False


class _Server:
    """The process that serves. A group of its own keeps the terminal's Ctrl-C from it: we tell it to stop, once."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process = self._start()
        self._failed = False

    def check_exit(self) -> bool:
        """Says once that it ended otherwise: what is wrong stands above, and the next change may mend it."""
        code = self._process.poll()
        if code and code != _CANNOT_LISTEN and not self._failed:
            self._failed = True
            typer.echo("The server is not running. Waiting for a change.", err=True)
        return code == 0

    @property
    def code(self) -> int | None:
        return self._process.poll()

    def restart(self) -> None:
        self.stop()
        self._process = self._start()
        self._failed = False

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, process_group=0 if os.name == "posix" else None)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
