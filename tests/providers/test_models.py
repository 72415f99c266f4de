"""Models by name."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from turnstream import providers
from turnstream.events import ConfigurationError, ModelOptions, ModelRequest, UserMessage
from turnstream.providers import catalogue, demo
from turnstream.providers.base import HttpRequest
from turnstream.providers.transport.http import HttpModel

ASK = ModelRequest((UserMessage("hi"),))
CHAT = {name: row for name, row in catalogue.PROVIDERS.items() if row.speaks == "openai"}


def made(name: str, environ: dict[str, str] | None = None, **more: Any) -> HttpModel:
    found = providers.model(name, environ=environ or {}, **more)
    assert isinstance(found, HttpModel)
    return found


def asked(name: str, environ: dict[str, str] | None = None, **more: Any) -> HttpRequest:
    found = made(name, environ, **more)
    return found.provider.request(found.settings, ASK)


def test_a_model_is_named_by_its_provider_and_its_own_name() -> None:
    request = asked("openai:gpt-5-mini", {"OPENAI_API_KEY": "k"})
    assert request.url == "https://api.openai.com/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer k"
    assert b'"model":"gpt-5-mini"' in request.body


def test_the_models_own_name_may_hold_colons_and_slashes() -> None:
    assert made("ollama:qwen3:8b").settings.model == "qwen3:8b"
    assert made("groq:openai/gpt-oss-20b", {"GROQ_API_KEY": "k"}).settings.model == "openai/gpt-oss-20b"


@pytest.mark.parametrize("provider", sorted(name for name, row in CHAT.items() if row.needs_key))
def test_a_missing_key_is_an_error_that_names_its_variable(provider: str) -> None:
    variable = CHAT[provider].keys[0]
    with pytest.raises(ConfigurationError, match=variable):
        providers.model(f"{provider}:m", base_url="http://x/v1", environ={variable: ""})


@pytest.mark.parametrize("provider", ["ollama", "ollama-openai", "vllm", "llamacpp", "lmstudio"])
def test_local_servers_need_no_key(provider: str) -> None:
    assert "authorization" not in asked(f"{provider}:m").headers


def test_what_is_given_wins_over_the_environment() -> None:
    environ = {"OPENAI_API_KEY": "env", "OPENAI_BASE_URL": "http://env/v1"}
    request = asked("openai:m", environ, base_url="http://given/v1/", api_key="given")
    assert (request.url, request.headers["authorization"]) == ("http://given/v1/chat/completions", "Bearer given")
    assert asked("openai:m", environ).url == "http://env/v1/chat/completions"


def test_the_whole_address_of_chat_completions_is_taken_for_its_base() -> None:
    request = asked("openai-compatible:m", base_url="http://h/v1/chat/completions")
    assert request.url == "http://h/v1/chat/completions"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0:11434", "http://127.0.0.1:11434/v1/chat/completions"),
        ("http://box:1/", "http://box:1/v1/chat/completions"),
        ("https://box/v1", "https://box/v1/chat/completions"),
    ],
)
def test_ollamas_own_variable_is_understood(host: str, url: str) -> None:
    assert asked("ollama-openai:m", {"OLLAMA_HOST": host}).url == url


def test_azure_takes_its_endpoint_and_its_own_header() -> None:
    environ = {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": "https://me.openai.azure.com/"}
    request = asked("azure:deployment", environ)
    assert request.url == "https://me.openai.azure.com/openai/v1/chat/completions"
    assert request.headers["api-key"] == "k"
    assert "authorization" not in request.headers


def test_a_variable_in_an_address_is_filled_in() -> None:
    environ = {"DATABRICKS_TOKEN": "k", "DATABRICKS_HOST": "adb-1.azuredatabricks.net/"}
    assert asked("databricks:m", environ).url == "https://adb-1.azuredatabricks.net/serving-endpoints/chat/completions"
    with pytest.raises(ConfigurationError, match="SNOWFLAKE_ACCOUNT"):
        providers.model("snowflake:m", environ={"SNOWFLAKE_TOKEN": "k"})


def test_a_header_may_stand_for_the_key() -> None:
    request = asked("openai:m", headers={"Authorization": "Bearer mine"})
    assert request.headers["authorization"] == "Bearer mine"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gpt-5", "openai:gpt-5-mini"),
        ("openai:", "provider:model"),
        ("openia:gpt-5", "Did you mean 'openai'"),
        ("openai-compatible:m", "base_url"),
        ("azure:m", "AZURE_OPENAI_ENDPOINT"),
    ],
)
def test_a_name_that_is_none_is_an_error_that_helps(name: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        providers.model(name, api_key="k", environ={})


def test_an_address_without_a_scheme_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="http://"):
        providers.model("openai-compatible:m", base_url="localhost:8000", environ={})


def test_the_demo_model_needs_neither_key_nor_address() -> None:
    assert isinstance(providers.model("demo", environ={}), demo.Model)


def test_time_outs_and_retries_are_passed_on() -> None:
    found = made("ollama:m", timeouts={"connect": 1, "first_token": 2, "idle": 3}, retries=5)
    assert (found.timeouts.connect, found.timeouts.first_token, found.timeouts.idle) == (1, 2, 3)
    assert found.max_retries == 5


def test_options_and_quirks_reach_the_request() -> None:
    request = asked(
        "ollama-openai:m", options=ModelOptions(max_completion_tokens=5), quirks={"system_role": "developer"}
    )
    assert b'"max_tokens":5' in request.body


def test_a_models_repr_shows_no_key() -> None:
    found = made("openai:m", api_key="sk-1")
    shown = [found, found.settings, found.provider.request(found.settings, ASK)]
    assert "sk-1" not in repr(shown)


def test_naming_providers_loads_no_http_client() -> None:
    code = "import turnstream.providers, sys; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
