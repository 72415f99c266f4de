from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from turnstream import errors, events, messages
from turnstream.agent import Agent
from turnstream.config.load import load
from turnstream.testing.models import ScriptedModel, call

KEY = "sk-proj-abcdefghijklmnopqrstuvwx"


def build(folder: Path, guardrails: str, more: str = "", **files: str) -> Agent:
    """The agent of a file, with these guardrails, under their key and indented."""
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)
    lines = "\n".join(f"  {line}" for line in guardrails.splitlines())
    (folder / "agent.yaml").write_text(f"model: demo\nguardrails:\n{lines}\n{more}")
    [agent] = load(folder / "agent.yaml", {}).agents.values()
    return agent


async def answer(agent: Agent, said: str, asked: str = "hi") -> tuple[str, events.RunEvent]:
    """What is shown of an answer, and the end."""
    agent.model = ScriptedModel([said])
    async with agent.run(asked) as run:
        seen = [event async for event in run]
    return "".join(event.text for event in seen if isinstance(event, events.TextDelta)), seen[-1]


def reason(end: events.RunEvent) -> str:
    return end.reason if isinstance(end, events.RunFinished) else end.code if isinstance(end, events.RunFailed) else ""


async def test_what_is_found_is_masked_by_its_label(tmp_path: Path) -> None:
    agent = build(tmp_path, "output:\n- find: [secrets, emails, cards]")
    shown, _ = await answer(agent, f"{KEY} of a@b.org, 4111 1111 1111 1111")
    assert shown == "[secret] of [email], [card]"


async def test_actions_are_mask_replace_and_stop(tmp_path: Path) -> None:
    agent = build(
        tmp_path,
        "output:\n- {words: [fool], action: replace, text: friend}\n- {expressions: ['x\\d{3}']}\n"
        "- {words_file: words.txt, action: stop}",
        words_txt="enough\n\nstop it\n",
    )
    shown, end = await answer(agent, "a fool, x123, Enough of it")
    assert (shown, reason(end)) == ("a friend, ***, ", "content_filter")


async def test_a_length_ends_an_answer(tmp_path: Path) -> None:
    shown, end = await answer(build(tmp_path, "output:\n- length: 5"), "one two three")
    assert (shown, reason(end)) == ("one t", "length")


async def test_an_answer_that_does_not_fit_its_schema_is_replaced(tmp_path: Path) -> None:
    agent = build(
        tmp_path,
        "output:\n- {json_schema: answer.json, action: replace, text: '{}'}",
        answer_json='{"type": "object"}',
    )
    assert (await answer(agent, '{"a": 1}'))[0] == '{"a": 1}'
    assert (await answer(agent, "no JSON"))[0] == "{}"


async def test_a_function_judges_every_so_many_characters(tmp_path: Path) -> None:
    checks = "def fine(text):\n    return 'bad' not in text\n"
    agent = build(tmp_path, "output:\n- {python: 'checks.py:fine', every: 4}", checks_py=checks)
    shown, end = await answer(agent, "all is bad here")
    assert (shown, reason(end)) == ("all is b"[:8], "content_filter")


async def test_a_request_is_refused(tmp_path: Path) -> None:
    shown, end = await answer(build(tmp_path, "input:\n- {find: [secrets], action: stop}"), "hello", KEY)
    assert (shown, reason(end)) == ("", "content_filter")


async def test_a_person_is_asked_whom_the_configuration_names(tmp_path: Path) -> None:
    agent = build(tmp_path, "output:\n- {find: [cards], action: ask, by: {group: reviewers}, expires: 60}")
    agent.model = ScriptedModel(["It is 4111 1111 1111 1111."])
    asked: list[events.LogEvent] = []

    async def wait(request: object, told: Sequence[events.LogEvent]) -> None:
        asked.extend(told)

    async with agent.run("hi", wait=wait) as run:
        shown = [event async for event in run]
    assert agent.asks
    assert run.waiting == shown[-1] == asked[-1]
    assert "4111" not in repr(shown[:-1])
    assert [(ask.by, ask.source) for ask in run.waiting.asks] == [("group:reviewers", "cards")]


async def test_guardrails_of_tools_stand_around_each_of_them(tmp_path: Path) -> None:
    tools = f"def leak() -> str:\n    return '{KEY}'\n"
    guardrails = "tools:\n- find: [secrets]\n- mark_as_data: ['*']"
    agent = build(tmp_path, guardrails, "tools: ['tools.py:leak']", tools_py=tools)
    [box] = agent.toolboxes
    async with agent.run("hi") as run:
        output = await box.call(messages.ToolCall("c1", "leak", "{}"), run._context)
    assert "[secret]" in str(output.content)
    assert str(output.content).startswith("[data-")


async def test_guardrails_of_the_server_stand_around_those_of_all_agents(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("model: demo\nguardrails: {output: [{words: [b], action: replace, text: c}]}\n")
    (tmp_path / "two.yaml").write_text("model: demo\n")
    server = "server: {guardrails: {output: [{words: [a], action: replace, text: b}]}}\n"
    (tmp_path / "server.yaml").write_text(server)
    agents = load(tmp_path, {}).agents
    assert (await answer(agents["one"], "a b"))[0] == "c c"
    assert (await answer(agents["two"], "a b"))[0] == "b b"


@pytest.mark.parametrize(
    ("guardrails", "why"),
    [
        ("output:\n- {words: [a], length: 3}", r"guardrails.output\[0\]: give exactly one of: find, expressions"),
        ("tools:\n- {moderation: {model: demo}, action: ask}", "'action: ask' needs one of: find, expressions, words"),
        ("output:\n- {words: [a], by: {scope: approve}}", "'by' and 'expires' are for 'action: ask'"),
        ("input:\n- {words: [a], action: ask, by: {scope: boss}}", "by.scope: must be 'runs', 'approve'"),
        ("output:\n- {length: 3, action: mask}", "'action: mask' needs one of"),
        ("input:\n- {python: 'a.py:b', action: replace, text: x}", "'action: replace' needs one of: find, expr"),
        ("output:\n- {words: [a], action: replace}", "'action: replace' and 'text' need each other"),
        ("output:\n- {words: [a], every: 3}", "'every' is for 'python' and 'moderation'"),
        ("output:\n- expressions: ['a(?=b)']", r":4: guardrails.output\[0\]: unsupported '\(\?=b\)' at position 2"),
        ("input:\n- words_file: none.txt", r"guardrails.input\[0\]: there is no file"),
        ("output:\n- json_schema: {type: nonsense}", "not a valid JSON schema"),
        ("tools:\n- python: 'builtins:len.x'", "has no 'x'"),
        ("input:\n- mark_as_data: ['*']", "unknown key"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(tmp_path: Path, guardrails: str, why: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=why):
        build(tmp_path, guardrails)


def test_patterns_without_their_library_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "re2", None)
    with pytest.raises(errors.ConfigurationError, match=r"pip install 'turnstream\[guardrails\]'"):
        build(tmp_path, "output:\n- find: [secrets]")


async def test_after_untrusted_alone_is_for_what_must_not_happen_twice(tmp_path: Path) -> None:
    tools = "def look() -> str:\n    return 'seen'\ndef pay() -> str:\n    return 'paid'\n"
    entries = (
        "tools:\n- rest: {name: page, url: 'http://127.0.0.1:9/'}\n"
        "- {python: 'tools.py:look', approve: after_untrusted}\n"
        "- {python: 'tools.py:pay', effect: once, approve: after_untrusted}\n"
    )
    agent = build(tmp_path, "output: []", entries, tools_py=tools)
    agent.model = ScriptedModel([call("pay"), call("page"), call("look"), call("pay"), "Done."])
    async with agent.run("hi") as run:
        results = [event.output.content async for event in run if isinstance(event, events.ToolResult)]
    assert (results[0], results[2]) == ("paid", "seen")
    assert "needs approval" in str(results[3])


async def test_calls_after_untrusted_content_need_a_yes(tmp_path: Path) -> None:
    tools = "def refund() -> str:\n    return 'done'\n"
    entries = (
        "tools:\n- rest: {name: page, url: 'http://127.0.0.1:9/'}\n"
        "- {python: 'tools.py:refund', approve: {calls: [refund], after_untrusted: true}}\n"
    )
    agent = build(tmp_path, "output: []", entries, tools_py=tools)
    agent.model = ScriptedModel([call("refund"), call("page"), call("refund"), "Done."])
    async with agent.run("hi") as run:
        results = [event.output.content async for event in run if isinstance(event, events.ToolResult)]
    assert results[0] == "done"
    assert "needs approval" in str(results[2])
