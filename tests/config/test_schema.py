from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from turnstream.config import schema, settings
from turnstream.config.agents import AgentSection, read_sections
from turnstream.config.document import read
from turnstream.config.models import Options
from turnstream.config.settings import ServerSection
from turnstream.config.tools import entry
from turnstream.events import ModelOptions
from turnstream.identity import Key
from turnstream.service import ServerSettings

ROOT = Path(__file__).parents[2]
SECRET = "sk-5up3r"


def errors(text: str, environ: dict[str, str] | None = None) -> list[str]:
    document = read(text, "agent.yaml", environ or {})
    read_sections(document)
    assert document.problems
    return document.problems


def good(text: str, environ: dict[str, str] | None = None) -> AgentSection:
    document = read(text, "agent.yaml", environ or {})
    section, _ = read_sections(document)
    document.check()
    assert section is not None
    return section


def test_a_model_may_be_a_name_or_a_mapping() -> None:
    assert good("model: openai:gpt-5-mini").model.full_name == "openai:gpt-5-mini"
    assert good("model: {provider: ollama, name: qwen3}").model.full_name == "ollama:qwen3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: demo\nmodle: x", "agent.yaml:2: modle: unknown key (did you mean 'model'?)"),
        ("model:\n  name: demo\n  base_ulr: x", "agent.yaml:3: model.base_ulr: unknown key (did you mean 'base_url'?)"),
        (
            "model:\n- demo\n- name: demo\n  retry: 1",
            "agent.yaml:4: model[1].retry: unknown key (did you mean 'retries'?)",
        ),
        ("model: []", "agent.yaml:1: model: must not be empty"),
        ("model: demo\nserver:\n  prot: 1", "agent.yaml:3: server.prot: unknown key (did you mean 'port'?)"),
        (
            "model: {name: demo, options: {temprature: 1}}",
            "agent.yaml:1: model.options.temprature: unknown key (did you mean 'temperature'?)",
        ),
        ("name: x", "agent.yaml:1: model: is missing"),
        ("model: demo\nmax_steps: 0", "agent.yaml:2: max_steps: must be at least 1"),
        ("model: demo\nmax_steps: many", "agent.yaml:2: max_steps: must be a whole number"),
        ("model: demo\nmax_steps: yes", "agent.yaml:2: max_steps: must be a whole number"),
        ("model: demo\nrun_timeout: -1", "agent.yaml:2: run_timeout: must be more than 0"),
        ("model: demo\nrun_timeout: .inf", "agent.yaml:2: run_timeout: must be a finite number"),
        (
            "model: demo\non_max_steps: anser",
            "agent.yaml:2: on_max_steps: must be 'answer' or 'stop' (did you mean 'answer'?)",
        ),
        ("model: demo\ntools: x.py:y", "agent.yaml:2: tools: must be a list"),
        (
            "model: demo\ntools:\n- {}",
            f"agent.yaml:3: tools[0]: give exactly one of: {', '.join(entry.KINDS)}",
        ),
        (
            "model: demo\nname: no",
            "agent.yaml:2: name: must be a text (quote it if it looks like a number, a date or yes/no)",
        ),
        ("model: demo\nserver: {keys: ['']}", "agent.yaml:2: server.keys[0]: must not be empty"),
        (
            "model: demo\ninstructions: a\nsystem_prompt: b",
            "agent.yaml:1: give one of instructions, system_prompt and instructions_file",
        ),
        ("- model", "agent.yaml:1: must be a mapping of keys and values"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_key(text: str, message: str) -> None:
    assert errors(text) == [message]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert len(errors("modle: x\nmax_steps: 0\nserver: {port: 70000, statuses: loud}")) == 5


def test_an_unlike_unknown_key_is_answered_with_those_that_are_known() -> None:
    assert "known are name, description, model" in errors("model: demo\nzzz: 1")[0]


def test_numbers_and_switches_may_come_from_the_environment() -> None:
    text = "model: demo\nmax_steps: ${N}\nrun_timeout: ${T}\nserver: {port: '${P}', allow_unauthenticated: '${A}'}"
    section = good(text, {"N": "3", "T": "1.5", "P": "99", "A": "true"})
    assert (section.max_steps, section.run_timeout) == (3, 1.5)
    assert section.server is not None
    assert (section.server.port, section.server.allow_unauthenticated) == (99, True)


def test_a_key_of_digits_stays_a_text() -> None:
    assert good("model: {name: demo, api_key: '${K}'}", {"K": "12345"}).model.api_key == "12345"


def test_keys_from_the_environment_are_a_list_with_commas() -> None:
    section = good("model: demo\nserver: {keys: '${KEYS}'}", {"KEYS": "one, two,"})
    assert section.server is not None
    assert [key.key for key in section.server.keys] == ["one", "two"]


def test_null_lifts_a_limit() -> None:
    section = good("model: demo\nrun_timeout: null\ntool_timeout: ~\nhistory_limit: ${L:-}")
    assert (section.run_timeout, section.tool_timeout, section.history_limit) == (None, None, None)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in _places(child, (*path, key)))][0 if path else 1 :]


WHOLE: dict[str, Any] = {
    "name": "a",
    "model": {
        "name": "demo",
        "api_key": "k",
        "headers": {"a": "b"},
        "options": {"temperature": 1, "stop": ["x"], "extra": {"a": 1}, "tool_choice": "auto"},
        "timeouts": {"idle": 1},
        "retries": 1,
    },
    "tools": [{"python": "a.py:b"}],
    "max_steps": 1,
    "on_max_steps": "stop",
    "run_timeout": 1,
    "server": {"host": "h", "port": 1, "keys": ["a"], "statuses": "off", "allow_unauthenticated": True},
}


@pytest.mark.parametrize("place", _places(WHOLE), ids=lambda place: ".".join(map(str, place)))
@pytest.mark.parametrize(
    "shape", [SECRET, [SECRET], {"a": SECRET}, [[SECRET]]], ids=["text", "list", "mapping", "deep"]
)
@pytest.mark.parametrize("from_environment", [False, True])
def test_no_error_repeats_a_value(place: tuple[Any, ...], shape: Any, from_environment: bool) -> None:
    value = yaml.safe_load(yaml.safe_dump(WHOLE))
    inside = value
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = shape
    text = yaml.safe_dump(value)
    if from_environment:
        text = text.replace(SECRET, "${SECRET}")
    document = read(text, "agent.yaml", {"SECRET": SECRET})
    read_sections(document)
    assert not any(SECRET in problem for problem in document.problems)


def test_a_section_does_not_show_its_keys() -> None:
    section = good(f"model: {{name: demo, api_key: {SECRET}, headers: {{a: {SECRET}}}}}\nserver: {{keys: [{SECRET}]}}")
    assert SECRET not in repr(section)


def test_the_server_section_is_the_servers_settings() -> None:
    known = {field.name for field in dataclasses.fields(ServerSettings)}
    assert set(ServerSection.model_fields) == known | {"guardrails"}  # which stand around the agents
    assert settings.build(ServerSection()) == ServerSettings()


def test_the_options_are_the_models_options() -> None:
    of_requests_alone = {"openai"}
    assert (
        set(Options.model_fields) == {field.name for field in msgspec.structs.fields(ModelOptions)} - of_requests_alone
    )


def test_the_published_schema_is_that_of_the_models() -> None:
    file = ROOT / "docs" / "agent.schema.json"
    assert file.read_text("utf-8") == schema.text(), "run: turnstream schema > docs/agent.schema.json"


@pytest.mark.parametrize(
    "text",
    [
        "model: demo",
        "model: {name: demo, options: {temperature: '${T}', stop: [a]}}\ntools: [a.py:b, {python: 'c:d'}]",
        "model: demo\nmax_steps: ${N}\nrun_timeout: null\nserver: {keys: '${K}', port: '${P:-1}'}",
        "server: {port: 1}",
    ],
)
def test_the_published_schema_takes_what_we_take(text: str) -> None:
    jsonschema.validate(yaml.safe_load(text), schema.json_schema())


@pytest.mark.parametrize(
    "text",
    ["modle: x", "model: demo\nmax_steps: 0", "model: demo\nmax_steps: many", "model: demo\ntools: [{}]", "model: {}"],
)
def test_the_published_schema_refuses_what_we_refuse(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), schema.json_schema())


def test_keys_may_have_names_and_agents() -> None:
    section = good("model: demo\nserver: {keys: [one, {key: two, name: bob, agents: [helper]}]}")
    assert section.server is not None
    assert settings.build(section.server).keys == ("one", Key("two", "bob", frozenset({"helper"})))
    assert "two" not in repr(section.server)


@pytest.mark.parametrize("name", ["AgentSection", "ModelSection", "HousekeepingSection", "McpSection"])
def test_editors_can_explain_every_key_that_is_a_section(name: str) -> None:
    published = schema.json_schema()
    section = published if name == "AgentSection" else published["$defs"][name]
    nested = {key: field for key, field in section["properties"].items() if "$ref" in json.dumps(field)}
    assert nested
    assert [key for key, field in nested.items() if not field.get("description")] == []
