"""Who asks, over a socket: what a request shows, twice shows, or shows no more."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk, jwt

from tests.agent.scripted import Box, Scripted, calls, says
from tests.server.serving import ASK, CHAT, STREAM, Served, serving, until
from tests.server.test_refusals import DIALECTS
from turnstream.agent import Agent
from turnstream.events import RunContext, ToolCall, ToolOutput
from turnstream.identity import Issuer, Key, Users, directory, jwks, records
from turnstream.identity.files import KeyFile
from turnstream.testing.models import ScriptedModel

KEYS = (Key("a-key", "alice"), Key("b-key", "bob"), Key("a-new-key", "alice"), Key("late", "carol", expires_at=1.0))


def agent() -> Agent:
    return Agent(Scripted(says("hello")))


async def ask(served: Served, *fields: str) -> int:
    """The status of a request with these header fields, written as they are."""
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = ["GET /v1/models HTTP/1.1", "Host: localhost", "Connection: close", *fields, "", ""]
    writer.write("\r\n".join(head).encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["Authorization: Bearer a-key"], 200),
        (["AUTHORIZATION: bEARER   a-key  "], 200),
        (["authorization: Bearer a-key", "Authorization: Bearer a-key"], 200),
        (["Authorization: Bearer a-key", "Authorization: Bearer b-key"], 401),
        (["Authorization: Bearer wrong", "Authorization: Bearer a-key"], 401),
        (["X-API-Key: a-key", "x-api-key: wrong"], 401),
        (["X-API-Key: a-key", "Authorization: Bearer wrong"], 200),
        (["X-API-Key: a-key", "Authorization: Bearer a-new-key"], 200),
        (["X-API-Key: a-key", "Authorization: Bearer b-key"], 401),
        (["X_API_Key: a-key"], 401),
        (["X-API-Key: late"], 401),
        (["X-API-Key: A-KEY"], 401),
        (["X-API-Key: a-key\tb"], 401),
        (["X-API-Key: " + "a" * 100_000], 401),
        (["Authorization: Bearer a-key, Bearer b-key"], 401),
        (["Authorization: Basic YS1rZXk6"], 401),
    ],
    ids=range(16),
)
async def test_a_request_is_one_principals_or_nobodys(fields: list[str], status: int) -> None:
    async with serving(agent(), keys=KEYS) as served:
        assert await ask(served, *fields) == status


async def test_a_revoked_key_opens_nothing_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "EVERY", 0.02)
    file = KeyFile(tmp_path / "keys.json")
    key, record = records.make("alice", 1.0)
    await file.add(record)

    async def answers(served: Served, status: int) -> None:
        while await ask(served, f"X-API-Key: {key}") != status:
            pass

    async with serving(agent(), keys_file=file.path) as served:
        assert await ask(served, f"X-API-Key: {key}") == 200
        await file.revoke("alice", 2.0)
        await asyncio.wait_for(answers(served, 401), 20)
    assert (await file.list_records())[0][1] is not None, "and when it was used last is known"


@pytest.mark.parametrize("headers", [{}, {"x-on-disconnect": "go_on"}])
async def test_the_runs_of_a_revoked_key_end(
    headers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "EVERY", 0.02)
    file = KeyFile(tmp_path / "keys.json")
    made = [records.make(name, 1.0) for name in ("alice", "bob", "bob")]
    for _, record in made:
        await file.add(record)
    endless = Agent(ScriptedModel([["Once upon", asyncio.Event()]], repeat=True), name="agent")
    store = f"sqlite:{tmp_path / 'store.db'}"
    async with serving(endless, keys_file=file.path, store=store) as served:
        streams = []
        for key, _ in made[:2]:
            named = {"authorization": f"Bearer {key}", **headers}
            stream = await served.client.post(f"{served.url}{CHAT}", json=STREAM, headers=named)
            await until(stream.content, b"Once")
            streams.append(stream)
        await file.revoke(made[1][1].id, 2.0)  # bob has another
        await file.revoke("alice", 2.0)
        await until(streams[0].content, b"cancelled" if headers else b"key_revoked")
        assert [handle.principal for handle in served.server.state.runs.live.values()] == ([] if headers else ["bob"])
        for stream in streams:
            stream.close()


async def test_a_server_whose_last_key_was_revoked_stays_closed(tmp_path: Path) -> None:
    async with serving(agent(), keys_file=tmp_path / "keys.json") as served:
        assert await ask(served) == 401


# ------------------------------------------------------------------------------------------ front ends and their users

SECRET = "a secret of thirty-two bytes, all"
FRONT_ENDS = (
    Key("w-key", "webui", users=Users(secret=SECRET)),
    Key("r-key", "portal", users=Users("x-remote-user")),
    Key("a-key", "alice"),
)


def signed(user: str) -> str:
    claims = {"sub": user, "role": "user", "iss": "open-webui", "exp": int(time.time()) + 300}
    return jwt.encode({"alg": "HS256"}, claims, jwk.OctKey.import_key(SECRET))


@pytest.mark.parametrize(
    ("headers", "name", "user"),
    [
        ({"x_api_key": "w-key", "x_openwebui_user_jwt": signed("7")}, "webui/7", "7"),
        ({"x_api_key": "r-key", "x_remote_user": "7"}, "portal/7", "7"),
        ({"x_api_key": "r-key", "x_remote_user": "7", "x_openwebui_user_id": "victim"}, "portal/7", "7"),
        ({"x_api_key": "a-key", "x_remote_user": "7", "x_openwebui_user_jwt": signed("7")}, "alice", None),
        ({"x_api_key": "a-key", "x_openwebui_user_id": "7"}, "alice", "7"),
    ],
    ids=["signed", "plain", "another field too", "not trusted", "a user is no principal"],
)
async def test_only_a_key_that_may_names_a_user(headers: dict[str, str], name: str, user: str | None) -> None:
    seen: list[RunContext] = []

    async def look(call: ToolCall, context: RunContext) -> ToolOutput:
        seen.append(context)
        return ToolOutput("")

    spying = Agent(Scripted(calls(("look", "{}")), says("done")), [Box(look=look)])
    async with serving(spying, keys=FRONT_ENDS) as served:
        assert (await served.post(ASK, **headers))[0] == 200
    assert [(context.principal.name, context.user) for context in seen] == [(name, user)]


async def test_a_front_end_must_say_for_whom_it_asks_and_may_list_agents_for_nobody() -> None:
    async with serving(agent(), keys=FRONT_ENDS) as served:
        assert (await served.get("/v1/models", x_api_key="w-key"))[0] == 200
        for headers in ({}, {"x_openwebui_user_jwt": "forged"}, {"x_openwebui_user_id": "7"}):
            status, _, answer = await served.post(ASK, x_api_key="w-key", **headers)
            assert (status, answer["error"]["code"]) == (401, "invalid_api_key")


# --------------------------------------------------------------------------------------------------------------- tokens

PRIVATE = jwk.ECKey.generate_key("P-256", parameters={"kid": "one"})
ISSUER = Issuer("https://issuer.test", ("me",), prefix="")


def bearer(subject: str, **claims: Any) -> str:
    made = {"iss": ISSUER.url, "aud": "me", "sub": subject, "exp": int(time.time()) + 300, **claims}
    return f"Bearer {jwt.encode({'alg': 'ES256', 'kid': 'one'}, made, PRIVATE)}"


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def get(url: str) -> jwks.Document:
        found = {"issuer": ISSUER.url, "jwks_uri": f"{ISSUER.url}/keys", "keys": [PRIVATE.as_dict(private=False)]}
        return jwks.Document(json.dumps(found).encode())

    monkeypatch.setattr(jwks, "get", get)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": bearer("alice")}, 200),
        ({"authorization": bearer("alice", exp=1)}, 401),
        ({"authorization": bearer("alice").removeprefix("Bearer ")}, 401),
        ({"x_api_key": bearer("alice").removeprefix("Bearer ")}, 401),
        ({"authorization": bearer("alice"), "x_api_key": "a-key"}, 200),
        ({"authorization": bearer("bob"), "x_api_key": "a-key"}, 401),
        ({"authorization": bearer("bob", aud="you"), "x_api_key": "a-key"}, 200),
        ({"authorization": bearer("alice"), "x_api_key": "wrong"}, 200),
    ],
    ids=range(8),
)
@pytest.mark.usefixtures("issuer")
async def test_a_token_is_shown_as_a_bearer(headers: dict[str, str], status: int) -> None:
    async with serving(agent(), keys=KEYS, oidc=(ISSUER,)) as served:
        assert (await served.get("/v1/models", **headers))[0] == status


@pytest.mark.usefixtures("issuer")
async def test_a_bad_token_is_told_as_a_wrong_key_in_every_protocol() -> None:
    async with serving(agent(), oidc=(ISSUER,)) as served:
        for path, body, _ in DIALECTS.values():
            answers = []
            for shown in ("Bearer wrong", bearer("alice", aud="you")):
                headers = {"authorization": shown}
                async with served.client.post(served.url + path, json=body, headers=headers) as response:
                    answers.append((response.status, response.headers["www-authenticate"], response.content_type))
            assert answers[0] == answers[1], path
            assert answers[0][:2] == (401, "Bearer")


async def test_an_issuer_that_is_away_is_not_the_clients_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def get(url: str) -> jwks.Document:
        raise OSError("away")

    monkeypatch.setattr(jwks, "get", get)
    async with serving(agent(), oidc=(ISSUER,)) as served:
        status, _, answer = await served.get("/v1/models", authorization=bearer("alice"))
        assert (status, answer["error"]["code"]) == (503, "issuer_unavailable")
        assert (await served.get("/healthz", authorization=bearer("alice")))[0] == 200


# ----------------------------------------------------------------------------------------------------------- what stays


def read_all(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("store.db*"))


async def test_what_opens_doors_is_in_no_store(tmp_path: Path) -> None:
    """A kept run remembers its request, for whoever goes on with it, without who asked having shown it."""
    shown = {"x_api_key": "w-key", "x_openwebui_user_jwt": signed("7"), "cookie": "session=cookie-1"}
    async with serving(agent(), keys=FRONT_ENDS, store=f"sqlite:{tmp_path / 'store.db'}") as served:
        status, _, _ = await served.post({"input": "hi", "on_disconnect": "go_on"}, "/v1/runs", **shown)
        assert status == 200
        kept = read_all(tmp_path)
    assert b"webui/7" in kept
    for secret in (b"w-key", shown["x_openwebui_user_jwt"].encode(), b"cookie-1"):
        assert secret not in kept
