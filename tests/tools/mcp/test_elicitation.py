"""A server asks the user in the middle of a call."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.agent.scripted import Scripted, calls, says
from tests.server.serving import serving
from tests.server.test_approvals import codes, say
from turnstream import Agent, messages
from turnstream.tools.ask_user import AskUser
from turnstream.tools.mcp import McpServer, Stdio
from turnstream.toolspec import Effect

ROOT = Path(__file__).parents[3]


def shop(version: str = "new", effect: Effect = "idempotent") -> McpServer:
    target = Stdio(sys.executable, ("-m", "tests.tools.mcp.asking_server", version), cwd=str(ROOT))
    return McpServer("shop", target, effect=effect)


def agent(name: str, arguments: str, box: Any) -> tuple[Scripted, Agent]:
    model = Scripted(calls((name, arguments)), says("done"))
    return model, Agent(model, [box], name="helper")


def heard(model: Scripted) -> str:
    last = model.requests[1].messages[-1]
    assert isinstance(last, messages.ToolMessage)
    return messages.content_text(last.content)


@pytest.mark.parametrize(
    ("turn", "result"),
    [('answer CODE {"agreed": true, "most": 7}', 'accept: {"agreed": true, "most": 7}'), ("deny CODE", "decline")],
)
@pytest.mark.parametrize("version", ["new", "old"])
async def test_a_form_reaches_the_user_and_the_answer_the_server(turn: str, result: str, version: str) -> None:
    model, helper = agent("buy", '{"what": "tea"}', shop(version))
    async with serving(helper, store="memory") as served:
        asked = await say(served, "buy tea")
        assert "Confirm the price of tea." in asked
        assert '"agreed"' in asked
        again = await say(served, "buy tea", asked, f'answer {codes(asked)[0]} {{"agreed": "perhaps"}}')
        assert again.startswith("The answer does not fit")
        assert await say(served, "buy tea", asked, turn.replace("CODE", codes(asked)[0])) == "done"
    assert heard(model) == result


@pytest.mark.parametrize("version", ["new", "old"])
async def test_an_address_is_shown_and_to_have_been_there_is_the_answer(version: str) -> None:
    model, helper = agent("log_in", "{}", shop(version))
    async with serving(helper, store="memory") as served:
        asked = await say(served, "log in")
        assert "<https://example.com/login>" in asked
        assert await say(served, "log in", asked, f"answer {codes(asked)[0]}") == "done"
    assert heard(model) == "accept"


@pytest.mark.parametrize("effect", ["idempotent", "once"])
async def test_a_call_that_went_with_its_process_asks_again_or_is_not_repeated(tmp_path: Path, effect: Effect) -> None:
    store = f"sqlite:{tmp_path / 'store.db'}"
    async with serving(agent("buy", '{"what": "tea"}', shop(effect=effect))[1], store=store) as served:
        asked = await say(served, "buy tea")
    model = Scripted(says("done"))
    async with serving(Agent(model, [shop(effect=effect)], name="helper"), store=store) as served:
        again = await say(served, "buy tea", asked, f'answer {codes(asked)[0]} {{"agreed": true}}')
        if effect == "once":
            assert "not repeated" in str(model.requests[0].messages[-1])
            return
        assert codes(again) != codes(asked)
        assert await say(served, "buy tea", again, f'answer {codes(again)[0]} {{"agreed": true}}') == "done"


@pytest.mark.parametrize("version", ["new", "old"])
async def test_two_calls_at_once_are_asked_or_declined_and_never_mixed_up(version: str) -> None:
    box = shop(version)
    model = Scripted(calls(("buy", '{"what": "tea"}'), ("buy", '{"what": "milk"}')), says("done"))
    async with serving(Agent(model, [box], name="helper"), store="memory") as served:
        answer = await say(served, "buy both")
        for _ in range(3):
            if not (left := codes(answer)):
                break
            answer = await say(served, "buy both", answer, f'answer {left[0]} {{"agreed": true}}')
        assert answer == "done"


async def test_the_model_asks_the_user_for_a_text_or_for_one_of_some() -> None:
    model, helper = agent("ask_user", '{"question": "Which?", "choices": ["red", "blue"]}', AskUser())
    async with serving(helper, store="memory") as served:
        asked = await say(served, "paint it")
        assert "> Which?" in asked
        assert "- red\n- blue" in asked
        wrong = await say(served, "paint it", asked, f"answer {codes(asked)[0]} green")
        assert wrong.startswith("The answer does not fit")
        assert await say(served, "paint it", asked, f"answer {codes(asked)[0]} blue") == "done"
    assert heard(model) == "blue"


async def test_an_answer_by_a_schema_is_data() -> None:
    schema = {"type": "object", "properties": {"amount": {"type": "integer"}, "to": {"type": "string"}}}
    model, helper = agent("ask_user", '{"question": "How much?"}', AskUser({**schema, "required": ["amount"]}))
    async with serving(helper, store="memory") as served:
        asked = await say(served, "pay")
        await say(served, "pay", asked, f'answer {codes(asked)[0]} {{"amount": 5}}')
    assert heard(model) == '{"amount":5}'


async def test_without_anybody_to_ask_the_model_is_told(tmp_path: Path) -> None:
    model, helper = agent("ask_user", '{"question": "Which?"}', AskUser())
    async with asyncio.timeout(20), helper.run("hi") as run:
        _ = [event async for event in run]
    assert heard(model).startswith("The user cannot be asked here.")
