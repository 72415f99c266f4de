from __future__ import annotations

from pathlib import Path

import pytest

from turnstream.agent import Budget
from turnstream.config import find, load
from turnstream.events import ConfigurationError, ModelOptions
from turnstream.models.fallback import Fallback
from turnstream.providers.transport.http import HttpModel
from turnstream.service import ServerSettings

TOOLS = '''
def weather(city: str) -> str:
    """The weather of a city."""
    return f"{city}: sunny"

def weather_too(city: str) -> str:
    return city

both = [weather, weather_too]
number = 7
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tools.py").write_text(TOOLS)
    return tmp_path


def write(folder: Path, text: str, name: str = "agent.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def error(target: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(target, {})
    return [line.replace(f"{target.parent}/", "") for line in caught.value.message.splitlines()]


async def test_every_key_of_an_agent_reaches_it(folder: Path) -> None:
    text = """
name: helper
description: Helps.
model: demo
system_prompt: Be brief.
tools: [tools.py:weather]
max_steps: 3
on_max_steps: stop
tool_timeout: 1.5
run_timeout: null
history_limit: 20
options: {temperature: 0.5, stop: [x], extra: {top_k: 4}}
"""
    agent = load(write(folder, text), {}).agents["helper"]
    assert (agent.name, agent.description, agent.instructions) == ("helper", "Helps.", "Be brief.")
    assert agent.model.name == "demo"
    assert (agent.max_steps, agent.on_max_steps) == (3, "stop")
    assert (agent.tool_timeout, agent.run_timeout, agent.history_limit) == (1.5, None, 20)
    assert agent.options == ModelOptions(temperature=0.5, stop=("x",), extra={"top_k": 4})
    assert len(agent.toolboxes) == 1


async def test_what_is_left_out_is_as_agent_has_it(folder: Path) -> None:
    from turnstream.agent import Agent

    agent = load(write(folder, "model: demo"), {}).agents["agent"]
    plain = Agent("demo")
    for name in (
        "max_steps",
        "on_max_steps",
        "tool_timeout",
        "run_timeout",
        "history_limit",
        "options",
        "instructions",
    ):
        assert getattr(agent, name) == getattr(plain, name)


async def test_a_budget_is_what_the_file_says_of_it(folder: Path) -> None:
    assert load(write(folder, "model: demo"), {}).agents["agent"].budget is None
    agent = load(write(folder, "model: demo\nbudget: {tokens: 1000, cost: 0.5}"), {}).agents["agent"]
    assert agent.budget == Budget(tokens=1000, cost=0.5)


async def test_a_list_of_models_is_asked_one_after_the_other(folder: Path) -> None:
    text = "model: [demo, {name: 'openai-compatible:m', base_url: 'http://127.0.0.1:1/v1', retries: 0}]"
    model = load(write(folder, text), {}).agents["agent"].model
    assert isinstance(model, Fallback)
    assert [member.name for member in model.models] == ["demo", "openai-compatible:m"]


def test_each_of_several_models_that_is_wrong_is_named(folder: Path) -> None:
    assert error(write(folder, "model:\n- demo\n- nope:m"))[0].startswith("agent.yaml:3: model[1]: ")


async def test_the_server_section_becomes_its_settings(folder: Path) -> None:
    text = "model: demo\nserver: {port: '${P}', keys: ['${K}'], forward_headers: [X-Tenant], statuses: off}"
    settings = load(write(folder, text), {"P": "99", "K": "k"}).settings
    assert settings == ServerSettings(port=99, keys=("k",), forward_headers=("x-tenant",), statuses="off")


async def test_instructions_may_stand_in_a_file(folder: Path) -> None:
    write(folder, "Be kind.\n", "prompt.md")
    service = load(write(folder, "model: demo\ninstructions_file: prompt.md"), {})
    assert service.agents["agent"].instructions == "Be kind.\n"


async def test_a_list_of_functions_is_several_tools(folder: Path) -> None:
    service = load(write(folder, "model: demo\ntools: [{python: 'tools.py:both'}]"), {})
    assert len(service.agents["agent"].toolboxes) == 2


def test_everything_that_is_wrong_outside_the_file_is_said_at_once(folder: Path) -> None:
    tools = "\n- tools.py:".join(("", "wether", "number", "both", "weather"))
    text = f"model: nobody:knows\ninstructions_file: x.md\ntools:{tools}"
    said = error(write(folder, text))
    assert said[0].startswith("agent.yaml:1: model: ")
    assert said[1:] == [
        "agent.yaml:2: instructions_file: there is no file x.md",
        "agent.yaml:4: tools[0]: tools.py has no 'wether' (did you mean 'weather'?)",
        "agent.yaml:5: tools[1]: expected a function, a toolbox, or a list of them",
        "agent.yaml:7: tools[3]: there is already a tool named weather",
    ]


async def test_a_folder_is_an_agent_for_each_file(folder: Path) -> None:
    write(folder, "model: demo", "b.yaml")
    write(folder, "model: demo\nname: first", "a.yml")
    write(folder, "server: {port: 1}", "server.yaml")
    write(folder, "not read", ".hidden.yaml")
    service = load(folder, {})
    assert list(service.agents) == ["first", "b"]
    assert service.settings.port == 1


def test_a_folder_tells_of_all_its_files_at_once(folder: Path) -> None:
    write(folder, "modle: demo", "a.yaml")
    write(folder, "model: demo\nserver: {}", "b.yaml")
    write(folder, "model: demo\nname: b\nserver: {}", "c.yaml")
    with pytest.raises(ConfigurationError) as caught:
        load(folder, {})
    said = caught.value.message.replace(f"{folder}/", "").splitlines()
    assert said == [
        "a.yaml:1: model: is missing",
        "a.yaml:1: modle: unknown key (did you mean 'model'?)",
        "c.yaml: server: already defined in b.yaml; only one file may define it",
        "c.yaml: the name 'b' is taken by b.yaml",
    ]


@pytest.mark.parametrize("text", ["", "# nothing", "server: {}", "just a text", "[]", "\xff"])
def test_a_file_without_an_agent_is_an_error(text: str, folder: Path) -> None:
    file = folder / "agent.yaml"
    file.write_bytes(text.encode("latin-1"))
    assert error(file)[0].startswith("agent.yaml")


async def test_the_usual_names_are_found_in_order(folder: Path) -> None:
    assert find(folder) is None
    (folder / "agents").mkdir()
    assert find(folder) == folder / "agents"
    write(folder, "model: demo")
    assert find(folder) == folder / "agent.yaml"


async def test_a_strange_file_name_still_gives_a_name_that_clients_can_spell(folder: Path) -> None:
    assert list(load(write(folder, "model: demo", "mein agent ü.yaml"), {}).agents) == ["mein-agent"]


async def test_auto_is_what_the_environment_offers(folder: Path) -> None:
    (agent,) = load(write(folder, "model: auto"), {"OPENAI_API_KEY": "k"}).agents.values()
    assert agent.model.name == "openai:gpt-5-mini"


async def test_the_agents_of_a_folder_share_their_connections(folder: Path) -> None:
    for name in ("a", "b"):
        write(folder, f"model: {{name: 'openai:{name}', api_key: k}}", f"{name}.yaml")
    first, second = (agent.model for agent in load(folder, {}).agents.values())
    assert isinstance(first, HttpModel)
    assert isinstance(second, HttpModel)
    assert first.client is second.client


@pytest.mark.parametrize(
    "text",
    [
        "model: ${KEY}",
        "model: '${KEY}:x'",
        "model: {name: 'openai:x', api_key: k, base_url: 'ftp://u:${KEY}@h'}",
        "model: demo\ntools: ['tools.py:${KEY}']",
        "model: demo\ntools: ['${KEY}:x']",
        "model: demo\ninstructions_file: ${KEY}",
        "model: {name: 'openai:x', api_key: k, tool_calls: {format: '${KEY}'}}",
        "model: {name: 'openai-completions:x', base_url: 'http://h', template: '${KEY}'}",
    ],
)
def test_a_key_in_the_wrong_place_is_not_repeated(text: str, folder: Path) -> None:
    file = write(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        load(file, {"KEY": "skfiveup3rsecret"})
    assert "skfiveup3rsecret" not in caught.value.message


async def test_an_openapi_document_may_lie_beside_the_agents(folder: Path) -> None:
    (folder / "agents").mkdir()
    (folder / "agents" / "helper.yaml").write_text("model: demo")
    (folder / "agents" / "shop.yaml").write_text("openapi: 3.1.0\ninfo: {title: Shop, version: '1'}\npaths: {}")
    assert list(load(folder / "agents").agents) == ["helper"]


async def test_an_openapi_document_is_no_agent_by_itself(folder: Path) -> None:
    (folder / "shop.yaml").write_text("openapi: 3.1.0\ninfo: {title: Shop, version: '1'}\npaths: {}")
    with pytest.raises(ConfigurationError, match="this is an OpenAPI document: an agent has it as a tool"):
        load(folder / "shop.yaml")


async def test_a_model_searches_the_web_by_one_switch(folder: Path) -> None:
    file = write(folder, "model: {name: 'anthropic:claude-sonnet-4-5', api_key: k, web_search: true}")
    (agent,) = load(file, {}).agents.values()
    assert isinstance(agent.model, HttpModel)
    assert agent.model.settings.web_search
    assert error(write(folder, "model: {name: 'ollama:qwen3', web_search: true}"))[0].count(
        "web_search: ollama offers no search"
    )
