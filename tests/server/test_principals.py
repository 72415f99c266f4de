"""Who asks: by named keys, as tools, logs and runs know it; and what a key does not open."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.agent.scripted import Box, Scripted, calls, says
from tests.server.serving import ASK, CHAT, STREAM, Served, eventually, lower, serving, until
from tests.server.test_refusals import DIALECTS
from turnstream.agent import Agent
from turnstream.events import RunContext, TextDelta, ToolCall, ToolOutput
from turnstream.identity import Key
from turnstream.requests import Principal

KEYS = (Key("a-key", "alice"), Key("b-key", "bob", frozenset({"agent"})), Key("c-key", "carol", frozenset({"second"})))
ALICE, BOB, CAROL = ({"x_api_key": key.key} for key in KEYS)


def agent(name: str = "agent") -> Agent:
    return Agent(Scripted(says(f"I am {name}")), name=name)


@pytest.mark.parametrize(
    ("keys", "headers", "name"),
    [(KEYS, ALICE, "alice"), (("plain",), {"x_api_key": "plain"}, "key_a116c9ed46d6"), ((), {}, "anonymous")],
    ids=["named", "plain", "none"],
)
async def test_a_tool_can_ask_for_whom_it_works(keys: Any, headers: dict[str, str], name: str) -> None:
    seen: list[Principal] = []

    async def look(call: ToolCall, context: RunContext) -> ToolOutput:
        seen.append(context.principal)
        return ToolOutput("")

    spying = Agent(Scripted(calls(("look", "{}")), says("done")), [Box(look=look)])
    async with serving(spying, agent("second"), keys=keys) as served:
        await served.post(ASK, **headers)
    assert [principal.name for principal in seen] == [name]


async def test_the_log_says_for_whom_a_run_was(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="turnstream.runs.supervisor")
    async with serving(agent(), agent("second"), keys=KEYS) as served:
        await served.post(ASK, **ALICE, x_request_id="their-id-1")
    assert "for alice, request their-id-1" in caplog.text
    assert "a-key" not in caplog.text


async def test_a_key_sees_only_its_agents() -> None:
    async with serving(agent(), agent("second"), keys=KEYS) as served:
        for headers, names in ((ALICE, ["agent", "second"]), (BOB, ["agent"]), (CAROL, ["second"])):
            listed = (await served.get("/v1/models", **headers))[2]
            assert [model["id"] for model in listed["data"]] == names
        assert (await served.get("/v1/models/second", **BOB))[0] == 404


async def test_another_agent_is_as_unknown_as_one_that_is_not_there() -> None:
    async with serving(agent(), agent("second"), keys=KEYS) as served:
        hidden = await served.post({**ASK, "model": "second"}, **BOB)
        absent = await served.post({**ASK, "model": "absent"}, **BOB)
    assert hidden[0] == absent[0] == 404
    message = "There is no agent named 'second'. There are: agent."
    assert hidden[2]["error"] == {**absent[2]["error"], "message": message}


async def test_the_default_agent_is_the_first_that_the_key_opens() -> None:
    async with serving(agent(), agent("second"), keys=KEYS) as served:
        answer = (await served.post(ASK, **CAROL))[2]
    assert answer["choices"][0]["message"]["content"] == "I am second"


async def test_in_no_dialect_a_key_reaches_another_agent() -> None:
    only = (Key("c-key", "carol", frozenset({"second"})),)
    async with serving(agent(), agent("second"), keys=only) as served:
        for path, body, _ in DIALECTS.values():
            asked: dict[str, Any] = body if path.endswith("/agent") else {**body, "model": "agent"}
            async with served.client.post(served.url + path, json=asked, headers={"x-api-key": "c-key"}) as response:
                said = await response.text()
                assert response.status == 404 or '"error"' in said, path
                assert "I am" not in said, path


# ------------------------------------------------------------------------------------------------------------- the ids


async def test_a_clients_request_id_is_echoed_and_the_run_has_its_own() -> None:
    bodies: tuple[Any, ...] = (ASK, STREAM, {"messages": []})
    async with serving(agent()) as served:
        for body in bodies:
            _, headers, _ = await served.post(body, x_request_id="their-id-1")
            assert headers["x-request-id"] == "their-id-1"
            assert headers.get("x-run-id", "run_").startswith("run_")


@pytest.mark.parametrize("given", ["", "two words", "ümlaut", "x" * 129, "a\tb"])
async def test_a_request_id_that_is_no_good_is_replaced(given: str) -> None:
    async with serving(agent()) as served:
        _, headers, _ = await served.post(ASK, x_request_id=given)
    assert headers["x-request-id"].startswith("req_")


async def test_one_request_id_sent_twice_is_two_runs() -> None:
    async with serving(agent()) as served:
        ids = [(await served.post(ASK, x_request_id="same"))[1]["x-run-id"] for _ in range(2)]
    assert ids[0] != ids[1]


async def test_a_run_that_failed_has_its_id_too() -> None:
    async with serving(Agent(Scripted([RuntimeError("broken")]))) as served:
        status, headers, _ = await served.post(ASK)
    assert (status, headers["x-run-id"][:4]) == (500, "run_")


# ------------------------------------------------------------------------------------------------------------ to cancel


async def cancel(served: Served, run_id: str, key: str) -> int:
    url = f"{served.url}/v1/runs/{run_id}/cancel"
    async with served.client.post(url, headers={"x-api-key": key}) as response:
        return response.status


async def test_a_run_is_cancelled_by_its_own_principal_and_by_no_other() -> None:
    model = Scripted([[TextDelta("first")], asyncio.Event()])
    async with (
        serving(Agent(model), agent("second"), keys=KEYS) as served,
        served.client.post(served.url + CHAT, json=STREAM, headers={"x-api-key": "a-key"}) as response,
    ):
        run_id = lower(response.headers)["x-run-id"]
        await until(response.content, b"first")
        assert [await cancel(served, run_id, "b-key"), await cancel(served, "run_0", "a-key")] == [404, 404]
        assert model.open == 1
        assert await cancel(served, run_id, "a-key") == 200
        assert b'"code":"cancelled"' in await until(response.content, b"cancelled.")
        await eventually(lambda: model.open == 0)
        assert await cancel(served, run_id, "a-key") == 404


async def test_a_run_cancelled_before_its_first_word_is_a_499() -> None:
    model = Scripted([asyncio.Event()])
    async with serving(Agent(model), keys=("k",)) as served:
        asking = asyncio.create_task(served.post(ASK, x_api_key="k"))
        await eventually(lambda: model.open == 1)
        (run_id,) = served.server.state.runs.live
        assert await cancel(served, run_id, "k") == 200
        status, _, answer = await asyncio.wait_for(asking, 10)
    assert (status, answer["error"]["code"]) == (499, "cancelled")


async def test_an_alias_leads_to_no_agent_that_the_key_does_not_open() -> None:
    hidden = Agent(Scripted(says("I am second")), name="second", aliases=("gpt-4o", "*"))
    async with serving(agent(), hidden, keys=KEYS[:2]) as served:
        assert [(await served.post({**ASK, "model": "gpt-4o"}, **key))[0] for key in (ALICE, BOB)] == [200, 404]


# -------------------------------------------------------------------------------------------------------------- scopes

SCOPED = (
    Key("r-key", "runner", scopes=frozenset({"runs"})),
    Key("m-key", "prometheus", scopes=frozenset({"metrics"})),
    Key("p-key", "approver", scopes=frozenset({"approve"})),
    Key("u-key", "usual"),
)


@pytest.mark.parametrize(
    ("key", "path", "status"),
    [
        ("r-key", "/v1/models", 200),
        ("r-key", "/metrics", 403),
        ("m-key", "/metrics", 200),
        ("m-key", "/v1/models", 403),
        ("m-key", "/healthz", 200),
        ("p-key", "/v1/models", 403),
        ("p-key", "/v1/runs", 403),
        ("u-key", "/v1/models", 200),
        ("u-key", "/metrics", 200),
        ("u-key", "/admin/anything", 403),
        ("u-key", "/v1/approvals", 200),
        ("p-key", "/v1/approvals", 200),
        ("m-key", "/v1/approvals", 403),
        ("u-key", "/%61dmin//anything/", 403),
    ],
)
async def test_a_key_without_the_scope_of_a_path_is_refused(key: str, path: str, status: int) -> None:
    async with serving(agent(), keys=SCOPED, metrics=True) as served:
        assert (await served.get(path, x_api_key=key))[0] == status


async def test_a_missing_scope_is_told_in_each_protocols_own_words() -> None:
    async with serving(agent(), keys=SCOPED) as served:
        for path, body, _ in DIALECTS.values():
            async with served.client.post(served.url + path, json=body, headers={"x-api-key": "m-key"}) as response:
                assert response.status == 403, path
                assert response.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="runs"'
                assert "scope 'runs'" in await response.text()


async def test_nobody_in_particular_is_no_administrator() -> None:
    async with serving(agent()) as served:
        assert (await served.get("/admin/anything"))[0] == 403
