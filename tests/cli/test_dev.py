from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from turnstream.cli.dev import _command, _find_folder

SUPERVISOR = """
import sys
from turnstream.cli.dev import _supervise
_supervise([sys.executable, "-u", "server.py"], None)
"""
SERVER = "import os, time\nprint('started', os.getpid(), flush=True)\ntime.sleep(60)\n"


@contextmanager
def supervised(folder: Path, server: str) -> Iterator[subprocess.Popen[str]]:
    (folder / "server.py").write_text(server)
    command = [sys.executable, "-u", "-c", SUPERVISOR]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=folder) as supervisor:
        try:
            yield supervisor
        finally:
            supervisor.kill()


def line(supervisor: subprocess.Popen[str]) -> str:
    assert supervisor.stdout is not None
    return supervisor.stdout.readline().rstrip()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.timeout(30)
def test_a_changed_file_starts_the_server_anew(tmp_path: Path) -> None:
    with supervised(tmp_path, SERVER) as supervisor:
        assert supervisor.stderr is not None
        first = int(line(supervisor).split()[1])
        while True:  # the watch may begin after the first of these writes
            (tmp_path / "agent.yaml").write_text(f"# {os.urandom(4).hex()}")
            if readable(supervisor, 1.0):
                break
        second = int(line(supervisor).split()[1])
        assert first != second
        assert not alive(first)
        assert supervisor.stderr.readline() == "Changed: agent.yaml. Restarting.\n"


def readable(supervisor: subprocess.Popen[str], seconds: float) -> bool:
    assert supervisor.stdout is not None
    return bool(select.select([supervisor.stdout], [], [], seconds)[0])


@pytest.mark.timeout(30)
def test_the_server_ends_with_its_supervisor(tmp_path: Path) -> None:
    with supervised(tmp_path, SERVER) as supervisor:
        server = int(line(supervisor).split()[1])
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(20) == 0
        assert not alive(server)


@pytest.mark.timeout(30)
def test_a_server_that_is_just_starting_ends_with_its_supervisor(tmp_path: Path) -> None:
    """The server's first act is to end its supervisor, which has hardly started it."""
    server = f"import os, signal\nos.kill(os.getppid(), signal.SIGTERM)\n{SERVER}"
    with supervised(tmp_path, server) as supervisor:
        started = line(supervisor)
        assert supervisor.wait(20) == 0
        assert not alive(int(started.split()[1]))


def test_where_its_own_output_goes_is_not_watched(tmp_path: Path) -> None:
    log, other = tmp_path / "log.txt", tmp_path / "other.txt"
    other.touch()
    code = (
        "import sys; from turnstream.cli.dev import _is_own_output as own; print([own(path) for path in sys.argv[1:]])"
    )
    with log.open("w") as out:
        subprocess.run([sys.executable, "-c", code, log, other, tmp_path / "gone"], stdout=out, check=True, timeout=60)
    assert log.read_text() == "[True, False, False]\n"


def test_a_file_that_is_not_there_is_told_at_once_and_not_waited_for(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "turnstream", "dev", "agnet.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "there is no file or folder 'agnet.yaml'" in done.stderr


@pytest.mark.timeout(30)
def test_a_server_that_fails_is_waited_for(tmp_path: Path) -> None:
    with supervised(tmp_path, "print('broken', flush=True)\nraise SystemExit(1)") as supervisor:
        assert supervisor.stderr is not None
        assert line(supervisor) == "broken"
        assert supervisor.stderr.readline() == "The server is not running. Waiting for a change.\n"
        assert supervisor.poll() is None


@pytest.mark.timeout(30)
def test_a_server_that_ends_well_ends_the_command(tmp_path: Path) -> None:
    with supervised(tmp_path, "print('done')") as supervisor:
        assert supervisor.wait(20) == 0


def test_the_server_gets_the_options_of_the_command() -> None:
    assert _command("agent.yaml", None, 0, "demo")[3:] == [
        *("dev", "--no-reload", "--port", "0", "--model", "demo", "--", "agent.yaml"),
    ]
    assert _command(None, "127.0.0.1", None, None)[3:] == ["dev", "--no-reload", "--host", "127.0.0.1"]


def test_what_is_watched_is_the_folder_of_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _find_folder(None) == (Path(), False)
    (tmp_path / "agents").mkdir()
    assert _find_folder(None) == (Path("agents"), True)
    (tmp_path / "agents" / "a.yaml").touch()
    assert _find_folder("agents/a.yaml") == (Path("agents"), True)
    assert _find_folder("module:agent") == (Path(), True)
