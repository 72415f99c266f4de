"""Behind PgBouncer in transaction mode, where it is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests import postgres as servers
from tests.runs.test_faults import check_run, owner_here
from tests.stores import Place, event_of, new_run
from turnstream import events

PROGRAM = shutil.which("pgbouncer")
SETTINGS = """[databases]
* = host={server} user=postgres
[pgbouncer]
unix_socket_dir = {folder}
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = 4
"""


@pytest.fixture
def pooler(postgres_url: str) -> Iterator[str]:
    """The query of a URL that leads through the pooler."""
    if PROGRAM is None:
        pytest.skip("pgbouncer is not installed")
    folder = Path(tempfile.mkdtemp(prefix="pb"))
    user = "nobody" if os.getuid() == 0 else None
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    server = parse_qs(urlsplit(postgres_url).query)["host"][0]
    (folder / "settings").write_text(SETTINGS.format(server=server, folder=folder))
    process = subprocess.Popen([PROGRAM, "-q", folder / "settings"], user=user, stderr=subprocess.DEVNULL)
    try:
        wait_for(folder / ".s.PGSQL.6432")
        yield f"host={folder}&port=6432"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        with socket.socket(socket.AF_UNIX) as client:
            if not client.connect_ex(str(path)):
                return
        assert time.monotonic() < deadline


async def test_runs_are_kept_and_watched_by_polling(postgres_url: str, pooler: str) -> None:
    """Row 13."""
    direct = await servers.new_database(postgres_url)
    place = Place("postgres", urlsplit(direct)._replace(query=pooler).geturl())
    runs = [new_run(thread=f"t{number}") for number in range(10)]
    async with place.open() as store, place.open() as watcher, owner_here(store, 0.005):
        assert store.runs.database.pooled
        for new in runs:
            await watcher.runs.submit(new)
        await event_of(watcher, runs[0].id, events.TextDelta)
        for new in runs:
            await check_run(watcher, new)
