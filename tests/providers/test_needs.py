from __future__ import annotations

import importlib

import pytest

from turnstream import providers
from turnstream.events import ConfigurationError
from turnstream.providers import needs
from turnstream.providers.base import Settings

MODEL = "granite-3"  # one whose prompt is known


def settings(name: str, environ: dict[str, str]) -> Settings:
    made = importlib.import_module(providers.PROTOCOLS[name]).settings(Settings(MODEL), environ)
    assert isinstance(made, Settings)
    return made


def test_each_protocol_says_what_it_needs() -> None:
    assert needs.OF_PROTOCOLS.keys() == providers.PROTOCOLS.keys()


@pytest.mark.parametrize("name", sorted(needs.OF_PROTOCOLS))
def test_what_a_protocol_needs_is_enough(name: str) -> None:
    settings(name, {group[0]: "https://h" for group in needs.OF_PROTOCOLS[name]})


@pytest.mark.parametrize("name", sorted(name for name, needed in needs.OF_PROTOCOLS.items() if needed))
def test_nothing_is_not_enough(name: str) -> None:
    with pytest.raises(ConfigurationError):
        settings(name, {})


def test_a_provider_is_ready_when_one_of_each_group_is_set() -> None:
    listed = {provider.name: provider for provider in needs.listed({"WXAI_APIKEY": "k", "GROQ_API_KEY": "k"})}
    assert listed["groq"].missing == listed["ollama"].missing == listed["demo"].missing == ()
    assert [group[0] for group in listed["watsonx"].missing] == ["WATSONX_PROJECT_ID"]
    assert listed["databricks"].missing == (("DATABRICKS_TOKEN",), ("DATABRICKS_HOST",))
