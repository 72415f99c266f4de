"""IBM watsonx.ai: recordings, requests by its rules, and tokens."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from tests.corpus import needs_corpus
from tests.providers.stories import SECOND_REQUEST, WEATHER
from tests.providers.stories.watsonx import STORIES
from tests.providers.streams import Recording, check, collected, decoded, recordings
from tests.providers.upstream import says, upstream
from turnstream import providers
from turnstream.events import (
    AssistantMessage,
    ConfigurationError,
    FilePart,
    ImagePart,
    ModelOptions,
    ModelRequest,
    ProviderError,
    RequestError,
    TextDelta,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)
from turnstream.models.text_mode import TextMode
from turnstream.providers import watsonx, watsonx_generation
from turnstream.providers.access import watsonx_access
from turnstream.providers.base import HttpResponse, Provider, Settings, Token
from turnstream.providers.transport.http import HttpModel

ENVIRON = {"WATSONX_API_KEY": "k", "WATSONX_PROJECT_ID": "p"}
ASK = (UserMessage("hi"),)
NOW = 1_000_000.0


@needs_corpus
@pytest.mark.parametrize("recording", recordings("watsonx.chat_stream"), ids=lambda recording: recording.name)
def test_a_recorded_chat_decodes_to_what_is_expected_however_it_is_cut(recording: Recording) -> None:
    check(recording, watsonx.PROVIDER.decoder)


@needs_corpus
@pytest.mark.parametrize("recording", recordings("watsonx.generation_stream"), ids=lambda recording: recording.name)
def test_a_recorded_generation_decodes_to_what_is_expected_however_it_is_cut(recording: Recording) -> None:
    check(recording, watsonx_generation.PROVIDER.decoder)


# ---------------------------------------------------------------------------------------------------------- decoding


def chat(*lines: str) -> tuple[dict[str, Any], ProviderError | None, bool]:
    decoder = watsonx.PROVIDER.decoder()
    body = "".join(f"id: {at}\nevent: message\ndata: {line}\n\n" for at, line in enumerate(lines))
    body = body.replace("event: message\ndata: CLOSE ", "event: close\ndata: ")
    events, error = decoded(decoder, [body.encode()])
    return collected(events), error, decoder.done


def test_the_close_event_ends_the_answer() -> None:
    said, error, done = chat('{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}', "CLOSE {}")
    assert (said["finish_reason"], error, done) == ("stop", None, True)


def test_the_close_event_may_carry_the_usage() -> None:
    said, _, _ = chat(
        '{"choices":[{"delta":{},"finish_reason":"stop"}]}', 'CLOSE {"choices":[],"usage":{"prompt_tokens":3}}'
    )
    assert said["usage"] == {"prompt_tokens": 3}


def test_a_name_that_is_empty_in_later_fragments_does_not_replace_the_first() -> None:
    first = '{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"x","function":{"name":"f","arguments":""}}]}}]}'
    later = '{"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"name":"","arguments":"{}"}}]},'
    said, _, _ = chat(first, later + '"finish_reason":"tool_calls"}]}')
    assert said["tool_calls"] == [("x", "f", {})]


def test_an_empty_finish_reason_is_none() -> None:
    said, error, _ = chat('{"choices":[{"delta":{"content":"a"},"finish_reason":""}]}')
    assert said["finish_reason"] is None
    assert error is not None


def test_a_list_of_errors_inside_a_stream_is_an_error_with_its_status() -> None:
    said, error, _ = chat(
        '{"choices":[{"delta":{"content":"a"}}]}',
        '{"trace":"t","errors":[{"code":"c","message":"m"}],"status_code":429}',
    )
    assert said["text"] == "a"
    assert error is not None
    assert (error.code, error.retryable) == ("rate_limit_exceeded", True)


def test_the_word_errors_in_a_text_is_no_error() -> None:
    said, error, _ = chat('{"choices":[{"delta":{"content":"{\\"errors\\":[]}"},"finish_reason":"stop"}]}')
    assert (said["text"], error) == ('{"errors":[]}', None)


def generated(body: str) -> tuple[dict[str, Any], ProviderError | None]:
    events, error = decoded(watsonx_generation.PROVIDER.decoder(), [body.encode()])
    return collected(events), error


def test_moderations_without_results_and_warnings_are_passed_over() -> None:
    body = 'retry: 3000\n\ndata: {"moderations":{"hap":[{"flagged":true}]}}\n\n'
    body += 'data: {"system":{"warnings":[]},"results":[{"generated_text":"a","stop_reason":"NOT_FINISHED"}]}\n\n'
    body += 'data: {"results":[{"generated_text":"b","stop_reason":"EOS_TOKEN"}]}\n\nevent: close\n\n'
    said, error = generated(body)
    assert (said["text"], said["finish_reason"], error) == ("ab", "EOS_TOKEN", None)


def test_the_prompts_tokens_are_counted_in_the_first_piece_only() -> None:
    body = b'data: {"results":[{"input_token_count":8,"generated_token_count":0}]}\n\n'
    body += b'data: {"results":[{"input_token_count":0,"generated_token_count":3,"stop_reason":"max_tokens"}]}\n\n'
    events, _ = decoded(watsonx_generation.PROVIDER.decoder(), [body])
    raw = {"input_token_count": 8, "generated_token_count": 3}
    assert msgspec.to_builtins(events)[0]["usage"] == msgspec.to_builtins(Usage(8, 3, raw=raw))


def test_a_generation_that_stops_in_the_middle_is_an_error() -> None:
    events, error = decoded(watsonx_generation.PROVIDER.decoder(), [b'data: {"results":[{"generated_text":"a"}]}\n\n'])
    assert events == [TextDelta("a")]
    assert error is not None


def test_errors_of_a_generation_are_errors() -> None:
    _, error = generated('event: error\ndata: {"errors":[{"message":"m"}],"status_code":404}\n\n')
    assert error is not None
    assert error.code == "provider_not_found"


# ---------------------------------------------------------------------------------------------------------- requests


def sent(
    provider: Provider = watsonx.PROVIDER, model: str = "ibm/granite-3-3-8b-instruct", **options: Any
) -> dict[str, Any]:
    assert provider.settings is not None
    settings = provider.settings(Settings(model), ENVIRON)
    made = provider.request(settings, ModelRequest(ASK, (WEATHER,), ModelOptions(**options)))
    body = msgspec.json.decode(made.body)
    assert isinstance(body, dict)
    return body | {"notes": list(made.notes), "url": made.url}


@pytest.mark.parametrize("word", ["auto", "none", "required"])
def test_the_words_of_tool_choice_have_a_member_of_their_own(word: str) -> None:
    made = sent(tool_choice=word)
    assert made["tool_choice_option"] == word
    assert "tool_choice" not in made


def test_a_named_tool_is_a_tool_choice() -> None:
    assert sent(tool_choice={"name": "f"})["tool_choice"] == {"type": "function", "function": {"name": "f"}}


def test_efforts_are_brought_into_the_three_words_that_there_are() -> None:
    assert [sent(reasoning_effort=word)["reasoning_effort"] for word in ("minimal", "medium", "xhigh")] == [
        "low",
        "medium",
        "high",
    ]
    assert sent(reasoning_effort="none")["notes"]


def test_a_model_of_mistrals_gets_the_short_call_ids_that_it_demands() -> None:
    settings = watsonx_access.settings(Settings("mistralai/mistral-large-2512"), ENVIRON)
    call = AssistantMessage((ToolCall("call_abc-123", "f", "{}"),))
    made = watsonx.request(settings, ModelRequest((*ASK, call, ToolMessage("call_abc-123", "ok"))))
    _, answer, result = msgspec.json.decode(made.body)["messages"]
    assert answer["tool_calls"][0]["id"] == result["tool_call_id"]
    assert len(result["tool_call_id"]) == 9


def test_what_cannot_be_told_is_noted() -> None:
    assert "parallel_tool_calls" in sent(parallel_tool_calls=False)["notes"][0]


def test_images_are_taken_and_files_are_refused() -> None:
    settings = watsonx_access.settings(Settings("m"), ENVIRON)
    watsonx.request(settings, ModelRequest((UserMessage((ImagePart("data:image/png;base64,AA=="),)),)))
    with pytest.raises(RequestError, match="no files"):
        watsonx.request(settings, ModelRequest((UserMessage((FilePart("https://h/a.pdf"),)),)))


def test_a_deployment_knows_its_model_and_its_project() -> None:
    settings = watsonx_access.settings(Settings("deployment/my id"), {"WXAI_API_KEY": "k"})
    made = watsonx.request(settings, ModelRequest(ASK))
    assert "/ml/v1/deployments/my%20id/text/chat_stream?version=" in made.url
    assert msgspec.json.decode(made.body).keys() == {"messages"}


def test_a_generation_is_a_prompt_with_parameters() -> None:
    made = sent(watsonx_generation.PROVIDER, temperature=0.5, seed=7, max_tokens=50, stop=("END",))
    assert made["url"].startswith("https://us-south.ml.cloud.ibm.com/ml/v1/text/generation_stream?version=")
    assert "<|start_of_role|>user<|end_of_role|>hi" in made["input"]
    assert made["parameters"] == {
        "max_new_tokens": 50,
        "decoding_method": "sample",
        "temperature": 0.5,
        "random_seed": 7,
        "stop_sequences": ["END", "<|end_of_text|>"],
        "include_stop_sequence": False,
    }


def test_a_generation_notes_what_it_cannot_be_told() -> None:
    options: dict[str, Any] = {"tool_choice": "required", "seed": 1, "response_format": {"type": "json_object"}}
    notes = sent(watsonx_generation.PROVIDER, **options)["notes"]
    assert [note.split()[0] for note in notes] == ["response_format", "tool_choice", "seed"]


def test_the_tools_of_a_generation_stand_in_the_prompt_and_its_calls_are_read_from_its_text() -> None:
    model = providers.model("watsonx-generation:ibm/granite-3-3-8b-instruct", environ=ENVIRON)
    assert isinstance(model, TextMode)
    settings = watsonx_generation.settings(Settings("ibm/granite-3-3-8b-instruct"), ENVIRON)
    assert "get_weather" in msgspec.json.decode(watsonx_generation.request(settings, SECOND_REQUEST).body)["input"]


# ---------------------------------------------------------------------------------------------- addresses and tokens


@pytest.mark.parametrize("prefix", ["WATSONX", "WXAI"])
@pytest.mark.parametrize("key", ["API_KEY", "APIKEY"])
def test_both_spellings_of_the_variables_work(prefix: str, key: str) -> None:
    environ = {f"{prefix}_{key}": "k", f"{prefix}_SPACE_ID": "s", f"{prefix}_URL": "https://eu-de.ml.cloud.ibm.com/"}
    settings = watsonx_access.settings(Settings("m"), environ)
    assert (settings.api_key, settings.base_url) == ("k", "https://eu-de.ml.cloud.ibm.com")
    assert settings.quirks["space_id"] == "s"


def test_the_region_makes_the_address() -> None:
    settings = watsonx_access.settings(Settings("m"), ENVIRON | {"WATSONX_REGION": "jp-tok"})
    assert settings.base_url == "https://jp-tok.ml.cloud.ibm.com"


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"WATSONX_PROJECT_ID": "p"}, "WATSONX_API_KEY"),
        ({"WATSONX_API_KEY": "k"}, "WATSONX_PROJECT_ID"),
        (ENVIRON | {"WATSONX_USERNAME": "u"}, "WATSONX_URL"),
    ],
)
def test_what_is_missing_is_named(environ: dict[str, str], missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        providers.model("watsonx:m", environ=environ)


def exchanged(settings: Settings, status: int, body: bytes) -> tuple[str, bytes, Token]:
    exchange = watsonx_access.exchange(settings, NOW)
    assert exchange is not None
    request = next(exchange)
    with pytest.raises(StopIteration) as ended:
        exchange.send(HttpResponse(status, {}, body))
    assert isinstance(ended.value.value, Token)
    return request.url, request.body, ended.value.value


def test_a_key_of_ibm_cloud_is_exchanged_for_a_token() -> None:
    settings = watsonx_access.settings(Settings("m"), ENVIRON)
    url, body, token = exchanged(settings, 200, b'{"access_token":"t","expires_in":3600}')
    assert url == "https://iam.cloud.ibm.com/identity/token"
    assert body == b"grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=k"
    assert token == Token("t", NOW + 3300)


def test_cloud_pak_for_data_gives_a_user_a_token() -> None:
    environ = ENVIRON | {"WATSONX_USERNAME": "u", "WATSONX_URL": "https://cpd.example.com"}
    claims = base64.urlsafe_b64encode(b'{"exp":2000000}').rstrip(b"=").decode()
    settings = watsonx_access.settings(Settings("m"), environ)
    url, body, token = exchanged(settings, 200, f'{{"token":"h.{claims}.s"}}'.encode())
    assert (url, msgspec.json.decode(body)) == (
        "https://cpd.example.com/icp4d-api/v1/authorize",
        {"username": "u", "api_key": "k"},
    )
    assert token.expires_at == 2000000 - 300


def test_a_password_will_do_on_cloud_pak_for_data() -> None:
    environ = {f"WXAI_{name}": name for name in ("USERNAME", "PASSWORD", "PROJECT_ID", "URL")}
    settings = watsonx_access.settings(Settings("m"), environ)
    _, body, token = exchanged(settings, 200, b'{"token":"opaque"}')
    assert msgspec.json.decode(body) == {"username": "USERNAME", "password": "PASSWORD"}
    assert token.expires_at == NOW + 3300


def test_a_token_is_used_as_it_is() -> None:
    settings = watsonx_access.settings(Settings("m"), {"WATSONX_TOKEN": "t", "WATSONX_PROJECT_ID": "p"})
    assert watsonx_access.exchange(settings, NOW) is None
    assert watsonx.request(settings, ModelRequest(ASK)).headers["authorization"] == "Bearer t"


def test_a_key_that_is_not_known_is_a_matter_of_credentials() -> None:
    exchange = watsonx_access.exchange(watsonx_access.settings(Settings("m"), ENVIRON), NOW)
    assert exchange is not None
    next(exchange)
    body = b'{"errorCode":"BXNIM0415E","errorMessage":"Provided API key could not be found."}'
    with pytest.raises(ProviderError) as refused:
        exchange.send(HttpResponse(400, {}, body))
    assert refused.value.code == "provider_authentication"
    assert "could not be found" in refused.value.detail


def test_an_error_body_of_watsonx_is_understood() -> None:
    error = watsonx.PROVIDER.error(404, b'{"errors":[{"code":"model_not_supported","message":"no"}],"status_code":404}')
    assert (error.code, error.detail) == ("provider_not_found", "no model_not_supported")


def test_chat_models_are_native_models() -> None:
    assert isinstance(providers.model("watsonx:m", environ=ENVIRON), HttpModel)


async def test_over_a_socket_the_key_goes_to_iam_alone_and_the_token_to_the_model() -> None:
    token, chat = says(b'{"access_token":"tok-1","expires_in":3600}'), says(STORIES["text"])
    async with upstream(token, chat) as vendor:
        environ = {"WXAI_APIKEY": "key-4711", "WXAI_SPACE_ID": "s", "WXAI_IAM_URL": f"{vendor.base_url}/identity/token"}
        model = providers.model("watsonx:ibm/granite-4-h-small", base_url=vendor.base_url, environ=environ)
        for _ in range(2):
            async with model.stream(ModelRequest(ASK)) as stream:
                said = [event for batch in [batch async for batch in stream] for event in batch]
            assert "".join(event.text for event in said if isinstance(event, TextDelta)) == "Hello, world."
        exchange, *calls = vendor.requests
    assert b"apikey=key-4711" in exchange
    assert len(calls) == 2  # one exchange for both
    for call in calls:
        assert b"bearer tok-1" in call.lower()
        assert b"key-4711" not in call


def test_two_calls_with_the_same_id_are_two_calls() -> None:
    calls = (
        '{"choices":[{"delta":{"tool_calls":[{"index":%d,"id":"x","function":{"name":"f","arguments":"{}"}}]}}]}'.replace(
            "%d", str(at)
        )
        for at in (1, 2)
    )
    said, error, _ = chat(*calls, '{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}')
    assert (said["tool_calls"], error) == ([("x", "f", {}), ("x", "f", {})], None)


def test_empty_arguments_that_are_sent_twice_are_empty_once() -> None:
    start = '{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":""}}]}}]}'
    pieces = (
        f'{{"choices":[{{"delta":{{"tool_calls":[{{"index":0,"function":{{"name":"","arguments":"{text}"}}}}]}}}}]}}'
        for text in ("{}", "{}")
    )
    said, _, _ = chat(start, *pieces, '{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}')
    assert said["tool_calls"] == [("x", "f", {})]


def test_a_chunk_without_choices_says_nothing() -> None:
    said, error, _ = chat('{"id":"a","model_id":"m"}', '{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}')
    assert (said["text"], error) == ("a", None)
