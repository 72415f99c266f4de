"""By which names a server may be called, and what it says of its own."""

from __future__ import annotations

import pytest

from tests.agent.scripted import Scripted, says
from tests.server.serving import ASK, serving
from turnstream.agent import Agent
from turnstream.server.middleware.hosts import is_private

CARD = "/.well-known/agent-card.json"
KEY = {"x_api_key": "k"}


def agent() -> Agent:
    return Agent(Scripted(says("hello")))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 403),
        ("evil.example:8000", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("192.168.1.5:8000", 200),
        ("turnstream:8000", 200),
        ("turnstream.agents.svc.cluster.local", 200),
        ("LOCALHOST", 200),
    ],
)
async def test_without_keys_only_names_that_nobody_else_can_own_lead_in(host: str, status: int) -> None:
    async with serving(agent(), host="127.0.0.1", allow_unauthenticated=True) as served:
        for path in ("/v1/models", CARD):
            assert (await served.get(path, host=host))[0] == status
        assert (await served.post(ASK, host=host))[0] == status
        assert (await served.get("/healthz", host=host))[0] == 200


async def test_a_page_whose_own_name_leads_here_does_not_come_in_by_its_origin_either() -> None:
    async with serving(agent(), host="0.0.0.0", allow_unauthenticated=True) as served:
        status, _, answer = await served.post(ASK, host="evil.example", origin="http://evil.example")
    assert (status, answer["error"]["code"]) == (403, "host_not_allowed")


async def test_with_keys_any_name_does_unless_some_are_allowed() -> None:
    async with serving(agent(), keys=("k",)) as served:
        assert (await served.get("/v1/models", host="agents.example", **KEY))[0] == 200
    async with serving(agent(), keys=("k",), allowed_hosts=("agents.example",)) as served:
        assert (await served.get("/v1/models", host="Agents.example:443", **KEY))[0] == 200
        assert (await served.get("/v1/models", host="other.example", **KEY))[0] == 403


async def test_the_public_url_is_a_name_of_its_own_and_stands_in_cards() -> None:
    async with serving(agent(), public_url="https://agents.example") as served:
        for host in ("agents.example", "localhost"):
            status, _, card = await served.get(CARD, host=host)
            assert (status, card["url"]) == (200, "https://agents.example/a2a/agent")


async def test_a_proxy_on_this_machine_is_believed_that_it_speaks_tls() -> None:
    async with serving(agent()) as served:
        card = (await served.get(CARD, host="localhost", x_forwarded_proto="https"))[2]
    assert card["url"] == "https://localhost/a2a/agent"


@pytest.mark.parametrize("name", ["evil.example", "10.0.0.1.nip.io", "local", "a.localhost.example"])
def test_a_name_with_a_dot_can_be_anybodys(name: str) -> None:
    assert is_private(name) == ("." not in name)
