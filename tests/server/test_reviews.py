"""Guardrails that ask a person, over every dialect: nothing goes on before a yes, and a no ends the run by the wire's
own word; of runs that are kept, and of those that nobody keeps."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.server.serving import Served, eventually, serving, until
from tests.server.test_approvals import codes, say
from tests.server.test_guardrails import KEY, MASK, STOP, WIRES, WORDS
from turnstream import Agent, messages, tool
from turnstream.guardrails import patterns
from turnstream.guardrails.agent import Guardrails
from turnstream.guardrails.matching import PatternRule
from turnstream.guardrails.review import AskingRule, Reviewer
from turnstream.guardrails.rules import Judge
from turnstream.identity import Key
from turnstream.testing.models import ScriptedModel, Step, call

ASK = AskingRule(STOP, mask=MASK)
HELLO = AskingRule(
    PatternRule("words", patterns.find_words(["hi"]), None),
    mask=PatternRule("words", patterns.find_words(["hi"]), "**"),
)
SAYS: list[Step] = [f"Sesame opens {KEY}, keep it."]
KEPT = {"X_On_Disconnect": "go_on"}


def agent(steps: Sequence[Step] = SAYS, **guardrails: Any) -> Agent:
    model = ScriptedModel(steps)
    return Agent(model, name="agent", guardrails=Guardrails(**(guardrails or {"output_asking": [ASK]})))


def model_of(served: Agent) -> ScriptedModel:
    assert isinstance(served.model, ScriptedModel)
    return served.model


async def send(served: Served, wire: str, words: str = "hi", *, stream: bool = True, kept: bool = False) -> str:
    path, body, headers = WIRES[wire]
    text = json.dumps(body).replace('"hi"', json.dumps(words))
    asked = json.loads(text)
    if "jsonrpc" in asked:
        asked["method"] = "message/stream" if stream else "message/send"
    elif stream:
        asked["stream"] = True
    names = {name.replace("_", "-"): value for name, value in {**headers, **(KEPT if kept else {})}.items()}
    async with served.client.post(served.url + path, json=asked, headers=names) as response:
        assert response.status == 200, await response.text()
        return await response.text()


def code_in(answer: str) -> str:
    [code] = set(re.findall(r"\b[A-Z][A-Z2-9]{3}-[A-Z][A-Z2-9]{3}\b", answer))
    return str(code)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("wire", WIRES)
async def test_the_rest_of_an_answer_is_shown_after_a_yes(wire: str, kept: bool, tmp_path: Path) -> None:
    async with serving(agent(), store=f"sqlite:{tmp_path / 'store.db'}") as served:
        asked = await send(served, wire, kept=kept)
        assert "Sesame" in asked
        assert "sk-" not in asked
        assert "keep it" not in asked
        answer = await send(served, wire, f"approve {code_in(asked)}")
        assert KEY in answer
        assert "keep" in answer
        assert "Sesame" not in answer
        assert (await served.get("/v1/approvals"))[2]["data"] == []


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("wire", WIRES)
async def test_a_no_ends_the_answer_by_the_word_of_the_wire(wire: str, stream: bool) -> None:
    async with serving(agent(), store="memory") as served:
        asked = await send(served, wire, stream=stream)
        answer = await send(served, wire, f"deny {code_in(asked)} not today", stream=stream)
    assert "sk-" not in asked + answer
    assert WORDS[wire] in answer


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("wire", WIRES)
async def test_the_model_sees_a_request_after_a_yes(wire: str, kept: bool, tmp_path: Path) -> None:
    asking = agent(["Hello."], input_asking=[HELLO])
    async with serving(asking, store=f"sqlite:{tmp_path / 'store.db'}") as served:
        asked = await send(served, wire, kept=kept)
        assert model_of(asking).requests == []
        assert "Hello." in await send(served, wire, f"approve {code_in(asked)}")
    assert "hi" in str(model_of(asking).requests[0].messages)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("wire", WIRES)
async def test_the_model_never_sees_a_request_after_a_no(wire: str, stream: bool) -> None:
    asking = agent(["Hello."], input_asking=[HELLO])
    async with serving(asking, store="memory") as served:
        asked = await send(served, wire, stream=stream)
        answer = await send(served, wire, f"deny {code_in(asked)}", stream=stream)
    assert WORDS[wire] in answer
    assert model_of(asking).requests == []


async def test_what_was_denied_is_hidden_from_the_model_for_ever() -> None:
    asking = agent(["Hello."], input_asking=[HELLO])
    async with serving(asking, store="memory") as served:
        asked = await say(served, "hi")
        await say(served, "hi", asked, f"deny {codes(asked)[0]}")
        assert await say(served, "hi", asked, f"deny {codes(asked)[0]}", "", "and now?") == "Hello."
    seen = [m.content for m in model_of(asking).requests[0].messages if isinstance(m, messages.UserMessage)]
    assert seen[0] == "**"


async def test_a_thread_never_has_a_request_that_was_denied() -> None:
    asking = agent(["Hello."], input_asking=[HELLO])
    async with serving(asking, store="memory") as served:
        first = await served.post({"model": "agent", "input": "hi", "store": True}, "/v1/responses")
        code = code_in(json.dumps(first[2]))
        assert (await served.post({"action": "deny"}, f"/v1/approvals/{code}"))[0] == 200
        await eventually(lambda: True)
        body = {"model": "agent", "input": "and now?", "previous_response_id": first[2]["id"]}
        await served.post(body, "/v1/responses")
    assert "hi" not in [
        m.content for m in model_of(asking).requests[-1].messages if isinstance(m, messages.UserMessage)
    ]


async def test_tools_run_after_a_yes_with_the_arguments_that_the_model_wrote() -> None:
    made = []

    @tool
    def note(key: str) -> str:
        """Note it."""
        made.append(key)
        return "noted"

    asking = agent([[f"I note {KEY}.", call("note", {"key": KEY})], "Done."], output_asking=[ASK], output_rules=[])
    asking.toolboxes = (note,)
    async with serving(asking, store="memory") as served:
        asked = await say(served, "go")
        assert asked.startswith("I note ")
        assert made == []
        answer = await say(served, "go", asked, f"approve {codes(asked)[0]}")
        assert answer == f"{KEY}.\n\nDone."
    assert made == [KEY]


async def test_each_reviewer_has_a_word_and_sees_what_is_held_back() -> None:
    word = AskingRule(PatternRule("words", patterns.find_words(["keep"]), None), Reviewer("group:reviewers", 60.0))
    ann = Key("ann-key-0123456789", "ann")
    bob = Key("bob-key-0123456789", "bob", groups=frozenset({"reviewers"}))
    async with serving(agent(output_asking=[ASK, word]), store="memory", keys=(ann, bob)) as served:
        asked = await say(served, "hi", key=ann.key)
        [of_ann] = (await served.get("/v1/approvals", authorization=f"Bearer {ann.key}"))[2]["data"]
        [of_bob] = (await served.get("/v1/approvals", authorization=f"Bearer {bob.key}"))[2]["data"]
        assert "held" not in of_ann
        assert of_bob["held"] == f"{KEY}, keep it."
        assert KEY in (await served.get(of_bob["link"].removeprefix(served.url)))[2]
        answer = await say(served, "hi", asked, f"approve {of_ann['code']}", key=ann.key)
        assert KEY not in answer
        path = f"/v1/approvals/{of_bob['code']}"
        assert (await served.post({"action": "approve"}, path, authorization=f"Bearer {ann.key}"))[0] == 404
        assert (await served.post({"action": "approve"}, path, authorization=f"Bearer {bob.key}"))[0] == 200
        answer = await say(served, "hi", asked, "and now?", key=ann.key)
        assert answer == f"{KEY}, keep it."


async def test_any_process_goes_on_with_the_rest(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'store.db'}"
    async with serving(agent(), store=store) as served:
        asked = await say(served, "hi")
    again = agent([])
    async with serving(again, store=store) as served:
        assert await say(served, "hi", asked, f"approve {codes(asked)[0]}") == f"{KEY}, keep it."
        [run] = (await served.get("/v1/runs"))[2]["data"]
        assert (run["status"], run["usage"]["completion_tokens"]) == ("finished", 5)
    assert model_of(again).requests == []


@pytest.mark.parametrize("kept", [False, True])
async def test_that_it_waits_is_told_once(kept: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with serving(agent(), store=f"sqlite:{tmp_path / 'store.db'}") as served:
        await served.post(WIRES["chat"][1], **(KEPT if kept else {}))
        [run] = (await served.get("/v1/runs"))[2]["data"]
        async with served.client.get(f"{served.url}/v1/runs/{run['id']}/events") as response:
            seen = await until(response.content, b"run_waiting")
            code = code_in(seen.decode())
            assert (await served.post({"action": "deny"}, f"/v1/approvals/{code}"))[0] == 200
            seen += await until(response.content, b"event: run.finished")
    assert seen.count(b"event: run.waiting") == 1
    assert "client disconnected" not in caplog.text


async def test_what_nobody_answers_in_time_is_a_no(tmp_path: Path) -> None:
    late = AskingRule(STOP, Reviewer("", 0.05))
    async with serving(agent(output_asking=[late]), store=f"sqlite:{tmp_path / 'store.db'}") as served:
        await say(served, "hi")
        [run] = (await served.get("/v1/runs"))[2]["data"]
        keeper = served.server.state.keeper
        assert keeper is not None
        async with served.client.get(f"{served.url}/v1/runs/{run['id']}/events") as response:
            await until(response.content, b"run.waiting")
            await asyncio.sleep(0.06)  # the time of the question
            await keeper._end_questions()
            seen = await until(response.content, b"event: run.finished")
    assert KEY not in seen.decode()


async def test_of_five_answers_one_counts() -> None:
    async with serving(agent(), store="memory") as served:
        code = codes(await say(served, "hi"))[0]
        path, replies = (
            f"/v1/approvals/{code}",
            [{"action": action} for action in ("approve", "deny", "deny", "approve")],
        )
        answered = await asyncio.gather(*(served.post(reply, path) for reply in replies))
    assert sorted(status for status, _, _ in answered) == [200, 404, 404, 404]


async def test_one_no_is_enough() -> None:
    word = AskingRule(PatternRule("words", patterns.find_words(["keep"]), None))
    async with serving(agent(output_asking=[ASK, word]), store="memory") as served:
        asked = await say(served, "hi")
        assert await say(served, "hi", asked, f"deny {codes(asked)[0]}") == ""
        assert (await served.get("/v1/approvals"))[2]["data"] == []


async def test_there_is_nothing_to_edit() -> None:
    async with serving(agent(), store="memory") as served:
        asked = await say(served, "hi")
        answer = await say(served, "hi", asked, f'approve {codes(asked)[0]} {{"a": 1}}')
        assert answer.startswith("The arguments cannot be changed here")
        assert codes(answer) == codes(asked)


async def test_a_judge_can_leave_it_to_a_person() -> None:
    async def no(text: str, context: object) -> bool:
        return False

    asking = agent(["Hello."], input_judges=[Judge("moderation", no, reviewer=Reviewer())])
    async with serving(asking, store="memory") as served:
        asked = await say(served, "hi")
        assert "The guardrail 'moderation' holds the request back." in asked
        assert await say(served, "hi", asked, f"approve {codes(asked)[0]}") == "Hello."


async def test_where_nobody_can_be_asked_the_answer_is_no() -> None:
    asking = agent()
    async with asking.run("hi") as run:
        shown = [event async for event in run]
    assert KEY not in repr(shown)
    assert run.messages == [messages.AssistantMessage((messages.TextPart("Sesame opens "),))]
    assert "content_filter" in repr(run.outcome)


async def test_a_front_end_s_own_request_never_waits() -> None:
    title = {"role": "user", "content": "### Task:\nGenerate a title.\n<chat_history>hi</chat_history>"}
    async with serving(agent(["Hello."], input_asking=[HELLO]), store="memory") as served:
        status, _, answer = await served.post({"messages": [title], "metadata": {"task": "title_generation"}})
        assert (status, answer["error"]["code"]) == (400, "content_filter")
        assert (await served.get("/v1/approvals"))[2]["data"] == []
