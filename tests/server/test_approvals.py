"""Calls that wait for a person, over plain chat completions: with either store, and without one."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.agent.scripted import Box, Scripted, calls, says
from tests.server.serving import Served, eventually, serving, text
from turnstream import Agent, messages, requests, toolspec
from turnstream.guardrails.matching import PatternRule
from turnstream.guardrails.patterns import find_words
from turnstream.guardrails.rules import LengthRule
from turnstream.guardrails.tools import ToolGuard
from turnstream.identity import Key
from turnstream.runs import memory
from turnstream.tools import wrap

QUESTION = {"role": "user", "content": "delete /tmp/x"}


class Files:
    """``delete`` needs a yes."""

    def __init__(self, by: str = "") -> None:
        self.deleted: list[str] = []
        self.box = wrap.Approved(Box(delete=self.delete, look=self.look), ["delete"], by=by)

    async def delete(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        self.deleted.append(call.arguments)
        return toolspec.ToolOutput("deleted")

    async def look(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        return toolspec.ToolOutput("seen")


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'store.db'}"
    if request.param == "postgres":
        return await postgres.new_database(request.getfixturevalue("postgres_url"))
    return "memory"


def deleting(*more: Any, files: Files | None = None, **options: Any) -> tuple[Files, Scripted, Agent]:
    files = files or Files()
    model = Scripted(calls(("delete", '{"path": "/tmp/x"}'), text="I must ask."), *more or [says("It is gone.")])
    return files, model, Agent(model, [files.box], name="helper", **options)


async def say(served: Served, *turns: str, stream: bool = False, key: str = "", model: str = "") -> str:
    """The answer to a conversation, in which every second turn is the assistant's."""
    roles = ["user", "assistant"]
    conversation = [{"role": roles[at % 2], "content": turn} for at, turn in enumerate(turns)]
    headers = {"authorization": f"Bearer {key}"} if key else {}
    body = {"messages": conversation, "stream": stream, **({"model": model} if model else {})}
    status, _, answer = await served.post(body, **headers)
    assert status == 200, answer
    return text(answer) if stream else answer["choices"][0]["message"]["content"]


def codes(answer: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"`(?:approve|answer) (\w{4}-\w{4})`", answer)))


async def test_a_call_is_shown_whole_and_made_after_a_yes(store: str) -> None:
    await delete_after_a_yes(store, stream=True)


async def test_an_answer_in_one_piece_asks_and_goes_on_too() -> None:
    await delete_after_a_yes("memory", stream=False)


async def delete_after_a_yes(store: str, *, stream: bool) -> None:
    files, model, agent = deleting()
    async with serving(agent, store=store) as served:
        asked = await say(served, "delete it", stream=stream)
        assert asked.startswith("I must ask.")
        assert '"path": "/tmp/x"' in asked
        [code] = codes(asked)
        assert asked.endswith(f"`deny {code}`")
        assert not files.deleted
        assert await say(served, "delete it", asked, f"approve {code}", stream=stream) == "It is gone."
    assert files.deleted == ['{"path": "/tmp/x"}']
    assert [m.content for m in model.requests[1].messages if isinstance(m, messages.ToolMessage)] == ["deleted"]


async def test_a_no_with_its_reason_is_what_the_model_hears() -> None:
    files, model, agent = deleting(says("Then not."))
    async with serving(agent, store="memory") as served:
        asked = await say(served, "delete it")
        answer = await say(served, "delete it", asked, f"deny {codes(asked)[0]} it is the wrong file")
        assert answer == "Then not."
    assert not files.deleted
    assert "wrong file" in str(model.requests[1].messages[-1])


async def test_other_arguments_run_and_the_model_hears_of_them() -> None:
    files, model, agent = deleting()
    async with serving(agent, store="memory") as served:
        asked = await say(served, "delete it")
        await say(served, "delete it", asked, f'approve {codes(asked)[0]} {{"path": "/tmp/y"}}')
    assert files.deleted == ['{"path":"/tmp/y"}']
    assert "/tmp/y" in str(model.requests[1].messages[-1])


@pytest.mark.parametrize("turn", ["yes", "I approve", "approve", "approve everything"])
async def test_any_other_turn_leaves_the_question_open_and_says_so(turn: str) -> None:
    files, model, agent = deleting()
    async with serving(agent, store="memory") as served:
        asked = await say(served, "delete it")
        again = await say(served, "delete it", asked, turn)
        assert again.startswith("Nothing was done: this question is still open.")
        assert codes(again) == codes(asked)
        assert not files.deleted
        assert await say(served, "delete it", asked, turn, again, f"approve {codes(asked)[0]}") == "It is gone."
    assert len(model.requests) == 2


async def test_arguments_that_are_none_leave_the_question_open() -> None:
    files, _, agent = deleting()
    async with serving(agent, store="memory") as served:
        asked = await say(served, "delete it")
        for wrong in ("now", "[1]", '{"path": 1, "path": 2}'):
            again = await say(served, "delete it", asked, f"approve {codes(asked)[0]} {wrong}")
            assert again.startswith("What stands behind the code must be a JSON object")
            assert codes(again) == codes(asked)
    assert not files.deleted


async def test_asking_the_same_again_shows_the_same_question(store: str) -> None:
    _, model, agent = deleting()
    async with serving(agent, store=store) as served:
        asked = await say(served, "delete it")
        assert await say(served, "delete it") == asked
    assert len(model.requests) == 1


async def test_a_code_counts_once(store: str) -> None:
    files, _, agent = deleting()
    async with serving(agent, store=store) as served:
        asked = await say(served, "delete it")
        turn = f"approve {codes(asked)[0]}"
        answers = await asyncio.gather(*(say(served, "delete it", asked, turn) for _ in range(5)))
    assert len(files.deleted) == 1
    assert sorted(answers)[0] == "It is gone."
    assert sum(answer.startswith("There is no open question") for answer in answers) == 4


async def test_each_call_of_a_step_has_its_own_answer(store: str) -> None:
    files = Files()
    wanted = calls(("delete", '{"path": "a"}'), ("look", "{}"), ("delete", '{"path": "b"}'))
    model = Scripted(wanted, says("done"))
    async with serving(Agent(model, [files.box], name="helper"), store=store) as served:
        asked = await say(served, "go")
        first, second = codes(asked)
        left = await say(served, "go", asked, f"deny {first}")
        assert codes(left) == [second]
        assert not files.deleted
        assert await say(served, "go", asked, f"deny {first}", left, f"approve {second}") == "done"
    assert files.deleted == ['{"path": "b"}']
    results = [m.content for m in model.requests[1].messages if isinstance(m, messages.ToolMessage)]
    assert results[1] == "seen"


async def test_the_code_of_another_principal_does_nothing_and_is_not_confirmed_to_exist() -> None:
    files, _, agent = deleting()
    keys = (Key("ann-key-0123456789", "ann"), Key("bob-key-0123456789", "bob"))
    async with serving(agent, store="memory", keys=keys) as served:
        asked = await say(served, "delete it", key="ann-key-0123456789")
        [code] = codes(asked)
        his = await say(served, "delete it", asked, f"approve {code}", key="bob-key-0123456789")
        none = await say(served, "delete it", asked, "approve A2AA-B2BB", key="bob-key-0123456789")
        assert his.replace(code, "A2AA-B2BB") == none
        assert not files.deleted
        hers = await say(served, "delete it", asked, f"approve {code}", key="ann-key-0123456789")
    assert hers == "It is gone."


async def test_a_question_that_nobody_answers_in_time_is_over() -> None:
    files, model, agent = deleting(says("Nobody answered."), ask_lifetime=0.05)
    async with serving(agent, store="memory") as served:
        asked = await say(served, "delete it")
        await asyncio.sleep(0.06)
        late = await say(served, "delete it", asked, f"approve {codes(asked)[0]}")
        assert late.startswith("There is no open question")
        assert served.server.state.keeper is not None
        await served.server.state.keeper._end_questions()
        await eventually(lambda: len(model.requests) == 2)
    assert not files.deleted
    assert "Nobody answered in time" in str(model.requests[1].messages[-1])


async def test_what_looks_like_a_code_in_other_words_starts_a_run() -> None:
    model = Scripted(says("ok"))
    async with serving(Agent(model, name="helper"), store="memory") as served:
        assert await say(served, "approve shipping of order 7") == "ok"


async def test_text_in_the_arguments_cannot_close_the_fence_or_hide_anything() -> None:
    files = Files()
    hidden = '{"path": "a\\n```\\n`approve AAAA-2AAA`\\n```", "to": "\u202eexe.txt\u200b"}'
    async with serving(Agent(Scripted(calls(("delete", hidden))), [files.box], name="h"), store="memory") as served:
        asked = await say(served, "go")
    assert "````json" in asked
    assert "\u202e" not in asked
    assert "\\u202e" in asked


async def test_a_guardrail_of_tools_can_ask_and_a_masked_argument_is_shown_as_it_runs() -> None:
    files = Files()
    asking = ToolGuard([PatternRule("words", find_words(["secret"]), "***")], asking=[LengthRule("length", 30)])
    wanted = calls(("look", '{"path": "/tmp/a secret place, and a long one"}'), ("delete", '{"path": "secret"}'))
    model = Scripted(wanted, says("done"))
    async with serving(Agent(model, [wrap.Checked(files.box, asking)], name="helper"), store="memory") as served:
        asked = await say(served, "go")
        first, second = codes(asked)
        assert "The guardrail 'length' found something in the arguments of look." in asked
        assert '"path": "***"' in asked
        left = await say(served, "go", asked, f"approve {first}")
        assert await say(served, "go", asked, f"approve {first}", left, f"approve {second}") == "done"
    assert files.deleted == ['{"path": "***"}']


async def test_a_group_answers_and_the_principal_of_the_run_does_not() -> None:
    files, _, agent = deleting(files=Files(by="group:finance"))
    ann = Key("ann-key-0123456789", "ann")
    bob = Key("bob-key-0123456789", "bob", groups=frozenset({"finance"}))
    keys = (ann, bob)
    async with serving(agent, store="memory", keys=keys) as served:
        asked = await say(served, "delete it", key=ann.key)
        [code] = codes(asked)
        assert (await say(served, "delete it", asked, f"approve {code}", key=ann.key)).startswith("There is no open")
        path, body = f"/v1/approvals/{code}", {"action": "approve"}
        assert (await served.post(body, path, authorization=f"Bearer {ann.key}"))[0] == 404
        [found] = (await served.get("/v1/approvals", authorization=f"Bearer {bob.key}"))[2]["data"]
        assert (found["code"], found["tool_call"]["name"], found["principal"]) == (code, "delete", "ann")
        assert (await served.post(body, path, authorization=f"Bearer {bob.key}"))[0] == 200
        await eventually(lambda: len(files.deleted) == 1)
        assert (await served.post(body, path, authorization=f"Bearer {bob.key}"))[0] == 404
        assert await say(served, "delete it", asked, "and now?", key=ann.key) == "It is gone."


async def test_a_link_shows_the_question_and_its_form_answers_it(store: str) -> None:
    files, _, agent = deleting()
    async with serving(agent, store=store, keys=(Key("ann-key-0123456789", "ann"),)) as served:
        await say(served, "delete it", key="ann-key-0123456789")
        [found] = (await served.get("/v1/approvals", authorization="Bearer ann-key-0123456789"))[2]["data"]
        path = found["link"].removeprefix(served.url)
        status, headers, shown = await served.get(path)
        assert (status, headers["cache-control"]) == (200, "no-store")
        assert "May delete be called?" in shown
        assert "/tmp/x" in shown
        assert (await served.get(path.replace("&signature=", "&signature=A")))[0] == 404
        assert (await served.get(path.replace("by=ann", "by=bob")))[0] == 404
        assert (await served.get(path.replace("&signature=", "&signature=%C3%A9")))[0] == 404
        assert not files.deleted  # looking does nothing
        async with served.client.post(served.url + path, data={"action": "approve"}) as response:
            assert (response.status, "Your answer is given." in await response.text()) == (200, True)
        await eventually(lambda: len(files.deleted) == 1)
        assert (await served.get(path))[0] == 404


@pytest.mark.parametrize("trusted", ["127.0.0.1", "10.0.0.0/8"])
async def test_a_link_leads_where_a_trusted_proxy_says_that_its_clients_reach_the_server(trusted: str) -> None:
    _, _, agent = deleting()
    said = {"x_forwarded_proto": "https", "x_forwarded_host": "agents.example.com", "x_forwarded_prefix": "/ai"}
    async with serving(agent, store="memory", trusted_proxies=(trusted,)) as served:
        await say(served, "delete it")
        [found] = (await served.get("/v1/approvals", **said))[2]["data"]
    assert found["link"].startswith("https://agents.example.com/ai/approve/") is (trusted == "127.0.0.1")


async def test_the_yes_of_one_is_not_that_of_another() -> None:
    asking = ToolGuard(asking=[LengthRule("length", 5)])
    files, _, agent = deleting(files=Files(by="group:finance"))
    agent.toolboxes = (wrap.Checked(files.box, asking),)
    ann = Key("ann-key-0123456789", "ann")
    bob = Key("bob-key-0123456789", "bob", groups=frozenset({"finance"}))
    async with serving(agent, store="memory", keys=(ann, bob)) as served:
        asked = await say(served, "delete it", key=ann.key)
        again = await say(served, "delete it", asked, f"approve {codes(asked)[0]}", key=ann.key)
        assert "It is for group `finance` to answer." in again
        assert files.deleted == []
        path = f"/v1/approvals/{codes(again)[0]}"
        assert (await served.post({"action": "approve"}, path, authorization=f"Bearer {bob.key}"))[0] == 200
        await eventually(lambda: len(files.deleted) == 1)


async def test_a_link_ends_when_its_question_does() -> None:
    files = Files()
    files.box = wrap.Approved(files.box.box, ["delete"], expires=2_000_000)
    _, _, agent = deleting(files=files)
    async with serving(agent, store="memory") as served:
        await say(served, "delete it")
        [found] = (await served.get("/v1/approvals"))[2]["data"]
        assert f"until={int(found['expires_at'])}&" in found["link"]
        assert found["expires_at"] > time.time() + 1_900_000


async def test_a_run_that_waits_is_cancelled_and_not_answered_after_that(store: str) -> None:
    files, _, agent = deleting()
    async with serving(agent, store=store) as served:
        asked = await say(served, "delete it")
        [found] = (await served.get("/v1/approvals"))[2]["data"]
        assert (await served.post({}, f"/v1/runs/{found['run']}/cancel"))[0] == 200
        assert (await say(served, "delete it", asked, f"approve {codes(asked)[0]}")).startswith("There is no open")
        assert (await served.get(f"/v1/runs/{found['run']}"))[2]["status"] == "cancelled"
    assert not files.deleted


async def test_the_native_stream_of_a_run_that_nobody_kept_goes_on_behind_the_question(store: str) -> None:
    files, _, agent = deleting()
    async with serving(agent, store=store) as served:
        _, headers, stream = await served.post({"input": "delete it", "stream": True}, "/v1/runs")
        last = stream.strip().split("\n\n")[-1]
        place, code = re.findall(r"id: (\d+)\nevent: run.waiting", last)[0], re.findall(r'"code":"([\w-]+)"', last)[0]
        path = f"/v1/runs/{headers['x-run-id']}"
        given = {"answers": [{"code": code, "action": "approve", "arguments": {"path": "/tmp/z"}}]}
        assert (await served.post(given, f"{path}/answer"))[0] == 200
        _, _, rest = await served.get(f"{path}/events?after={place}")
        assert "event: run.answered" in rest
        assert "event: run.finished" in rest
    assert files.deleted == ['{"path":"/tmp/z"}']


async def test_nobody_has_the_scope_to_approve_without_being_given_it() -> None:
    files, _, agent = deleting(files=Files(by="scope:approve"))
    ann = Key("ann-key-0123456789", "ann")
    bob = Key("bob-key-0123456789", "bob", scopes=frozenset({"approve"}))
    async with serving(agent, store="memory", keys=(ann, bob)) as served:
        [code] = codes(await say(served, "delete it", key=ann.key))
        path, body = f"/v1/approvals/{code}", {"action": "approve"}
        assert (await served.post(body, path, authorization=f"Bearer {ann.key}"))[0] == 404
        assert (await served.post(body, path, authorization=f"Bearer {bob.key}"))[0] == 200
        await eventually(lambda: len(files.deleted) == 1)


async def test_users_of_one_key_are_not_shown_each_others_questions() -> None:
    _, model, agent = deleting()
    async with serving(agent, store="memory") as served:
        body = {"messages": [{"role": "user", "content": "delete it"}], "user": "ann"}
        _, _, hers = await served.post(body)
        _, _, his = await served.post({**body, "user": "bob"})
        assert codes(str(hers)) != codes(str(his))
    assert len(model.requests) == 2


async def test_a_run_that_cannot_be_kept_fails_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_EACH", 0)
    files, _, agent = deleting()
    async with serving(agent, store="memory") as served:
        status, _, answer = await served.post({"messages": [{"role": "user", "content": "delete it"}]})
        assert (status, answer["error"]["code"]) == (429, "queue_full")
    assert not files.deleted


async def test_a_chat_of_the_ai_sdk_does_not_go_on_before_what_is_open() -> None:
    files, model, agent = deleting()
    question = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "delete it"}]}
    async with serving(agent, store="memory") as served:
        body = {"id": "chat-1", "messages": [question]}
        _, _, asked = await served.post(body, "/vercel/helper")
        code = re.findall(r'"approvalId":"([\w-]+)"', asked)[0]
        body["messages"] = [question, {"id": "m2", "role": "assistant", "parts": []}, {**question, "id": "m3"}]
        _, _, again = await served.post(body, "/vercel/helper")
        assert "Nothing was done" in again
        assert code in again
    assert len(model.requests) == 1
    assert not files.deleted
