"""Request bodies of Cohere, Mistral, Ollama and watsonx.ai, held against their SDKs' types and their written rules."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from tests.providers.conversations import REQUESTS, WITH_LINKS
from turnstream.events import ModelRequest, RequestError
from turnstream.providers import azure, cohere, mistral, ollama, watsonx
from turnstream.providers.base import Settings

ALL = {**REQUESTS, **WITH_LINKS}
PDFS = {"a PDF inline", "a PDF by address"}
cases = pytest.mark.parametrize("case", ALL)


def body_of(provider: Any, settings: Settings, request: ModelRequest) -> dict[str, Any]:
    body = msgspec.json.decode(provider.request(settings, request).body)
    assert isinstance(body, dict)
    return body


def refused(provider: Any, settings: Settings, case: str, where: str = "messages[0].content[0]") -> None:
    with pytest.raises(RequestError) as failure:
        provider.request(settings, ALL[case])
    assert failure.value.param == where


def kept(ours: Any, theirs: Any) -> None:
    """Whatever we send is a member that the model knows; it may add defaults of its own."""
    if isinstance(ours, dict):
        for name, value in ours.items():
            assert name in theirs
            kept(value, theirs[name])
    elif isinstance(ours, list):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            kept(mine, other)
    else:
        assert ours == theirs


def answered_in_order(messages: list[dict[str, Any]]) -> None:
    """Each call is answered once, right after the message that makes it, before anything else is said."""
    open_calls: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] == open_calls.pop(0)
        else:
            assert not open_calls
            open_calls = [call["id"] for call in message.get("tool_calls", ())]
    assert not open_calls


def system_first(messages: list[dict[str, Any]]) -> None:
    assert all(message["role"] != "system" for message in messages[1:])


@cases
@pytest.mark.parametrize("model", ["mistral-small-latest", "magistral-medium-latest"])
def test_mistral_takes_every_request_that_we_make(model: str, case: str) -> None:
    sdk = pytest.importorskip("mistralai.client.models")
    body = body_of(mistral, Settings(model), ALL[case])
    kept(body, sdk.ChatCompletionStreamRequest.model_validate(body).model_dump(mode="json", by_alias=True))
    messages = body["messages"]
    system_first(messages)
    answered_in_order(messages)
    for before, after in pairwise(messages):
        assert (before["role"], after["role"]) not in {("tool", "user"), ("user", "user"), ("user", "tool")}
    for message in messages:
        for call in message.get("tool_calls", ()):
            assert len(call["id"]) == 9
            assert call["id"].isalnum()
        if message["role"] == "assistant":
            assert message["content"] or message["tool_calls"]
    assert messages[-1]["role"] in ("user", "tool") or messages[-1]["prefix"]


@cases
@pytest.mark.parametrize("model", ["qwen3", "gpt-oss:20b"])
def test_ollama_takes_every_request_that_we_make(model: str, case: str) -> None:
    sdk = pytest.importorskip("ollama")
    settings = Settings(model, "http://127.0.0.1:11434")
    if case in WITH_LINKS or case in PDFS:
        refused(ollama, settings, case)
        return
    body = body_of(ollama, settings, ALL[case])
    known = sdk._types.ChatRequest.model_validate(body).model_dump(mode="json", exclude_none=True)
    assert body.keys() <= known.keys()
    system_first(body["messages"])
    for message in body["messages"]:
        assert isinstance(message["content"], str)
        for call in message.get("tool_calls", ()):
            assert isinstance(call["function"]["arguments"], dict)
        assert message["role"] != "tool" or message["tool_name"]


COHERE = {
    "model",
    "messages",
    "stream",
    "tools",
    "strict_tools",
    "tool_choice",
    "response_format",
    "thinking",
    "temperature",
    "p",
    "max_tokens",
    "stop_sequences",
    "seed",
    "presence_penalty",
    "frequency_penalty",
}


@cases
@pytest.mark.parametrize("model", ["command-a-03-2025", "command-a-reasoning-08-2025"])
def test_cohere_takes_every_request_that_we_make(model: str, case: str) -> None:
    if case in PDFS:
        refused(cohere, Settings(model), case)
        return
    body = body_of(cohere, Settings(model), ALL[case])
    assert body.keys() <= COHERE
    system_first(body["messages"])
    answered_in_order(body["messages"])
    for message in body["messages"]:
        assert message.get("content") or message.get("tool_calls") or message["role"] in ("tool", "user")
        assert message["role"] != "tool" or isinstance(message["content"], str)
    assert body.get("tool_choice") in (None, "REQUIRED", "NONE")


WATSONX = {
    "model_id",
    "project_id",
    "messages",
    "tools",
    "tool_choice",
    "tool_choice_option",
    "response_format",
    "reasoning_effort",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
}


@cases
def test_watsonx_takes_every_request_that_we_make(case: str) -> None:
    settings = Settings("ibm/granite-4-h-small", "https://x.invalid", "t", quirks={"project_id": "p", "auth": "token"})
    if case in PDFS:
        refused(watsonx, settings, case)
        return
    body = body_of(watsonx, settings, ALL[case])
    assert body.keys() <= WATSONX
    assert not {"tool_choice", "tool_choice_option"} <= body.keys()
    assert body.get("tool_choice_option") in (None, "auto", "none", "required")
    assert body.get("reasoning_effort") in (None, "low", "medium", "high")
    answered_in_order(body["messages"])


@cases
def test_azure_takes_every_request_that_we_make(case: str) -> None:
    sdk = pytest.importorskip("openai.types.chat.completion_create_params")
    pydantic = pytest.importorskip("pydantic")
    body = body_of(azure, Settings("my-gpt", "https://x.invalid", "k"), ALL[case])
    pydantic.TypeAdapter(sdk.CompletionCreateParamsStreaming).validate_python(body)
    answered_in_order(body["messages"])
