from __future__ import annotations

import json
from pathlib import Path

import pytest

from turnstream.cli import main


def check(target: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as exited:
        main(["check", target])
    out, err = capsys.readouterr()
    return int(str(exited.value.code)), out + err


def test_it_reports_what_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check("tests/cli/agents.py:agents", capsys)
    assert code == 0
    assert said.splitlines() == [
        "agent doubler",
        "  model         scripted",
        "  tool          double: Twice a number.",
        "  instructions  9 characters",
        "  limits        10 steps, 600 s a run",
        "agent other",
        "  model         scripted",
        "  limits        10 steps, 600 s a run",
        "server: 127.0.0.1:8000, no API key, statuses extension",
    ]


def test_a_file_named_alone_means_its_agent(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check("tests/cli/agents.py", capsys)
    assert code == 0
    assert said.startswith("agent doubler\n")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("tests/cli/agents.py:agnet", "tests/cli/agents.py has no 'agnet' (did you mean 'agent'?)"),
        ("tests/cli/agents.py:double", "expected an Agent, a list of agents, or a Service"),
        ("no_such_module:agent", "there is no module 'no_such_module'"),
    ],
)
def test_a_wrong_object_is_a_failure(target: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(target, capsys) == (1, f"turnstream: {target}: {message}\n")


def test_two_agents_of_one_name_are_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "twice_named.py").write_text(
        "from tests.cli.agents import agent\nfrom turnstream import Agent\n"
        "agents = [agent, Agent(agent.model, name=agent.name)]\n"
    )
    code, said = check(f"{tmp_path}/twice_named.py:agents", capsys)
    assert code == 1
    assert said.endswith("two of the agents have the same name\n")


def test_an_empty_folder_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check(str(tmp_path), capsys)
    assert code == 1
    assert "the folder has no agent" in said


GOOD = '''
def get_weather(city: str) -> str:
    """Get the weather."""
    return city

def bare(city, when: str):
    return city
'''


def write(folder: Path, text: str) -> str:
    (folder / "tools.py").write_text(GOOD)
    (folder / "agent.yaml").write_text(text)
    return str(folder / "agent.yaml")


def test_one_round_tells_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    text = "model: openai:gpt-5-mini\nmax_step: 3\ntools: [nope.py:x]\nserver: {keys: ['${A_KEY}'], porrt: 3}\n"
    code, said = check(write(tmp_path, text), capsys)
    assert code == 1
    assert [line.split(": ")[-2:] for line in said.replace(f"{tmp_path}/", "").splitlines()] == [
        ["The model openai:gpt-5-mini needs a key", "set OPENAI_API_KEY."],
        ["max_step", "unknown key (did you mean 'max_steps'?)"],
        ["tools[0]", "there is no file nope.py"],
        ["server.keys[0]", "the environment variable A_KEY is not set (${A_KEY:-…} gives a default)"],
        ["server.porrt", "unknown key (did you mean 'port'?)"],
    ]


@pytest.mark.parametrize(
    ("approve", "who"),
    [
        ("[get_weather]", "the user, who is asked"),
        ("{calls: [get_weather], by: {group: finance}}", "the group finance"),
        ("{calls: [get_weather], by: {scope: approve}}", "whoever has the scope approve"),
    ],
)
def test_it_says_who_approves(approve: str, who: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"model: demo\ntools: [{{python: 'tools.py:get_weather', approve: {approve}}}]\n"
    code, said = check(write(tmp_path, text), capsys)
    assert code == 0
    assert f"  approval      of get_weather by {who}\n" in said


def test_without_the_environment_everything_else_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "model: {name: 'anthropic:${MODEL}', api_key: '${KEY}'}\nmax_steps: ${STEPS}\n"
        "tools:\n- tools.py:get_weather\n- rest: {name: x, url: '${URL}'}\n"
        "server: {keys: ['${A}'], port: '${PORT}'}\n"
    )
    with pytest.raises(SystemExit) as exited:
        main(["check", "--no-env", write(tmp_path, text)])
    out, err = capsys.readouterr()
    assert exited.value.code == 0
    assert "  tool          get_weather: Get the weather." in out
    assert err == f"not checked: {tmp_path}/agent.yaml: tools[1]: it depends on a variable that is not set\n"


def test_tools_that_tell_the_model_too_little_are_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check(write(tmp_path, "model: demo\ntools: [tools.py:bare]\n"), capsys)
    assert code == 0
    assert said.splitlines()[-2:] == [
        "warning: tool bare has no description: it tells the model when to use it",
        "warning: tool bare has no type for the argument city: a type tells the model what to write",
    ]


def test_a_tool_that_another_hides_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rest = "{name: get_weather, url: 'http://127.0.0.1:1/', description: The weather.}"
    tools = f"tools:\n- tools.py:get_weather\n- rest: {rest}\n"
    code, said = check(write(tmp_path, f"name: helper\nmodel: demo\n{tools}"), capsys)
    assert code == 0
    assert "warning: a tool get_weather of agent helper is hidden: another has its name; give one a prefix" in said


def openapi(folder: Path, name: str) -> str:
    paths = "paths: {/search: {get: {operationId: search, summary: Search.}}}"
    (folder / name).write_text(f"openapi: 3.1.0\nservers: [{{url: 'http://127.0.0.1:1'}}]\n{paths}\n")
    return f"openapi: {{spec: {name}}}"


@pytest.mark.parametrize(
    ("more", "hides"),
    [
        ("", True), ("\n  timeout: 3", True), ("\n  prefix: b_", False), ("\n  deny: [search]", False),
        ("\n  prefix: b_\n  allow: [search]", False), ("\n  cache: 3\n  prefix: a_", True),
    ],
)  # fmt: skip
def test_two_documents_with_tools_of_one_name_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, hides: bool
) -> None:
    first = f"- {openapi(tmp_path, 'a.yaml')}" + ("\n  prefix: a_" if "a_" in more else "")
    tools = f"tools:\n{first}\n- {openapi(tmp_path, 'b.yaml')}{more}\n"
    code, said = check(write(tmp_path, f"name: helper\nmodel: demo\n{tools}"), capsys)
    assert code == 0
    assert ("search of agent helper is hidden: another has its name" in said) is hides


@pytest.mark.parametrize(("prefix", "warned"), [("", True), (", prefix: b_", False)])
def test_two_servers_whose_tools_may_have_one_name_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], prefix: str, warned: bool
) -> None:
    servers = [f"{{mcp: {{name: {name}, command: x}}{more}}}" for name, more in (("a", ""), ("b", prefix))]
    text = f"model: demo\ntools: [{', '.join(servers)}]\n"
    assert ("mcp:a and mcp:b have the same prefix or none" in check(write(tmp_path, text), capsys)[1]) is warned


def test_json_is_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, ok in (("model: demo\ntools: [tools.py:get_weather]", True), ("model: demo\nx: 1", False)):
        with pytest.raises(SystemExit) as exited:
            main(["check", "--json", write(tmp_path, text)])
        report = json.loads(capsys.readouterr().out)
        assert (report["ok"], exited.value.code) == (ok, 0 if ok else 1)
    assert report["errors"][0].startswith(f"{tmp_path}/agent.yaml:2: x: unknown key")


def test_it_warns_of_functions_of_a_kept_run_that_do_not_say_what_a_second_call_would_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tools.py").write_text(
        "def pay(amount: int) -> str:\n    'Pay.'\n\n\ndef look(what: str) -> str:\n    'Look.'\n"
    )
    file = tmp_path / "agent.yaml"
    tools = "tools: [tools.py:pay, {python: tools.py:look, effect: none}]\n"
    file.write_text(f"model: demo\non_disconnect: go_on\n{tools}")
    told = "warning: pay of agent agent does not say what a second call would do (effect)"
    assert told in check(str(file), capsys)[1]
    file.write_text(f"model: demo\n{tools}")
    assert "second call" not in check(str(file), capsys)[1]


def test_with_connect_it_looks_into_the_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("model: demo\nserver: {store: 'sqlite:nowhere/else/store.db'}\n")
    (tmp_path / "nowhere").write_text("a file, where a folder should be")
    assert check(str(file), capsys)[0] == 0
    with pytest.raises(SystemExit) as exited:
        main(["check", "--connect", str(file)])
    assert exited.value.code == 1
    assert "Cannot open the database" in capsys.readouterr().err


@pytest.mark.parametrize(
    "asking",
    [
        "tools: [{ready: {name: wikipedia}, approve: {calls: ['*'], by: {group: finance}}}]",
        "guardrails: {output: [{find: [cards], action: ask, by: {group: finance}}]}",
    ],
)
def test_it_says_that_nobody_could_answer(asking: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(f"model: demo\n{asking}\nserver: {{keys: [{{key: a-key-0123456789, groups: [sales]}}]}}\n")
    told = "warning: agent agent waits for the group finance, which no key has: nobody can answer"
    assert told in check(str(file), capsys)[1]
    file.write_text(file.read_text().replace("[sales]", "[finance]"))
    assert "nobody can answer" not in check(str(file), capsys)[1]
