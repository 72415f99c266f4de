"""Azure OpenAI and Azure AI Foundry: recordings, addresses and tokens."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from tests.corpus import needs_corpus
from tests.providers.streams import Recording, check, collected, decoded, recordings
from turnstream import providers
from turnstream.events import ConfigurationError, ModelOptions, ModelRequest, ProviderError, UserMessage
from turnstream.providers import azure
from turnstream.providers.base import HttpRequest, HttpResponse, Settings, Token

RECORDINGS = [recording for recording in recordings("openai.chat") if recording.name.startswith("azure/")]
KEY = {"AZURE_OPENAI_API_KEY": "k"}
CLIENT = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"}
ENDPOINT = {"AZURE_OPENAI_ENDPOINT": "https://me.openai.azure.com/"}
ASK = ModelRequest((UserMessage("hi"),), options=ModelOptions(max_tokens=5))
NOW = 1_000_000.0


@needs_corpus
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
def test_a_recording_decodes_to_what_is_expected_however_it_is_cut(recording: Recording) -> None:
    check(recording, azure.PROVIDER.decoder)


def said(*chunks: str) -> dict[str, Any]:
    events, error = decoded(azure.PROVIDER.decoder(), [b"".join(f"data: {chunk}\n\n".encode() for chunk in chunks)])
    assert error is None
    return collected(events)


def test_a_first_chunk_without_choices_says_nothing() -> None:
    first = '{"id":"","model":"","object":"","choices":[],"prompt_filter_results":[{}]}'
    assert said(first, '{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}', "[DONE]")["text"] == "a"


def test_a_choice_without_a_delta_says_nothing() -> None:
    judged = '{"choices":[{"index":0,"content_filter_results":{},"finish_reason":null}]}'
    assert said(judged, '{"choices":[{"delta":{},"finish_reason":"content_filter"}]}', "[DONE]") == {
        "text": "",
        "reasoning": "",
        "tool_calls": [],
        "finish_reason": "content_filter",
        "usage": None,
    }


def asked(environ: dict[str, str], base_url: str = "", **quirks: Any) -> HttpRequest:
    settings = azure.settings(Settings("my gpt", base_url, quirks=quirks), environ)
    return azure.request(settings, ASK)


def test_the_usual_address_has_no_version() -> None:
    request = asked(KEY | ENDPOINT)
    assert request.url == "https://me.openai.azure.com/openai/v1/chat/completions"
    assert request.headers["api-key"] == "k"
    assert "authorization" not in request.headers


@pytest.mark.parametrize("variable", ["AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"])
def test_a_dated_version_has_the_address_of_the_deployment(variable: str) -> None:
    request = asked(KEY | ENDPOINT | {variable: "2024-12-01-preview"})
    path = "/openai/deployments/my%20gpt/chat/completions?api-version=2024-12-01-preview"
    assert request.url == "https://me.openai.azure.com" + path
    assert b'"max_completion_tokens":5' in request.body


def test_an_old_version_is_told_in_old_words() -> None:
    body = msgspec.json.decode(asked(KEY | ENDPOINT, api_version="2024-02-01").body)
    assert body["max_tokens"] == 5
    assert "stream_options" not in body


def test_the_address_of_a_foundrys_model_inference_is_known_by_its_end() -> None:
    request = asked({"AZURE_AI_API_KEY": "k", "AZURE_AI_ENDPOINT": "https://me.services.ai.azure.com/models"})
    path = "/models/chat/completions?api-version=2024-05-01-preview"
    assert request.url == "https://me.services.ai.azure.com" + path
    assert b'"max_tokens":5' in request.body


def test_a_serverless_deployment_takes_a_bearer() -> None:
    request = asked(KEY, "https://x.eastus2.models.ai.azure.com")
    assert request.url == "https://x.eastus2.models.ai.azure.com/chat/completions"
    assert request.headers["authorization"] == "Bearer k"


@pytest.mark.parametrize("end", ["/openai", "/openai/v1/", "/openai/v1/chat/completions"])
def test_an_address_may_end_in_what_would_be_added(end: str) -> None:
    request = asked(KEY, "https://me.services.ai.azure.com" + end)
    assert request.url == "https://me.services.ai.azure.com/openai/v1/chat/completions"


def test_an_entra_token_is_a_bearer() -> None:
    assert asked({"AZURE_OPENAI_AD_TOKEN": "t"} | ENDPOINT).headers["authorization"] == "Bearer t"


def exchanged(environ: dict[str, str], **quirks: Any) -> tuple[HttpRequest, Token]:
    settings = azure.settings(Settings("m", quirks=quirks), environ | ENDPOINT)
    exchange = azure.exchange(settings, NOW)
    assert exchange is not None
    request = next(exchange)
    with pytest.raises(StopIteration) as ended:
        exchange.send(HttpResponse(200, {}, b'{"access_token":"x","expires_in":"3600"}'))
    assert isinstance(ended.value.value, Token)
    return request, ended.value.value


def test_a_clients_secret_is_exchanged_for_a_token() -> None:
    request, token = exchanged(CLIENT)
    assert request.url == "https://login.microsoftonline.com/t/oauth2/v2.0/token"
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["c"],
        "client_secret": ["s"],
        "scope": ["https://cognitiveservices.azure.com/.default"],
    }
    assert token == Token("x", NOW + 3300)


def test_the_machines_identity_is_exchanged_for_a_token() -> None:
    request, _ = exchanged({}, auth="managed_identity")
    assert request.url.endswith("?api-version=2018-02-01&resource=https%3A%2F%2Fcognitiveservices.azure.com")
    assert request.headers == {"metadata": "true"}


def test_a_key_is_not_exchanged() -> None:
    assert azure.exchange(azure.settings(Settings("m"), KEY | CLIENT | ENDPOINT), NOW) is None


def test_a_refused_exchange_is_a_matter_of_credentials() -> None:
    exchange = azure.exchange(azure.settings(Settings("m"), CLIENT | ENDPOINT), NOW)
    assert exchange is not None
    next(exchange)
    with pytest.raises(ProviderError) as refused:
        exchange.send(HttpResponse(400, {}, b'{"error":"invalid_client"}'))
    assert refused.value.code == "provider_authentication"


@pytest.mark.parametrize(("environ", "missing"), [(ENDPOINT, "AZURE_OPENAI_API_KEY"), (KEY, "AZURE_OPENAI_ENDPOINT")])
def test_what_is_missing_is_named(environ: dict[str, str], missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        providers.model("azure:m", environ=environ)
