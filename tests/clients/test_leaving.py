"""A client that goes away in mid-stream, each in the way that its library has for that."""

from __future__ import annotations

import pytest

from tests.clients.clients import CLIENTS, VENDOR_CLIENTS, Client, converse
from tests.clients.job import Job
from tests.clients.node_process import NodeProcess


@pytest.fixture(
    params=[client for client in (*CLIENTS, *VENDOR_CLIENTS) if client.streams], ids=lambda client: client.name
)
def client(request: pytest.FixtureRequest) -> Client:
    client: Client = request.param
    return client


async def test_a_client_that_leaves_ends_its_run(client: Client, server: str, driver: NodeProcess | None) -> None:
    await converse(Job(client.name, server, "lingering", leave=True), driver)
    witness = await converse(Job("openai-python whole", server, "departed"), None)
    assert witness.text == "one left"
