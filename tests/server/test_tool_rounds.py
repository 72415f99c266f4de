"""A round of tools over sockets on both sides: what the model wrote is what the tool gets, and what the tool gave is
what the model reads."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from tests.scripts import Conversation, Said, Script, end
from tests.server.serving import ASK, STREAM, events, serving, text
from tests.upstream import Upstream, serve as vendor
from turnstream import ToolError, providers, tool
from turnstream.agent import Agent
from turnstream.events import TextDelta, ToolCallDelta, ToolCallStart
from turnstream.protocols import Toolbox


def asks(arguments: str, name: str = "keep", id: str = "call_1", before: str = "") -> Script:
    """Text and a call, then the answer."""

    def script(conversation: Conversation) -> list[Said]:
        if conversation.results:
            return [TextDelta("Done: " + conversation.results[-1]), *end()]
        start: list[Said] = [TextDelta(before)] if before else []
        cut = len(arguments) // 2
        pieces = [ToolCallDelta(0, arguments[:cut]), ToolCallDelta(0, arguments[cut:])]
        return [*start, ToolCallStart(0, id, name), *pieces, *end("tool_calls")]

    return script


def agent(upstream: Upstream, *tools: Toolbox, name: str = "m") -> Agent:
    model = providers.model(f"openai-compatible:{name}", base_url=upstream.url, api_key=upstream.key, retries=0)
    return Agent(model, tools, name=name)


def keeper() -> tuple[Toolbox, list[Any]]:
    kept: list[Any] = []

    @tool
    def keep(value: Any = None, other: Any = None) -> str:
        """Keep it."""
        kept.append((value, other))
        return "kept"

    return keep, kept


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        None,
        0,
        -1.5,
        "",
        "a  b\t\tc\r\n    d\n",
        '{"name": "Bob", "arguments": {}}',
        "```json\n{}\n```",
        "[1, 2]",
        "true",
        "12",
        'it\'s "quoted" \\ and \u2028 é 😀 \x00',
        {"nested": [{"deep": None}, [], {}]},
    ],
)
async def test_an_argument_reaches_the_tool_as_the_model_wrote_it(value: Any) -> None:
    keep, kept = keeper()
    async with (
        vendor({"m": asks(json.dumps({"value": value, "other": "x"}))}) as upstream,
        serving(agent(upstream, keep)) as served,
    ):
        _, _, answer = await served.post(ASK)
    assert kept == [(value, "x")]
    assert answer["choices"][0]["message"]["content"] == "Done: kept"


async def test_the_vendor_reads_its_own_call_and_the_tools_result_in_the_second_step() -> None:
    keep, _ = keeper()
    async with (
        vendor({"m": asks('{"value": true}', before="Let me see. ")}) as upstream,
        serving(agent(upstream, keep)) as served,
    ):
        _, _, body = await served.post(STREAM)
    said, result = upstream.requests[1]["messages"][-2:]
    call = said["tool_calls"][0]
    assert (said["role"], said["content"]) == ("assistant", "Let me see. ")
    assert (call["id"], call["function"]["name"]) == ("call_1", "keep")
    assert json.loads(call["function"]["arguments"]) == {"value": True}
    assert result == {"role": "tool", "tool_call_id": "call_1", "content": "kept"}
    assert text(body) == "Let me see. Done: kept"


@pytest.mark.parametrize("error", [ToolError("The shop is closed."), RuntimeError("the password is hunter2")])
async def test_a_tool_that_fails_is_a_tool_message_to_the_vendor_and_no_words_to_the_client(error: Exception) -> None:
    @tool
    def keep(value: str) -> str:
        """Keep it."""
        raise error

    async with vendor({"m": asks('{"value": "x"}')}) as upstream, serving(agent(upstream, keep)) as served:
        _, _, body = await served.post({**STREAM, "include_status_updates": False})
        _, _, shown = await served.post(STREAM)
    result = upstream.requests[1]["messages"][-1]
    assert (result["role"], result["tool_call_id"]) == ("tool", "call_1")
    assert str(error) in result["content"]
    assert all(set(event["choices"][0]["delta"]) <= {"role", "content"} for event in events(body))
    statuses = [json.dumps(event) for event in events(shown) if "agent" in event or "tool_result" in event]
    assert not any("hunter2" in status for status in statuses)


async def test_calls_without_an_id_get_one_that_no_other_run_has() -> None:
    keep, _ = keeper()
    async with vendor({"m": asks("{}", id="")}) as upstream, serving(agent(upstream, keep)) as served:
        for _ in range(3):
            await served.post(ASK)
    ids = [request["messages"][-1]["tool_call_id"] for request in upstream.requests[1::2]]
    assert all(ids)
    assert len(set(ids)) == 3


async def test_agents_of_one_server_have_each_their_own_model() -> None:
    keep, _ = keeper()
    scripts = {"one": asks("{}"), "two": asks('{"value": 2}')}
    async with (
        vendor(scripts) as upstream,
        serving(agent(upstream, keep, name="one"), agent(upstream, name="two")) as served,
    ):
        for name in ("two", "one"):
            await served.post({**ASK, "model": name})
    asked = [(request["model"], len(request.get("tools") or ())) for request in upstream.requests]
    assert asked == [("two", 0), ("two", 0), ("one", 1), ("one", 1)]


async def test_no_log_holds_what_was_said_or_a_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    keep, _ = keeper()
    async with (
        vendor({"m": asks('{"value": "the argument"}')}) as upstream,
        serving(agent(upstream, keep), keys=("client-key",)) as served,
    ):
        await served.post({"messages": [{"role": "user", "content": "the question"}]}, x_api_key="client-key")
        await served.post(ASK, x_api_key="wrong-key")
    for secret in ("the argument", "the question", "kept", "client-key", "wrong-key", upstream.key):
        assert secret not in caplog.text
