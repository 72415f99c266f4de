"""The page's files and endpoints; the page itself is tried in a browser by `make page`."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.agent.scripted import Scripted, says
from tests.dialects.wires import EVERY
from tests.server.serving import Served, serving
from turnstream import providers, server
from turnstream.agent import Agent

FILES = Path(server.__file__).parent / "playground"
EVENTS: list[dict[str, Any]] = [
    {"type": "run_started", "run_id": "run_1", "agent": "agent"},
    {"type": "text", "text": "Hello"},
    {"type": "run_finished", "reason": "stop", "usage": {"input": 3, "output": 2}, "steps": 1},
]


def weather(city: str) -> str:
    """The weather."""
    return "sunny"


def agent() -> Agent:
    return Agent(Scripted(says("Hello")))


@pytest.mark.parametrize(
    "path", ["/", "/icon.svg", "/assets/index.js", "/assets/index.css", "/docs", "/assets/docs.js"]
)
async def test_the_pages_need_no_key_and_run_nothing_that_is_not_their_own(path: str) -> None:
    async with serving(agent(), keys=("secret-key",)) as served, served.client.get(served.url + path) as response:
        assert response.status == 200
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert response.headers["x-content-type-options"] == "nosniff"


def test_every_file_that_the_page_names_is_there() -> None:
    for name in ("index.html", "docs.html"):
        text = (FILES / name).read_text()
        assert "<script>" not in text
        for part in text.split('"'):
            if part.startswith("./"):
                assert (FILES / part).exists(), part


def test_the_page_is_small() -> None:
    whole = sum(len(gzip.compress((FILES / "assets" / name).read_bytes())) for name in ("index.js", "index.css"))
    assert whole < 250_000


async def test_a_setting_takes_the_page_away() -> None:
    async with serving(agent(), playground=False) as served:
        assert (await served.get("/"))[0] == 404
        assert (await served.get("/playground/settings"))[0] == 404
        assert (await served.get("/docs"))[0] == 200


async def test_what_the_page_asks_for_needs_the_key() -> None:
    async with serving(agent(), keys=("secret-key",)) as served:
        assert (await served.get("/playground/settings"))[0] == 401
        assert (await served.get("/playground/settings", authorization="Bearer secret-key"))[0] == 200


async def shown(served: Served, wire: str, body: dict[str, Any], events: list[dict[str, Any]]) -> str:
    asked = json.dumps({"body": body, "events": events}).encode()
    async with served.client.post(f"{served.url}/playground/wires/{wire}", data=asked) as response:
        assert response.status == 200, await response.text()
        return await response.text()


@pytest.mark.parametrize("wire", EVERY)
async def test_a_run_is_shown_as_each_client_would_see_it(wire: str) -> None:
    async with serving(agent()) as served:
        _, _, settings = await served.get("/playground/settings")
        assert wire in [offered["name"] for offered in settings["wires"]]
        assert "Hello" in await shown(served, wire, EVERY[wire].body, EVENTS)


async def test_what_is_shown_are_the_bytes_that_the_client_gets() -> None:
    async with serving(agent()) as served:
        _, headers, live = await served.post({"input": "hi", "stream": True}, "/v1/runs")
        events = [json.loads(line[6:]) for line in live.splitlines() if line.startswith("data: ")]
        assert events[0]["run_id"] == headers["x-run-id"]
        assert await shown(served, "native", {"input": "hi", "stream": True}, events) == live


async def test_a_wire_that_there_is_not_and_a_broken_body_are_refused() -> None:
    async with serving(agent()) as served:
        assert (await served.post(b'{"body": {}, "events": []}', "/playground/wires/telex"))[0] == 404
        assert (await served.post(b"{", "/playground/wires/native"))[0] == 400
        assert (await served.post(b'{"body": {}, "events": [{"type": "x"}]}', "/playground/wires/native"))[0] == 400


async def test_what_the_model_is_asked_is_shown_to_who_works_on_the_machine() -> None:
    model = providers.model("openai-compatible:m", base_url="http://127.0.0.1:1/v1", environ={})
    asking = Agent(model, [weather], "Be brief.")
    async with serving(asking) as served:
        status, _, shown = await served.post({"input": "hi"}, "/playground/model")
    assert status == 200
    assert [message["content"] for message in shown["messages"]] == ["Be brief.", "hi"]
    assert [tool["name"] for tool in shown["tools"]] == ["weather"]
    assert json.loads(shown["sent"])["messages"][0] == {"role": "system", "content": "Be brief."}


async def test_what_the_model_is_asked_is_nobodys_behind_a_key() -> None:
    async with serving(agent(), keys=("secret-key",)) as served:
        key = {"authorization": "Bearer secret-key"}
        assert (await served.post({"input": "hi"}, "/playground/model", **key))[0] == 404
        assert (await served.get("/playground/settings", **key))[2]["model"] is False
