"""Behind a proxy: below a path, and with what the proxy says of its client, if it may say that."""

from __future__ import annotations

from typing import Any

import pytest

from tests.agent.scripted import Scripted, says
from tests.server.serving import ASK, Served, serving
from turnstream import Agent, errors
from turnstream.config import load
from turnstream.server import proxies

CARD = "/a2a/a/.well-known/agent-card.json"
FORWARDED = {"x_forwarded_proto": "https", "x_forwarded_host": "agents.example.com", "x_forwarded_prefix": "/ai"}


def agent() -> Agent:
    return Agent(Scripted(says("ok")), name="a")


async def url(served: Served, path: str = CARD, **headers: str) -> str:
    status, _, card = await served.get(path, **headers)
    assert status == 200, card
    return str(card["url"])


async def test_below_a_path_all_is_found_and_addresses_have_it() -> None:
    async with serving(agent(), root_path="/ai/agents") as served:
        assert await url(served, f"/ai/agents{CARD}") == f"{served.url}/ai/agents/a2a/a"
        for path in (
            "/ai/agents/v1/models",
            "/ai/agents/healthz",
            "/ai/agents/",
            "/ai/agents",
            "/healthz",
            "/v1/models",
        ):
            assert (await served.get(path))[0] == 200, path
        assert (await served.post(ASK, "/ai/agents/v1/chat/completions"))[0] == 200
        assert (await served.get("/ai/agentsv1/models"))[0] == 404


async def test_the_document_of_the_api_says_that_the_api_is_beside_it() -> None:
    async with serving(agent(), root_path="/ai") as served:
        for path in ("/ai/openapi.json", "/openapi.json"):
            assert (await served.get(path))[2]["servers"] == [{"url": "."}]


async def test_a_key_is_asked_below_a_path_too() -> None:
    async with serving(agent(), root_path="/ai", keys=("key-one-1",)) as served:
        assert (await served.get("/ai/v1/models"))[0] == 401
        assert (await served.post({}, "/ai/admin/reload", authorization="Bearer key-one-1"))[0] == 403


async def test_a_proxy_that_is_trusted_says_where_its_clients_come_from() -> None:
    async with serving(agent(), trusted_proxies=("127.0.0.0/8",)) as served:
        assert await url(served, **FORWARDED) == "https://agents.example.com/ai/a2a/a"
        assert (await url(served, x_forwarded_proto="https, http")).startswith("https://127.0.0.1:")


async def test_who_is_not_trusted_is_not_believed() -> None:
    async with serving(agent(), trusted_proxies=("10.0.0.0/8",)) as served:
        assert await url(served, x_forwarded_host="evil.example.com") == f"{served.url}/a2a/a"
    async with serving(agent()) as served:
        only_tls = served.url.replace("http:", "https:")
        assert await url(served, **FORWARDED) == f"{only_tls}/a2a/a"


@pytest.mark.parametrize(
    ("name", "value"),
    [("host", "a b"), ("host", "x/y"), ("host", "user@x"), ("prefix", "//evil"), ("prefix", "/a?b"), ("proto", "ftp")],
)
async def test_what_is_no_part_of_an_address_is_left_out(name: str, value: str) -> None:
    async with serving(agent(), trusted_proxies=("127.0.0.1",)) as served:
        assert await url(served, **{f"x_forwarded_{name}": value}) == f"{served.url}/a2a/a"


@pytest.mark.parametrize(("peer", "trusted"), [("10.1.2.3", True), ("::1", True), ("11.1.2.3", False), ("", False)])
def test_addresses_and_networks_are_told_apart(peer: str, trusted: bool) -> None:
    assert proxies.trusts(peer, ("10.0.0.0/8", "::1")) is trusted


@pytest.mark.parametrize("line", ["root_path: agents", "root_path: /agents/", "trusted_proxies: [proxy.internal]"])
def test_a_setting_that_is_wrong_is_told(tmp_path: Any, line: str) -> None:
    (tmp_path / "agent.yaml").write_text(f"model: demo\nserver: {{{line}}}\n")
    with pytest.raises(errors.ConfigurationError, match=line.partition(":")[0]):
        load(tmp_path / "agent.yaml", {})
