from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from turnstream import Agent, ServerSettings, Service, cli
from turnstream.cli import declare, workers
from turnstream.cli.serve import _as_at_first, banner

ROOT = Path(__file__).parents[2]
AGENTS = "tests/cli/agents.py:agents"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "turnstream", *arguments]


@contextmanager
def running(*arguments: str, store: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the address that it says it serves on. Two that run at a time may not have one ``store``."""
    environ = {**os.environ, "LOG_FORMAT": "text"}  # without a terminal it were JSON
    if store:
        environ["TURNSTREAM_STORE"] = store
    with subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environ) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if line.startswith("http://"))
            yield process, line.split("/v1")[0]
        finally:
            process.kill()


def failure(*arguments: str) -> str:
    environ = {"PATH": "", "PYTHONPATH": str(ROOT / "src")}  # no keys, and this source
    done = subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, timeout=60, cwd=ROOT, env=environ
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.removeprefix("turnstream: ").rstrip()


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("how", "number"), [("serve", signal.SIGTERM), ("dev", signal.SIGINT)])
def test_it_serves_until_it_is_told_to_stop(how: str, number: signal.Signals) -> None:
    with running(how, AGENTS, "--port", "0") as (process, address):
        with urlopen(f"{address}/v1/models", timeout=20) as answer:
            names = [model["id"] for model in json.load(answer)["data"]]
        assert names == ["doubler", "other"]
        process.send_signal(number)
        assert process.wait(20) == 0


def test_without_a_configuration_it_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(command("serve"), capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("turnstream: there is no agent.yaml and no agents/ here.")


def test_an_open_address_without_keys_is_refused() -> None:
    assert "set keys" in failure("serve", AGENTS, "--host", "0.0.0.0", "--port", "0")


def test_a_taken_port_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port}" in failure("serve", AGENTS, "--port", port)


def test_the_command_line_goes_before_the_file() -> None:
    from turnstream.cli.serve import with_settings
    from turnstream.service import ServerSettings, Service

    service = with_settings(Service({}, ServerSettings(port=1, max_body=2)), "127.0.0.2", 0, True)
    assert service.settings == ServerSettings("127.0.0.2", 0, allow_unauthenticated=True, max_body=2)
    assert with_settings(service).settings is not None


@pytest.mark.timeout(60)
def test_a_running_server_can_be_talked_to() -> None:
    with running("serve", AGENTS, "--port", "0") as (_, address):
        done = subprocess.run(
            command("chat", "--url", address, "--quiet", "--message", "double 21"),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (0, "It is 42.[31m\n")
        assert "it has: doubler, other" in failure("chat", "--url", address, "--agent", "tripler", "--message", "x")


def test_no_server_at_an_address_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = failure("chat", "--url", f"http://127.0.0.1:{port}", "--message", "x")
    assert said == f"no server answers at http://127.0.0.1:{port}/v1"


def test_without_a_terminal_each_line_of_the_log_is_json() -> None:
    with subprocess.Popen(
        command("serve", AGENTS, "--port", "0"), stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            assert process.stderr is not None
            lines: list[dict[str, str]] = []
            while not any("listening on" in line["message"] for line in lines):
                lines.append(json.loads(next(process.stderr)))
        finally:
            process.kill()
    assert lines[0]["message"].startswith("http://")


def test_health_succeeds_where_runs_are_taken() -> None:
    with running("serve", AGENTS, "--port", "0") as (_, address):
        done = subprocess.run(command("health", address), capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, '{"status":"ready"}\n')


def test_health_fails_where_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert failure("health", f"http://127.0.0.1:{port}").startswith(f"http://127.0.0.1:{port} does not answer")


def test_the_page_is_named_where_there_is_one() -> None:
    service = Service({"agent": Agent("demo")})
    assert "http://127.0.0.1:8000/  chat in the browser" in banner(service, "127.0.0.1", 8000)
    closed = Service({"agent": Agent("demo")}, ServerSettings(playground=False))
    assert "chat in the browser" not in banner(closed, "127.0.0.1", 8000)


def test_a_configuration_that_is_loaded_anew_has_the_store_of_several_workers() -> None:
    again = _as_at_first(lambda: Service({}, ServerSettings(workers=2)))
    assert again().settings.store == "none"


def test_a_password_that_came_by_the_environment_is_not_put_on_the_workers_command_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []

    def start(service: Service, context: declare.Context, *_: object, **__: object) -> None:
        told.extend([service.settings.store, *workers._words(context)])
        sys.exit()

    monkeypatch.setattr(workers, "start", start)
    monkeypatch.setenv("TURNSTREAM_STORE", "postgres://u:secret@host/database")
    with pytest.raises(SystemExit):
        cli.main(["serve", AGENTS, "--workers", "2"])
    store, *words = told
    assert store == "postgres://u:secret@host/database"
    assert words == ["--workers", "2", "--log-level", "info", "--log-format", "auto", "--", AGENTS]
