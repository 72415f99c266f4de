"""A new provider is one file and one row."""

from __future__ import annotations

import ast
import asyncio
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.providers.upstream import HELLO, says, upstream
from turnstream import providers
from turnstream.agent import Agent
from turnstream.cli import main
from turnstream.cli.recordings import decode
from turnstream.events import ConfigurationError, RunRequest, UserMessage
from turnstream.providers import base, catalogue
from turnstream.providers.catalogue import PROVIDERS, Row
from turnstream.providers.decode import chat_stream

FOLDER = Path(providers.__file__).parent
FILES = {path.stem for path in FOLDER.glob("*.py") if "PROVIDER = base.Provider(" in path.read_text()}
OWN = {name: row for name, row in PROVIDERS.items() if row.speaks not in ("openai", "demo")}


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> str:
    """A provider made here: its one file, and its one row."""
    file = ModuleType("turnstream.providers.added")
    request = base.HttpRequest("POST", "", {"authorization": "secret-key"}, b"{}")

    def ask(settings: base.Settings, asked: object) -> base.HttpRequest:
        return base.HttpRequest("POST", settings.base_url, request.headers, b"{}")

    vars(file).update(PROVIDER=base.Provider("added", ask, chat_stream.Decoder), Decoder=chat_stream.Decoder)
    monkeypatch.setitem(sys.modules, file.__name__, file)
    row = Row("https://added.invalid", ("ADDED_API_KEY",), speaks="added", apis={"added.chat": "added"})
    monkeypatch.setitem(PROVIDERS, "added", row)
    return "added"


async def test_a_new_provider_is_asked_and_read(added: str) -> None:
    async with upstream(says(*HELLO)) as vendor, asyncio.timeout(10):
        agent = Agent(providers.model("added:m", base_url=vendor.base_url, environ={"ADDED_API_KEY": "k"}))
        async with agent.run(RunRequest((UserMessage("Hello?"),))) as run:
            events = [event async for event in run]
    assert "Hel" in str(events)
    assert b"authorization: secret-key" in vendor.requests[0]


async def test_a_vendor_that_speaks_chat_completions_is_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    async with upstream(says(*HELLO)) as vendor, asyncio.timeout(10):
        monkeypatch.setitem(PROVIDERS, "added", Row(vendor.base_url, ("ADDED_API_KEY",)))
        agent = Agent(providers.model("added:m", environ={"ADDED_API_KEY": "secret-key"}))
        async with agent.run("Hello?") as run:
            events = [event async for event in run]
    assert "Hel" in str(events)
    assert b"authorization: bearer secret-key" in vendor.requests[0].lower()


def test_a_new_provider_is_listed_checked_and_suggested(added: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigurationError, match="ADDED_API_KEY"):
        providers.model("added:m", environ={})
    with pytest.raises(ConfigurationError, match="Did you mean 'added'"):
        providers.model("aded:m", environ={})
    with pytest.raises(SystemExit):
        main(["models"])
    assert "added                  missing  ADDED_API_KEY" in capsys.readouterr().out


def test_recordings_of_a_new_provider_are_decoded(added: str) -> None:
    assert decode("added.chat", "file", b"".join(HELLO))["text"] == "Hello"


def test_no_module_but_the_catalogue_names_a_provider_file() -> None:
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "turnstream.providers":
                assert not {alias.name for alias in node.names} & FILES, path
            elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("turnstream."):
                assert str(node.module).removeprefix("turnstream.providers.") not in FILES, path


def test_every_provider_file_has_a_row_and_every_row_its_file() -> None:
    assert {row.speaks for row in PROVIDERS.values()} == FILES | {"demo"}
    for api in catalogue.apis():
        assert catalogue.decoder(api).feed(b"") == []


@pytest.mark.parametrize("name", OWN)
def test_what_a_provider_needs_is_enough(name: str) -> None:
    environ = {group[0]: "https://h" for group in OWN[name].requirements}
    assert providers.model(f"{name}:granite-3", environ=environ)  # a model whose prompt is known


@pytest.mark.parametrize("name", [name for name, row in OWN.items() if row.requirements])
def test_nothing_is_not_enough(name: str) -> None:
    with pytest.raises(ConfigurationError):
        providers.model(f"{name}:granite-3", environ={})


def test_a_provider_is_ready_when_one_of_each_group_is_set() -> None:
    missing = {name: row.missing({"WXAI_APIKEY": "k", "GROQ_API_KEY": "k"}) for name, row in PROVIDERS.items()}
    assert missing["groq"] == missing["ollama"] == missing["demo"] == ()
    assert [group[0] for group in missing["watsonx"]] == ["WATSONX_PROJECT_ID"]
    assert missing["databricks"] == (("DATABRICKS_TOKEN",), ("DATABRICKS_HOST",))


def test_the_models_taken_by_default_are_those_of_rows_with_a_key() -> None:
    assert all(row.requirements for row in PROVIDERS.values() if row.automatic)
    assert json.dumps([name for name, row in PROVIDERS.items() if row.automatic]).startswith('["openai", "anthropic"')
