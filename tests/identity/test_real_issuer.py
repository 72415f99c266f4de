"""Tokens of a real OpenID provider open a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.agent.scripted import Box, Scripted, calls, says
from tests.identity import openid
from tests.server.serving import ASK, Served, serving
from turnstream.agent import Agent
from turnstream.events import RunContext, ToolCall, ToolOutput
from turnstream.identity import Issuer, jwks
from turnstream.requests import Principal


@pytest.fixture(scope="module", params=["RS256", "ES256", "Ed25519"])
def provider(request: pytest.FixtureRequest) -> Iterator[openid.Provider]:
    with openid.running(request.param) as found:
        yield found


def issuer(provider: openid.Provider, **fields: Any) -> Issuer:
    return Issuer(provider.url, (openid.AUDIENCE,), **{"scopes": "scope", **fields})


async def status(served: Served, token: str) -> int:
    return (await served.get("/v1/models", authorization=f"Bearer {token}"))[0]


async def test_a_token_says_who_asks_and_what_that_one_may(provider: openid.Provider) -> None:
    seen: list[Principal] = []

    async def look(call: ToolCall, context: RunContext) -> ToolOutput:
        seen.append(context.principal)
        return ToolOutput("")

    agent = Agent(Scripted(calls(("look", "{}")), says("done")), [Box(look=look)])
    believed = issuer(provider, by_group={"team-alice": frozenset({"metrics"})})
    async with serving(agent, oidc=(believed,)) as served:
        token = await provider.token("alice")
        assert (await served.post(ASK, authorization=f"Bearer {token}"))[0] == 200
        assert await status(served, await provider.token("bob", "metrics")) == 403
    (alice,) = seen
    assert alice.name == f"{provider.url}#alice"
    assert alice.groups == {"team-alice"}
    assert alice.scopes == {"runs", "approve", "metrics"}


async def test_the_issuer_changes_its_key(provider: openid.Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "PAUSE", 0.0)
    async with serving(Agent(Scripted(says("hello"))), oidc=(issuer(provider),)) as served:
        old = await provider.token("alice")
        assert await status(served, old) == 200
        provider.rotate()
        assert await status(served, await provider.token("alice")) == 200, "the unknown key was looked up"
        assert await status(served, old) == 401, "and the old one is not the issuer's any more"


async def test_a_token_for_another_server_opens_nothing(provider: openid.Provider) -> None:
    other = Issuer(provider.url, ("https://another.test",))
    async with serving(Agent(Scripted(says("hello"))), oidc=(other,)) as served:
        code, headers, answer = await served.get("/v1/models", authorization=f"Bearer {await provider.token('alice')}")
    assert (code, headers["www-authenticate"], answer["error"]["code"]) == (401, "Bearer", "invalid_api_key")
