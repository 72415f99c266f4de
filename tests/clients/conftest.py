"""A real server process and a Node.js process, each started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.clients import CLIENTS, Client
from tests.clients.node_process import NodeProcess, NoNode


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
    if client.node:
        request.getfixturevalue("node")
    return client


@pytest.fixture
def driver(client: Client, request: pytest.FixtureRequest) -> NodeProcess | None:
    """What drives that client, when it is not this process."""
    return request.getfixturevalue("node") if client.node else None
