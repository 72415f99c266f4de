"""What a model refuses, by its name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from turnstream import messages, providers, requests, toolspec
from turnstream.providers import base
from turnstream.providers.encode import model_rules

ASK = messages.UserMessage("Hi")
TOOL = toolspec.ToolSpec("f", "", {"type": "object"})
SAMPLING: dict[str, Any] = {
    "temperature": 0.2,
    "top_p": 0.9,
    "stop": ("x",),
    "presence_penalty": 0.1,
    "frequency_penalty": 0.1,
}


def request(name: str, *, tools: tuple[toolspec.ToolSpec, ...] = (), **options: Any) -> base.HttpRequest:
    model: Any = providers.model(name, base_url="http://v/v1", api_key="k", environ={"CLOUDFLARE_ACCOUNT_ID": "a"})
    asked = requests.ModelRequest((ASK,), tools, requests.ModelOptions(**options))
    made = model.provider.request(model.settings, asked)
    assert isinstance(made, base.HttpRequest)
    return made


def left(name: str, **options: Any) -> set[str]:
    """Which of the sampling parameters are sent."""
    body = json.loads(request(name, **SAMPLING, **options).body)
    return set(body) & set(SAMPLING)


@pytest.mark.parametrize(
    "model", ["openai:o1", "openai:o3-mini", "azure:o4-mini", "openai:gpt-5-nano", "openai:gpt-5.6-sol"]
)
def test_models_that_think_take_no_sampling(model: str) -> None:
    assert left(model) == set()
    assert "temperature is left out" in str(request(model, **SAMPLING).notes)


@pytest.mark.parametrize("model", ["openai:gpt-5.1", "openai:gpt-5.2", "openrouter:openai/gpt-5.4-mini"])
def test_some_take_it_while_they_do_not_think(model: str) -> None:
    assert left(model) == left(model, reasoning_effort="none") == {"temperature", "top_p"}
    assert left(model, reasoning_effort="high") == set()


@pytest.mark.parametrize(
    "model", ["openai:gpt-4.1", "openai:gpt-5-chat-latest", "openai:gpt-5.2-chat-latest", "vllm:gpt-oss-20b"]
)
def test_others_take_all_of_it(model: str) -> None:
    assert left(model) == SAMPLING.keys()
    assert request(model, **SAMPLING).notes == ()


def test_kimi_and_grok_refuse_some() -> None:
    assert left("nvidia:moonshotai/kimi-k2.5") == SAMPLING.keys() - {"temperature", "top_p"}
    assert left("moonshot:kimi-k2-0905-preview") == SAMPLING.keys()
    assert left("xai:grok-4.3") == {"temperature", "top_p", "stop"}


@pytest.mark.parametrize(
    "model", ["openai:gpt-4o-mini-search-preview-2025-03-11", "openrouter:openai/gpt-4o-search-preview"]
)
def test_models_that_search_refuse_all_but_stop(model: str) -> None:
    assert left(model) == {"stop"}


@pytest.mark.parametrize("model", ["openrouter:google/gemini-2.5-flash", "litellm:gemini/gemini-3-pro"])
def test_gemini_refuses_penalties_since_it_thinks(model: str) -> None:
    assert left(model) == {"temperature", "top_p", "stop"}
    assert "Penalty" not in str(json.loads(request("gemini:gemini-2.5-pro", **SAMPLING).body)["generationConfig"])
    assert left("openrouter:google/gemini-2.0-flash-001") == SAMPLING.keys()


def test_the_one_temperature_that_is_taken_is_sent() -> None:
    assert json.loads(request("openai:gpt-5", temperature=1.0).body)["temperature"] == 1.0


def test_extra_is_sent_in_any_case() -> None:
    assert json.loads(request("openai:o3", temperature=0.5, extra={"temperature": 0.7}).body)["temperature"] == 0.7


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("openai:gpt-5", "minimal", "minimal"),
        ("openai:gpt-5", "none", "minimal"),
        ("openai:gpt-5.1", "minimal", "low"),
        ("openai:gpt-5.1", "xhigh", "high"),
        ("openai:gpt-5.2", "xhigh", "xhigh"),
        ("openai:o3", "minimal", "low"),
        ("xai:grok-4", "low", None),
        ("xai:grok-3-mini", "low", "low"),
        ("xai:grok-4.20-multi-agent", "low", "low"),
        ("vllm:m", "minimal", "minimal"),
    ],
)
def test_an_effort_becomes_one_that_the_model_knows(model: str, effort: str, sent: str | None) -> None:
    assert json.loads(request(model, reasoning_effort=effort).body).get("reasoning_effort") == sent


@pytest.mark.parametrize(
    ("model", "effort"), [("openai:gpt-5.4", "low"), ("openai:gpt-5.5", "high"), ("openai:gpt-5.6-luna", None)]
)
def test_tools_that_are_refused_at_chat_completions_go_to_responses(model: str, effort: str | None) -> None:
    made = request(model, tools=(TOOL,), reasoning_effort=effort)
    assert made.url.endswith("/v1/responses")
    assert made.otherwise is not None
    assert json.loads(made.otherwise.body)["reasoning_effort"] == "none"


@pytest.mark.parametrize(
    ("model", "effort"),
    [
        ("openai:gpt-5.4", None),
        ("openai:gpt-5.6", "none"),
        ("openai:gpt-5", "high"),
        ("openrouter:openai/gpt-5.6", None),
    ],
)
def test_other_requests_stay_at_chat_completions(model: str, effort: str | None) -> None:
    assert request(model, tools=(TOOL,), reasoning_effort=effort).url.endswith("/chat/completions")


def test_models_that_think_in_silence_get_more_time() -> None:
    assert model_rules.patience("gpt-5.6-luna") == {"first_token": 180.0, "idle": 180.0}
    assert model_rules.patience("gpt-4.1") == {}


def test_a_bias_that_a_client_passes_on_is_left_out_where_it_is_refused() -> None:
    bias = {"logit_bias": {"1": 2}}
    assert "logit_bias" not in json.loads(request("openai:o3", extra=bias).body)
    assert "logit_bias" in json.loads(request("openai:gpt-4.1", extra=bias).body)


def test_the_same_models_behind_messages_take_no_more() -> None:
    body = json.loads(request("anthropic:kimi-k2.5", temperature=0.3, stop=("x",)).body)
    assert "temperature" not in body
    assert body["stop_sequences"] == ["x"]
