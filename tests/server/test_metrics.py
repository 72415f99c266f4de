from __future__ import annotations

import asyncio
import logging
import socket
import sys
from pathlib import Path

import pytest

from tests.server.serving import ASK, serving
from turnstream import Agent, identity, tool
from turnstream.server import insight
from turnstream.testing import models
from turnstream.testing.models import ScriptedModel
from turnstream.tools import wrap

KEYS = (identity.Key("all-of-it-1", "alice"), identity.Key("some-of-it-1", "bob", frozenset({"agent"})))


@tool
async def delete() -> str:
    """Delete it all."""
    return "gone"


def helper() -> Agent:
    return Agent(ScriptedModel(["Hello there."], repeat=True), name="agent")


async def test_metrics_tell_of_runs_and_of_refused_requests() -> None:
    async with serving(helper(), metrics=True) as served:
        await served.post(ASK)
        await served.get("/nowhere")
        status, headers, told = await served.get("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain")
    assert 'turnstream_runs_total{agent="agent",dialect="openai_chat",outcome="stop"} 1.0' in told
    assert 'turnstream_requests_refused_total{code="not_found",status="404"} 1.0' in told


async def test_nothing_is_counted_before_somebody_asks_and_all_from_then_on() -> None:
    async with serving(helper()) as served:
        await served.post(ASK)
        assert served.server.state.runs.watches == ()
        status, _, told = await served.get("/metrics")
        assert (status, "turnstream_runs_total{" in told) == (200, False)
        await served.post(ASK)
        await served.get("/nowhere")
        told = (await served.get("/metrics"))[2]
        assert 'turnstream_runs_total{agent="agent",dialect="openai_chat",outcome="stop"} 1.0' in told
        assert 'turnstream_requests_refused_total{code="not_found",status="404"} 1.0' in told
        assert len(served.server.state.runs.watches) == 1


@pytest.mark.parametrize(
    ("settings", "hint"),
    [({"metrics": False}, "set server.metrics"), ({"workers": 2}, "set server.metrics"), ({}, "turnstream[metrics]")],
)
async def test_where_there_are_no_metrics_it_says_what_to_do(
    settings: dict[str, object], hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "turnstream.telemetry.metrics", None)
    async with serving(helper(), **settings) as served:
        status, _, told = await served.get("/metrics")
    assert status == 404
    assert hint in told["error"]["message"]


async def test_without_the_setting_metrics_need_the_scope() -> None:
    keys = (*KEYS, identity.Key("no-metrics-12", "carol", scopes=frozenset({"runs"})))
    async with serving(helper(), keys=keys) as served:
        assert (await served.get("/metrics"))[0] == 401
        assert (await served.get("/metrics", authorization="Bearer no-metrics-12"))[0] == 403
        assert (await served.get("/metrics", authorization="Bearer all-of-it-1"))[0] == 200


async def test_runs_that_are_kept_are_counted_too(tmp_path: Path) -> None:
    async with serving(helper(), store=f"sqlite:{tmp_path / 'store.db'}") as served:
        await served.get("/metrics")
        assert (await served.post(ASK, X_On_Disconnect="go_on"))[0] == 200
        assert 'turnstream_kept_runs_total{agent="agent"} 1.0' in (await served.get("/metrics"))[2]


@pytest.mark.parametrize(("key", "status"), [("all-of-it-1", 200), ("some-of-it-1", 403), ("wrong", 401)])
async def test_metrics_need_a_key_for_all_agents_where_keys_are_asked(key: str, status: int) -> None:
    async with serving(helper(), keys=KEYS, metrics=True) as served:
        assert (await served.get("/metrics", authorization=f"Bearer {key}"))[0] == status


async def test_without_keys_metrics_are_for_this_machine_alone() -> None:
    async with serving(helper(), host="0.0.0.0", allow_unauthenticated=True, metrics=True) as served:
        assert (await served.get("/metrics"))[0] == 403


async def test_a_port_of_their_own_asks_no_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with serving(helper(), keys=KEYS, metrics_port=port) as served:
        assert (await served.get("/metrics", authorization="Bearer all-of-it-1"))[0] == 404
        async with served.client.get(f"http://127.0.0.1:{port}/metrics") as response:
            assert "turnstream_runs_running" in await response.text()


@pytest.mark.parametrize(
    ("path", "key", "line"),
    [
        ("/v1/models", "wrong", "refused GET '/v1/models': 401 invalid_api_key, for anonymous, request req_"),
        ("/nowhere", "all-of-it-1", "refused GET '/nowhere': 404 not_found, for alice, request req_"),
        ("/v1/responses", "all-of-it-1", "refused GET '/v1/responses': 405 method_not_allowed, for alice"),
    ],
)
async def test_every_refused_request_has_a_line_with_its_reason(
    path: str, key: str, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with serving(helper(), keys=KEYS) as served:
            await served.get(path, authorization=f"Bearer {key}")
    assert line in caplog.text
    assert "wrong" not in caplog.text


async def test_a_run_has_one_line_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with serving(helper(), keys=KEYS) as served:
            await served.post(ASK, authorization="Bearer all-of-it-1")
    lines = [record for record in caplog.records if hasattr(record, "fields")]
    [run] = lines
    assert run.fields["principal"] == "alice"
    assert run.fields["run"].startswith("run_")
    assert "Hello" not in caplog.text


async def test_metrics_tell_of_the_runs_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insight, "WAITING_SECONDS", 0.05)
    agent = Agent(ScriptedModel([models.call("delete")], repeat=True), [wrap.Approved(delete)], name="agent")
    async with serving(agent, metrics=True) as served:
        assert "turnstream_runs_waiting 0.0" in (await served.get("/metrics"))[2]
        await served.post(ASK)
        while "turnstream_runs_waiting 1.0" not in (await served.get("/metrics"))[2]:  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.05)
