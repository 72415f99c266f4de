"""Reasoning in the history of chat completions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from turnstream import providers, requests, toolspec
from turnstream.messages import (
    AssistantMessage,
    Message,
    ProviderItem,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)

CALL = ToolCall("c", "f", "{}")
ASK, RESULT = UserMessage("Hi"), ToolMessage("c", "1")
THOUGHT = AssistantMessage((ReasoningPart("Hm"), CALL))
EARLIER = (ASK, THOUGHT, RESULT, AssistantMessage((ReasoningPart("Now"), TextPart("Fine."))), ASK)
LOST = (ASK, AssistantMessage((CALL,)), RESULT, AssistantMessage((TextPart("Fine."),)), ASK)


def sent(name: str, *history: Message) -> dict[str, Any]:
    model: Any = providers.model(name, base_url="http://v/v1", api_key="k", environ={})
    body = json.loads(model.provider.request(model.settings, requests.ModelRequest(history)).body)
    assert isinstance(body, dict)
    return body


def kept(**members: Any) -> AssistantMessage:
    return AssistantMessage((ReasoningPart("Hm"), CALL, ProviderItem("openai", members)))


@pytest.mark.parametrize("name", ["vllm:deepseek-ai/DeepSeek-V4", "fireworks:kimi-k2p5", "volcengine:kimi-k2-thinking"])
def test_some_models_get_all_of_it_back_at_any_host(name: str) -> None:
    found = sent(name, *EARLIER)["messages"]
    assert (found[1]["reasoning_content"], found[3]["reasoning_content"]) == ("Hm", "Now")


@pytest.mark.parametrize("name", ["zai:glm-4.7", "vllm:zai-org/GLM-5.2", "deepseek:deepseek-chat"])
def test_some_get_that_of_the_tool_loop(name: str) -> None:
    assert sent(name, ASK, THOUGHT, RESULT)["messages"][1]["reasoning_content"] == "Hm"
    assert "reasoning_content" not in str(sent(name, *EARLIER))


@pytest.mark.parametrize("name", ["groq:qwen3", "openai:gpt-4.1", "mistral:mistral-medium"])
def test_the_others_never_get_it(name: str) -> None:
    for history in (EARLIER, (ASK, THOUGHT, RESULT)):
        assert "reasoning" not in str(sent(name, *history)["messages"])


def test_what_a_client_did_not_keep_is_made_up_for() -> None:
    assert sent("deepseek:deepseek-v4-pro", *LOST)["thinking"] == {"type": "disabled"}
    assert sent("moonshot:kimi-k2.7-code", *LOST)["messages"][1]["reasoning_content"] == " "
    elsewhere = sent("vllm:deepseek-v4", *LOST)
    assert "thinking" not in elsewhere
    assert elsewhere["messages"][1]["reasoning_content"] == " "


def test_reasoning_that_was_empty_is_not_the_same_as_none() -> None:
    empty = AssistantMessage((CALL, ProviderItem("openai", {"reasoning_content": ""})))
    assert sent("deepseek:deepseek-v4-flash", ASK, empty, RESULT)["messages"][1]["reasoning_content"] == " "


@pytest.mark.parametrize(
    "members",
    [
        {"thinking_blocks": [{"type": "redacted_thinking", "data": "x"}]},
        {"reasoning_opaque": "x"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "Hm", "signature": "x"}]},
    ],
)
def test_what_a_gateway_signed_goes_back_as_it_came(members: dict[str, Any]) -> None:
    found = sent("openai-compatible:m", ASK, kept(**members), RESULT)["messages"][1]
    assert found.items() >= members.items()


def test_calls_without_googles_signature_get_its_stand_in() -> None:
    call = sent("gemini-openai:gemini-3-pro", *LOST)["messages"][1]["tool_calls"][0]
    assert call["extra_content"]["google"]["thought_signature"] == "skip_thought_signature_validator"
    assert "extra_content" not in str(sent("gemini-openai:gemini-2.5-pro", *LOST))


@pytest.mark.parametrize("name", ["vllm:google/gemma-3-27b-it", "perplexity:sonar"])
def test_where_roles_must_alternate_neighbours_are_one(name: str) -> None:
    greeting = AssistantMessage((TextPart("Hello!"),))
    found = sent(name, greeting, ASK, UserMessage("again"))["messages"]
    assert [message["role"] for message in found] == ["user", "assistant", "user"]
    assert found[2]["content"] == "Hi\n\nagain"


def test_content_beside_calls_may_have_to_be_a_string() -> None:
    model: Any = providers.model("cloudflare:m", api_key="k", environ={"CLOUDFLARE_ACCOUNT_ID": "a"})
    body = json.loads(model.provider.request(model.settings, requests.ModelRequest(LOST)).body)
    assert body["messages"][1]["content"] == ""


def test_models_behind_messages_that_sign_nothing_get_their_thinking_back() -> None:
    assert {"type": "thinking", "thinking": "Hm", "signature": ""} in sent("anthropic:kimi-k2.5", *EARLIER)["messages"][
        1
    ]["content"]
    assert "thinking" not in str(sent("anthropic:claude-opus-4-5", *EARLIER)["messages"])


def test_it_goes_back_under_the_name_that_the_vendor_used() -> None:
    own = kept(field="reasoning")
    assert sent("vllm:deepseek-v4", ASK, own, RESULT)["messages"][1]["reasoning"] == "Hm"
    assert sent("cerebras:gpt-oss-120b", ASK, THOUGHT, RESULT)["messages"][1]["reasoning"] == "Hm"
    assert "reasoning" not in str(sent("cerebras:gpt-oss-120b", *EARLIER)["messages"])


def test_a_vendor_that_refuses_reasoning_gets_no_stand_in() -> None:
    assert "reasoning" not in str(sent("groq:moonshotai/kimi-k2.5", *LOST)["messages"])


def test_lost_thinking_is_made_up_for_behind_messages_too() -> None:
    assert sent("anthropic:deepseek-v4-pro", *LOST)["thinking"] == {"type": "disabled"}
    first = sent("anthropic:kimi-k2-thinking", *LOST)["messages"][1]["content"][0]
    assert first == {"type": "thinking", "thinking": " ", "signature": ""}


def test_ollama_gets_the_thinking_of_earlier_turns_where_it_is_demanded() -> None:
    assert sent("ollama:deepseek-v4", *EARLIER)["messages"][1]["thinking"] == "Hm"
    assert "thinking" not in str(sent("ollama:qwen3", *EARLIER)["messages"])


def asked(name: str, choice: Any, **options: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    model: Any = providers.model(name, base_url="http://v/v1", api_key="k", environ={})
    tools = (toolspec.ToolSpec("f", "", {"type": "object"}),)
    wanted = requests.ModelOptions(tool_choice=choice, **options)
    made = model.provider.request(model.settings, requests.ModelRequest((ASK,), tools, wanted))
    return json.loads(made.body), made.notes


FORCED = ["required", {"name": "f"}]


@pytest.mark.parametrize("choice", FORCED)
@pytest.mark.parametrize(
    ("name", "switch"),
    [
        ("deepseek:deepseek-v4-flash", {"thinking": {"type": "disabled"}}),
        ("moonshot:kimi-k2.6", {"thinking": {"type": "disabled"}}),
        ("alibaba:qwen3.5-plus", {"enable_thinking": False}),
        ("alibaba:qwen3-32b", {"enable_thinking": False}),
    ],
)
def test_where_a_tool_is_forced_these_models_do_not_think(name: str, switch: dict[str, Any], choice: Any) -> None:
    body, notes = asked(name, choice, reasoning_effort="high")
    assert body.items() >= switch.items()
    assert body["tool_choice"] == ("required" if choice == "required" else {"type": "function", "function": choice})
    assert "reasoning_effort" not in body
    assert "forced" in notes[0]


@pytest.mark.parametrize("choice", FORCED)
@pytest.mark.parametrize(
    "name", ["moonshot:kimi-k2.7-code", "moonshot:kimi-k2-thinking", "alibaba:qwen3-235b-a22b-thinking-2507"]
)
def test_those_that_think_always_are_not_forced(name: str, choice: Any) -> None:
    body, notes = asked(name, choice)
    assert body["tool_choice"] == "auto"
    assert "tool_choice" in notes[0]


@pytest.mark.parametrize(
    ("name", "choice", "options"),
    [
        ("deepseek:deepseek-v4-flash", "auto", {}),
        ("deepseek:deepseek-v4-flash", "none", {}),
        ("deepseek:deepseek-v4-flash", "required", {"extra": {"thinking": {"type": "disabled"}}}),
        ("alibaba:qwen3.5-plus", "required", {"extra": {"enable_thinking": False}}),
        ("vllm:deepseek-ai/DeepSeek-V4", "required", {}),
        ("moonshot:kimi-k3", "required", {}),
        ("alibaba:qwen3-coder-plus", "required", {}),
        ("alibaba:qwen3-30b-a3b-instruct-2507", "required", {}),
    ],
)
def test_other_choices_models_and_hosts_get_what_was_asked(name: str, choice: Any, options: Any) -> None:
    body, notes = asked(name, choice, **options)
    assert (body["tool_choice"], notes) == (choice, ())


def test_kimis_own_word_for_thinking_has_no_effort_beside_it() -> None:
    extra = {"thinking": {"type": "enabled"}}
    assert "reasoning_effort" not in asked("moonshot:kimi-k2.6", "auto", reasoning_effort="high", extra=extra)[0]
    assert asked("deepseek:deepseek-v4-pro", "auto", reasoning_effort="high", extra=extra)[0]["reasoning_effort"]


def test_a_model_that_takes_no_name_is_offered_the_named_tool_alone() -> None:
    model: Any = providers.model("moonshot:kimi-k3", base_url="http://v/v1", api_key="k", environ={})
    tools = tuple(toolspec.ToolSpec(name, "", {"type": "object"}) for name in "fg")
    wanted = requests.ModelOptions(tool_choice={"name": "g"})
    body = json.loads(model.provider.request(model.settings, requests.ModelRequest((ASK,), tools, wanted)).body)
    assert ([tool["function"]["name"] for tool in body["tools"]], body["tool_choice"]) == (["g"], "required")
