"""Options beyond what a vendor takes, which OpenAI's clients send: the nearest that it takes, and a note."""

from __future__ import annotations

import json
from typing import Any

import pytest

from turnstream import messages, providers, requests, toolspec

ENVIRON = {"AWS_REGION": "us-east-1", "WATSONX_PROJECT_ID": "p"}
TOOLS = (toolspec.ToolSpec("f", "", {"type": "object"}),)


def sent(name: str, **options: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    model: Any = providers.model(name, base_url="https://v/v1", api_key="k", environ=ENVIRON)
    asked = requests.ModelRequest((messages.UserMessage("Hi"),), TOOLS, requests.ModelOptions(**options))
    made = model.provider.request(model.settings, asked)
    return json.loads(made.body), made.notes


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [
        ("zai:glm-5.2", 1.5, 1.0),
        ("minimax:MiniMax-M3", 0.0, 0.01),
        ("minimax:MiniMax-M3", 2.0, 1.0),
        ("moonshot:kimi-k2-0905", 1.2, 1.0),
        ("cohere:command-a", 1.5, 1.0),
        ("mistral:mistral-small-latest", 1.8, 1.5),
        ("anthropic:claude-haiku-4-5", 1.5, 1.0),
    ],
)
def test_a_temperature_beyond_the_vendors_range_is_the_nearest(name: str, given: float, taken: float) -> None:
    body, notes = sent(name, temperature=given)
    assert body["temperature"] == taken
    assert any(f"is sent as {taken:g}" in note for note in notes)


def test_so_it_is_at_bedrock() -> None:
    assert sent("bedrock:amazon.nova-pro", temperature=1.5)[0]["inferenceConfig"]["temperature"] == 1.0


@pytest.mark.parametrize("name", ["openai:gpt-4.1", "zai:glm-5.2", "vllm:m", "gemini-openai:gemini-2.5-flash"])
def test_one_within_it_is_sent_as_it_is(name: str) -> None:
    body, notes = sent(name, temperature=0.0)
    assert (body["temperature"], notes) == (0.0, ())


@pytest.mark.parametrize("name", ["openai:gpt-4.1", "groq:llama-3.3-70b"])
def test_of_many_stop_sequences_the_first_are_sent(name: str) -> None:
    body, notes = sent(name, stop=tuple("abcdef"))
    assert body["stop"] == ["a", "b", "c", "d"]
    assert "Only 4" in notes[0]
    assert sent("vllm:m", stop=tuple("abcdef"))[0]["stop"] == list("abcdef")


def test_stop_sequences_of_white_space_are_not_sent_to_bedrock() -> None:
    assert sent("bedrock:amazon.nova-pro", stop=("a", "", " "))[0]["inferenceConfig"]["stopSequences"] == ["a"]
    assert "inferenceConfig" not in sent("bedrock:amazon.nova-pro", stop=("",))[0]


@pytest.mark.parametrize("name", ["openai:o3", "openrouter:openai/o4-mini", "litellm:o3-mini"])
def test_the_o_series_knows_no_parallel_tool_calls(name: str) -> None:
    body, notes = sent(name, parallel_tool_calls=False)
    assert "parallel_tool_calls" not in body
    assert "parallel_tool_calls" in notes[0]


@pytest.mark.parametrize("name", ["openai:gpt-5", "vllm:m", "litellm:gpt-4.1", "openai-responses:o3"])
def test_others_get_it(name: str) -> None:
    assert sent(name, parallel_tool_calls=False)[0]["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    "name", ["openai-compatible:gpt-5", "litellm:azure/o3", "github:openai/gpt-5.1", "vercel:openai/o3"]
)
def test_the_limit_of_models_that_think_has_the_name_that_they_know(name: str) -> None:
    body, _ = sent(name, max_tokens=9)
    assert body["max_completion_tokens"] == 9
    assert "max_tokens" not in body


@pytest.mark.parametrize("name", ["openai-compatible:gpt-4.1", "litellm:gpt-5-chat", "fireworks:gpt-5", "vllm:m"])
def test_that_of_others_stays_under_the_clients_name_or_the_vendors(name: str) -> None:
    assert sent(name, max_tokens=9)[0]["max_tokens"] == 9
