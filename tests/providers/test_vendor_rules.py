"""Our request bodies, held against the vendors' own request models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec
import pydantic
import pytest

from tests.providers.conversations import REQUESTS, WITH_LINKS
from turnstream.events import RequestError
from turnstream.providers import anthropic, bedrock, gemini, openai_responses
from turnstream.providers.base import Settings

ALL = {**REQUESTS, **WITH_LINKS}
CLAUDES = ("claude-3-5-haiku-latest", "claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-5-5")
GEMINIS = ("gemini-2.0-flash", "gemini-2.5-pro", "gemini-3.1-pro-preview", "gemini-flash-latest")
BEDROCKS = (
    "us.amazon.nova-lite-v1:0",
    "us.amazon.nova-2-lite-v1:0",
    "openai.gpt-oss-120b-1:0",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic.claude-opus-4-8",
)
NO_SCHEMA = {("claude-3-5-haiku-latest", "a schema")}

cases = pytest.mark.parametrize("case", ALL)


def whole(value: Any) -> Any:
    """A validated value with what pydantic left for later: it checks iterables only while they are iterated."""
    if isinstance(value, Mapping):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [whole(item) for item in value]
    return value


@cache
def adapter(model: Any) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(model)


@cache
def converse_stream() -> Any:
    """The shape of its input, in the service's own model."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    service = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))
    return service.operation_model("ConverseStream").input_shape


def agree(model: Any, body: Any) -> None:
    """The body is valid, and no member of it is one that the model does not know."""
    assert whole(adapter(model).validate_python(body)) == body


@cases
@pytest.mark.parametrize("model", CLAUDES)
def test_anthropic_takes_every_request_that_we_make(model: str, case: str) -> None:
    sdk = pytest.importorskip("anthropic.types.message_create_params")
    if (model, case) in NO_SCHEMA:
        with pytest.raises(RequestError):
            anthropic.request(Settings(model), ALL[case])
        return
    body = msgspec.json.decode(anthropic.request(Settings(model), ALL[case]).body)
    sampling = {name: body.pop(name) for name in ("temperature", "top_p") if name in body}
    assert not (sampling and model == "claude-opus-5-5")  # the types no longer have them, the older models do
    agree(sdk.MessageCreateParamsStreaming, body)
    follows_anthropic(body)


def follows_anthropic(body: dict[str, Any]) -> None:
    """What the documentation says and the types cannot."""
    messages = body["messages"]
    roles = [message["role"] for message in messages]
    assert roles == [("user", "assistant")[at % 2] for at in range(len(roles))]
    called: list[str] = []
    for message in messages:
        kinds = [block["type"] for block in message["content"]]
        assert all(block["text"].strip() for block in message["content"] if block["type"] == "text")
        answered = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        assert answered == called  # each call is answered by the next message, in order
        assert kinds[: len(answered)] == ["tool_result"] * len(answered)  # and before anything else in it
        called = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        assert len(set(called)) == len(called)
    if any(block["type"] == "tool_use" for message in messages for block in message["content"]):
        assert body["tools"]
    if messages[-1]["role"] == "assistant":
        assert messages[-1]["content"][-1]["text"] == messages[-1]["content"][-1]["text"].rstrip()
    if body.get("thinking", {}).get("type") == "enabled":
        assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"]


@cases
@pytest.mark.parametrize("model", GEMINIS)
def test_gemini_takes_every_request_that_we_make(model: str, case: str) -> None:
    sdk = pytest.importorskip("google.genai.types")
    body = msgspec.json.decode(gemini.request(Settings(model), ALL[case]).body)
    for content in [*body["contents"], *filter(None, [body.get("systemInstruction")])]:
        sdk.Content.model_validate(content)
    for tool in body.get("tools", ()):
        sdk.Tool.model_validate(tool)
    sdk.ToolConfig.model_validate(body.get("toolConfig", {}))
    sdk.GenerationConfig.model_validate(body.get("generationConfig", {}))
    assert set(body) <= {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig"}
    follows_gemini(body)


def follows_gemini(body: dict[str, Any]) -> None:
    contents = body["contents"]
    assert contents[0]["role"] == "user"
    called: list[str] = []
    for content in contents:
        answered = [part["functionResponse"]["name"] for part in content["parts"] if "functionResponse" in part]
        assert answered == called  # a turn of calls is followed by as many responses
        called = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]
        assert not called or content["role"] == "model"


@cases
@pytest.mark.parametrize("model", ["gpt-5-mini", "gpt-4.1"])
def test_the_responses_api_takes_every_request_that_we_make(model: str, case: str) -> None:
    sdk = pytest.importorskip("openai.types.responses.response_create_params")
    body = msgspec.json.decode(openai_responses.request(Settings(model), ALL[case]).body)
    agree(sdk.ResponseCreateParamsStreaming, body)
    assert ("include" in body) == (model == "gpt-5-mini")


@pytest.mark.parametrize("case", REQUESTS)
@pytest.mark.parametrize("model", BEDROCKS)
def test_bedrock_takes_every_request_that_we_make(model: str, case: str) -> None:
    validate = pytest.importorskip("botocore.validate")
    body = msgspec.json.decode(bedrock.request(Settings(model, "https://x.invalid"), REQUESTS[case]).body)
    report = validate.ParamValidator().validate({"modelId": model, **body}, converse_stream())
    assert not report.has_errors(), report.generate_report()
    follows_bedrock(body)


def follows_bedrock(body: dict[str, Any]) -> None:
    called: list[str] = []
    for at, message in enumerate(body["messages"]):
        assert message["role"] == ("user", "assistant")[at % 2]
        answered = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        assert answered == called
        called = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
        if any("document" in block for block in message["content"]):
            assert any("text" in block for block in message["content"])
    if any("toolUse" in block for message in body["messages"] for block in message["content"]):
        assert body["toolConfig"]["tools"]


@pytest.mark.parametrize("case", WITH_LINKS)
def test_bedrock_fetches_nothing_and_says_so(case: str) -> None:
    with pytest.raises(RequestError, match="data: URL") as failure:
        bedrock.request(Settings("us.amazon.nova-lite-v1:0"), WITH_LINKS[case])
    assert failure.value.param == "messages[0].content[0]"
