"""Several processes that serve one address."""

from __future__ import annotations

import asyncio
import dataclasses
import http.client
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests import postgres
from tests.server.serving import eventually
from turnstream import Agent, ConfigurationError, ServerSettings, Service, parent, workers
from turnstream.runs import stores
from turnstream.server import run, serve, worker
from turnstream.testing import ScriptedModel

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="several workers need a POSIX system"),
    pytest.mark.timeout(120),
]
ROOT = Path(__file__).parents[2]
AGENT = "tests/server/worker_agent.py:service"
PATIENCE = 60.0


class Served:
    """A parent and its two workers. A thread reads their log, or they would wait for somebody to read it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.log = ""
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.port = int(self.until(r"http://127\.0\.0\.1:(\d+)/v1"))

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def until(self, pattern: str) -> str:
        """What the log's next line with it says there."""
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            self.log += line
            if found := re.search(pattern, line):
                return found[1]
        raise AssertionError(self.log)

    def close(self) -> None:
        """Its workers end when they have lost it, and with them the log."""
        self.process.kill()
        self._reader.join(PATIENCE)

    def ready(self, count: int) -> list[int]:
        return [int(self.until(r"is ready: process (\d+)")) for _ in range(count)]

    def post(self, body: dict[str, Any], path: str = "/v1/chat/completions") -> http.client.HTTPResponse:
        """Over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json", "connection": "close"})
        return connection.getresponse()

    def ask(self, content: str = str(ROOT)) -> int:
        """Which process answers."""
        with self.post({"messages": [{"role": "user", "content": content}]}) as response:
            answer = json.load(response)
        return int(answer["choices"][0]["message"]["content"].split()[0])


@contextmanager
def serving(*options: str, target: str = AGENT, **environ: str) -> Iterator[Served]:
    command = [sys.executable, "-m", "turnstream", "serve", target, "--port", "0", "--workers", "2", *options]
    environment = {**os.environ, "LOG_FORMAT": "text", **environ}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment, start_new_session=True
    ) as process:
        served = Served(process)
        try:
            yield served
        finally:
            served.close()


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """A process that nobody has asked for its status does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def start_stream(served: Served, path: Path) -> tuple[http.client.HTTPResponse, int]:
    """A stream that ends when the path is there, and the process that sends it."""
    response = served.post({"messages": [{"role": "user", "content": str(path)}], "stream": True})
    while not (found := re.search(rb'"content":"(\d+)"', response.readline())):
        pass
    return response, int(found[1])


def test_connections_are_split_a_killed_worker_is_replaced_and_streams_end_well(tmp_path: Path) -> None:
    with serving() as served:
        first, second = served.ready(2)
        counts = Counter(served.ask() for _ in range(300))
        assert counts.keys() == {first, second}
        if workers.can_spread():
            assert min(counts.values()) > 0.4 * 300
        os.kill(first, signal.SIGKILL)
        assert {served.ask() for _ in range(30)} <= {second, *served.ready(1)}
        response, _ = start_stream(served, tmp_path / "go")
        # As systemd does: all processes are told at once.
        os.killpg(served.process.pid, signal.SIGTERM)
        os.kill(second, signal.SIGTERM)
        served.until("(stopping)")
        (tmp_path / "go").touch()
        assert response.read().endswith(b"data: [DONE]\n\n")
        assert served.process.wait(PATIENCE) == 0
        assert served.log.count("chat in the browser") == 1


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_metrics_are_sums_and_workers_that_have_lost_their_parent_finish_what_runs(tmp_path: Path) -> None:
    with serving(METRICS="true") as served:
        pids = set(served.ready(2))
        assert {served.ask() for _ in range(20)} == pids
        for _ in range(5):
            with urlopen(f"http://127.0.0.1:{served.port}/metrics", timeout=PATIENCE) as response:
                text = response.read().decode()
            assert re.search(r"turnstream_runs_total\{.*\} 20\.0", text)
            assert 'turnstream_runs_running{agent="teller"} 0.0' in text
        response, _ = start_stream(served, tmp_path / "go")
        served.process.kill()
        served.until("draining: (1) run")
        (tmp_path / "go").touch()
        assert response.read().endswith(b"data: [DONE]\n\n")
        wait(lambda: not any(map(lives, pids)))


def test_all_workers_load_their_configuration_anew(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("name: one\nmodel: demo\n")
    with serving(target=str(file)) as served:
        served.ready(2)
        file.write_text("name: two\nmodel: demo\n")
        served.process.send_signal(signal.SIGHUP)
        wait(lambda: {read_agent(served) for _ in range(10)} == {"two"})
        served.process.terminate()
        assert served.process.wait(PATIENCE) == 0
        with pytest.raises(AssertionError):  # the end of the log
            served.until("(only a restart changes)")


def read_agent(served: Served) -> str:
    with urlopen(f"http://127.0.0.1:{served.port}/v1/models", timeout=PATIENCE) as response:
        return str(json.load(response)["data"][0]["id"])


def test_a_worker_that_cannot_start_ends_the_server_with_its_status() -> None:
    with serving(FAIL="1") as served:
        assert served.process.wait(PATIENCE) == 3


def test_a_second_server_does_not_take_the_address_of_workers() -> None:
    settings = ServerSettings(port=0, workers=2)
    listeners = run.listen_for_workers(settings)
    port = listeners[0].getsockname()[1]
    try:
        assert {listener.getsockname()[1] for listener in listeners} == {port}
        with pytest.raises(ConfigurationError, match="Address already in use"):
            run.listen_for_workers(ServerSettings(port=port, workers=2))
    finally:
        for listener in listeners:
            listener.close()


@pytest.mark.parametrize("store", ["sqlite:kept.db", "memory"])
def test_a_store_of_one_process_is_refused_for_several(store: str) -> None:
    with pytest.raises(ConfigurationError, match="2 processes cannot share the store "):
        stores.for_workers(store, 2)
    assert stores.for_workers(store, 1) == store


def test_without_a_shared_store_workers_keep_nothing() -> None:
    assert stores.for_workers("auto", 2) == "none"
    assert stores.for_workers("postgres://db/x", 2) == "postgres://db/x"


def test_several_workers_need_the_command() -> None:
    with pytest.raises(ConfigurationError, match="turnstream serve"):
        serve(Service({"a": Agent("demo")}, ServerSettings(workers=2)))


def test_no_line_of_the_parent_has_a_secret() -> None:
    with run.listen(ServerSettings(port=0)) as listener:
        plan = workers.Plan(["/no/secret-canary-1"], [], [listener.fileno()], 1, grace=0.1)
        command = [sys.executable, "-m", "turnstream.parent", json.dumps(dataclasses.asdict(plan))]
        environ = {**os.environ, "SHOP_API_KEY": "secret-canary-1"}
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=environ, pass_fds=plan.listeners, cwd=ROOT
        ) as process:
            assert process.stderr is not None
            line = process.stderr.readline()
            process.terminate()
    assert "worker 1 cannot be started: " in line
    assert "/no/***" in line


def test_a_worker_that_keeps_ending_is_started_less_and_less_often() -> None:
    backoff = parent.Backoff()
    assert [backoff.pause(1) for _ in range(8)] == [0, 1, 2, 4, 8, 16, 30, 30]
    assert [backoff.pause(age) for age in (60, 1, 1)] == [0, 0, 1]


async def test_a_worker_takes_the_same_order_twice_as_one() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = run.server(Service({"a": Agent(ScriptedModel(["x"]))}), worker.Link(theirs))
        with run.listen(ServerSettings(port=0)) as listener:
            task = asyncio.create_task(server.serve(sockets=[listener]))
            loop = asyncio.get_running_loop()
            ours.setblocking(False)
            assert await asyncio.wait_for(loop.sock_recv(ours, 1), 10) == workers.READY
            server.state.runs.live["held"] = None  # type: ignore[assignment]  # something that runs
            for _ in range(3):
                server.handle_exit(signal.SIGTERM, None)
            await loop.sock_sendall(ours, workers.DRAIN)
            await eventually(lambda: server.state.draining)
            assert not server.should_exit
            del server.state.runs.live["held"]
            await asyncio.wait_for(task, 20)


async def test_workers_go_on_with_each_others_kept_runs(postgres_url: str, tmp_path: Path) -> None:
    url = await postgres.new_database(postgres_url)
    await asyncio.to_thread(check_kept_run, url, tmp_path / "go")


def check_kept_run(url: str, gate: Path) -> None:
    with serving("--store", url) as served:
        served.ready(2)
        with served.post({"input": str(gate), "background": True}, "/v1/runs") as response:
            id = json.load(response)["id"]
        address = f"http://127.0.0.1:{served.port}/v1/runs/{id}"

        def find(pattern: str) -> str:
            """In the run's events, from whichever worker is asked."""
            with urlopen(f"{address}/events", timeout=PATIENCE) as response:
                return next(found[1] for line in response if (found := re.search(pattern, line.decode())))

        owner = int(find(r'"text":"(\d+)'))
        os.kill(owner, signal.SIGTERM)  # another goes on with it at once
        served.ready(1)
        gate.touch()
        assert find('"text":"[0-9]*( end)"')
        wait(lambda: all(read_status(address) == "finished" for _ in range(4)))


def read_status(address: str) -> object:
    with urlopen(address, timeout=PATIENCE) as response:
        return json.load(response)["status"]
