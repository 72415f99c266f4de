"""A real server process and a Node.js process, each started once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import upstream
from tests.clients import processes
from tests.clients.clients import CLIENTS, Client
from tests.clients.node_process import NodeProcess, NoNode
from tests.scripts import SCRIPTS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The base URL of a server process, whose agents are those of `tests.clients.server`."""
    command = [sys.executable, "-m", "tests.clients.server"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}/src"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            assert url, "the server did not start; its standard error says why"
            yield url
        finally:
            processes.end(process)


@pytest.fixture(scope="session")
def vendor() -> Iterator[upstream.Upstream]:
    """The stand-in for a vendor, for those who talk to it directly; the server has one of its own."""
    with upstream.serve_in_thread(SCRIPTS) as vendor:
        yield vendor


@pytest.fixture(scope="session")
def node_or_reason() -> Iterator[NodeProcess | str]:
    """The Node.js process, or why there is none."""
    try:
        with NodeProcess() as node:
            yield node
    except NoNode as reason:
        yield str(reason)


@pytest.fixture
def node(node_or_reason: NodeProcess | str) -> NodeProcess:
    if isinstance(node_or_reason, str):
        pytest.skip(f"the clients of Node.js are not tested here: {node_or_reason}")
    return node_or_reason


@pytest.fixture(params=CLIENTS, ids=lambda client: client.name)
def client(request: pytest.FixtureRequest) -> Client:
    client: Client = request.param
    return client


@pytest.fixture
def driver(client: Client, request: pytest.FixtureRequest) -> NodeProcess | None:
    """What drives that client, when it is not this process."""
    return request.getfixturevalue("node") if client.node else None
