"""The configuration that is stored with runs: without secrets, and enough to make its agent again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from turnstream import errors
from turnstream.config import document, load, schedules, sections, settings, sources, webhooks

AGENT = """
name: helper
model:
  provider: openai-compatible
  name: m
  base_url: https://user:pass-word@llm.example.com/v1
  api_key: sk-literal-secret
  headers: {x-team: research-secret, authorization: "Bearer ${TOKEN}"}
instructions: Be brief. $${not a variable}
tools:
  - rest: {name: find, url: "https://api.example.com/{id}", query: {appid: query-secret}, json: {on: yes, off: 010}}
server:
  keys: [server-key-secret]
"""


def stored(text: str, folder: Path = Path()) -> str:
    return sources.write(sources.raw(text), folder)


def test_no_secret_is_stored_and_variables_stay_as_they_are() -> None:
    source = stored(AGENT)
    assert "secret" not in source
    assert "pass-word" not in source
    assert "Bearer ${TOKEN}" in source
    assert "server" not in source


def test_what_is_stored_is_the_same_agent_with_the_secrets_of_now() -> None:
    now = sources.raw(AGENT.replace("sk-literal-secret", "sk-another-secret"))
    again = sources.raw(sources.read(stored(AGENT), now))
    assert again == {key: value for key, value in now.items() if key != "server"}


def test_a_secret_that_is_gone_is_named_by_its_place() -> None:
    with pytest.raises(errors.ConfigurationError, match=r"^model\.base_url: the secret that stood here"):
        sources.read(stored(AGENT), {})


def test_instructions_of_a_file_are_stored_with_it(tmp_path: Path) -> None:
    (tmp_path / "prompt.md").write_text("Say ${what} you know.\n")
    source = stored("model: demo\ninstructions_file: prompt.md\n", tmp_path)
    found = document.read(sources.read(source, {}), "agent.yaml", {})
    assert found.value == {"model": "demo", "instructions": "Say ${what} you know.\n"}


def test_an_agent_is_made_again_of_what_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("model: demo\nname: helper\ninstructions: old\nmax_steps: 3\n")
    old = load(file, {}).sources["helper"]
    file.write_text("model: demo\nname: other\n")
    service = load(file, {})
    assert service.rebuild is not None
    made = service.rebuild("helper", old)
    assert (made.name, made.instructions, made.max_steps) == ("helper", "old", 3)


def sections_of(kind: type[sections.Section]) -> Iterator[type[sections.Section]]:
    for section in kind.__subclasses__():
        yield section
        yield from sections_of(section)


OF_THE_SERVER: tuple[Any, ...] = (settings.ServerSection, webhooks.WebhookSection, schedules.ScheduleSection)


SECTIONS: list[type[sections.Section]] = sorted(set(sections_of(sections.Section)), key=str)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_that_is_never_shown_is_never_stored(section: type[sections.Section]) -> None:
    if section in OF_THE_SERVER:
        return
    hidden = {name for name, field in section.model_fields.items() if not field.repr}
    assert {name for name in hidden if not sources.is_secret(name)} == set()
