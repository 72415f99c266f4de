"""What Gemini's streams and requests have that no other vendor's have, and how Vertex AI is reached."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from tests.providers.conversations import ASK, CALL, PIXEL, RESULT, SCHEMA, said, tooled
from tests.providers.stories.gemini import END, PARIS, call, chunk, texts
from tests.providers.streams import decoded
from turnstream import providers
from turnstream.events import (
    AssistantMessage,
    ConfigurationError,
    FilePart,
    Finish,
    HostedToolCall,
    HostedToolResult,
    ImagePart,
    ItemAdded,
    ModelEvent,
    ModelRequest,
    ProviderError,
    ProviderItem,
    ReasoningDelta,
    RequestError,
    Source,
    SourceFound,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallMalformed,
    ToolCallStart,
    ToolMessage,
    UsageReport,
    UserMessage,
)
from turnstream.parsing.collect import Collector
from turnstream.providers import gemini
from turnstream.providers.access import google_token
from turnstream.providers.base import HttpResponse, Settings, Token
from turnstream.providers.transport.http import HttpModel

FLASH = Settings("gemini-2.5-flash", "https://generativelanguage.googleapis.com", "key")
NEWER = Settings("gemini-3.1-pro-preview", "https://generativelanguage.googleapis.com", "key")


def events(body: bytes) -> list[ModelEvent]:
    found, error = decoded(gemini.PROVIDER.decoder(), [body])
    assert error is None
    return found


def calls(body: bytes) -> list[ModelEvent]:
    return [event for event in events(body) if isinstance(event, ToolCallStart | ToolCallDelta)]


def sent(request: ModelRequest, settings: Settings = FLASH) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(gemini.request(settings, request).body)
    return body


def collected(body: bytes) -> AssistantMessage:
    collector = Collector()
    collector.feed(events(body))
    return collector.message()


# Streams


def test_a_call_without_id_or_arguments_is_a_call() -> None:
    assert calls(chunk({"functionCall": {"name": "now"}}) + END) == [
        ToolCallStart(0, "", "now"),
        ToolCallDelta(0, "{}"),
    ]


def test_several_calls_in_one_chunk_are_numbered() -> None:
    found = calls(chunk({"functionCall": {"name": "a"}}, {"functionCall": {"name": "b", "args": {"x": 1}}}) + END)
    assert found == [
        ToolCallStart(0, "", "a"),
        ToolCallDelta(0, "{}"),
        ToolCallStart(1, "", "b"),
        ToolCallDelta(1, '{"x":1}'),
    ]


def test_stop_with_a_call_is_tool_calls() -> None:
    assert events(chunk(PARIS, finish="STOP"))[-1] == Finish("tool_calls", "STOP")


def test_a_limit_with_a_call_stays_a_limit() -> None:
    assert events(chunk(PARIS, finish="MAX_TOKENS"))[-1] == Finish("length", "MAX_TOKENS")


def test_a_signature_on_a_call_goes_with_the_call() -> None:
    start = calls(chunk(PARIS | {"thoughtSignature": "c2ln"}) + END)[0]
    assert start == ToolCallStart(
        0, "call00001", "get_weather", {"gemini": {"thoughtSignature": "c2ln", "id": "call00001"}}
    )


def test_a_signature_on_an_empty_text_is_kept_and_gives_no_text() -> None:
    part = {"text": "", "thoughtSignature": "c2ln"}
    assert events(chunk(part) + END)[0] == ItemAdded(ProviderItem("gemini", part))


def test_an_empty_text_is_no_delta() -> None:
    assert events(chunk({"text": ""}) + texts("a") + END)[0] == TextDelta("a")


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n", b"\r"])
def test_any_line_end_will_do(line_end: bytes) -> None:
    assert events((texts("a") + END).replace(b"\r\n", line_end)) == events(texts("a") + END)


def test_a_last_chunk_without_its_blank_line_still_counts() -> None:
    assert events((texts("a") + END).rstrip(b"\r\n")) == events(texts("a") + END)


def test_a_thought_is_reasoning() -> None:
    assert events(chunk({"text": "Hm.", "thought": True}) + END)[0] == ReasoningDelta("Hm.")


def test_arguments_in_pieces_are_put_together() -> None:
    pieces = [
        {"name": "a", "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.city", "stringValue": "Par", "willContinue": True}], "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.city", "stringValue": "is"}], "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.days[0].n", "numberValue": 3}], "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.days[1]['x y']", "boolValue": False}], "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.none", "nullValue": "NULL_VALUE"}], "willContinue": True},
        {},
    ]
    found = calls(b"".join(chunk({"functionCall": piece}) for piece in pieces) + END)
    assert found == [
        ToolCallStart(0, "", "a"),
        ToolCallDelta(0, '{"city":"Paris","days":[{"n":3},{"x y":false}],"none":null}'),
    ]


def test_arguments_in_pieces_that_the_stream_does_not_finish_are_given_at_its_end() -> None:
    begun = chunk({"functionCall": {"name": "a", "willContinue": True}})
    assert calls(begun + END) == [ToolCallStart(0, "", "a"), ToolCallDelta(0, "{}")]


def test_a_path_cannot_ask_for_a_huge_list() -> None:
    piece = {"name": "a", "partialArgs": [{"jsonPath": "$.x[999999999]", "numberValue": 1}], "willContinue": True}
    assert calls(chunk({"functionCall": piece}) + END)[-1] == ToolCallDelta(0, '{"x":[]}')


def test_a_second_finish_reason_and_text_after_the_first_count() -> None:
    body = texts("a").replace(b'"index"', b'"finishReason":"STOP","index"') + chunk({"text": "b"}, finish="MAX_TOKENS")
    found = events(body)
    assert [event.text for event in found if isinstance(event, TextDelta)] == ["a", "b"]
    assert found[-1] == Finish("length", "MAX_TOKENS")


def test_a_candidate_without_content_and_a_content_without_parts_end_the_answer() -> None:
    for candidate in ({"finishReason": "MAX_TOKENS"}, {"finishReason": "MAX_TOKENS", "content": {"role": "model"}}):
        body = b"data: " + msgspec.json.encode({"candidates": [candidate]}) + b"\n\n"
        assert events(body) == [Finish("length", "MAX_TOKENS")]


def test_the_usage_of_the_last_chunk_that_has_one_is_reported_once() -> None:
    more = {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7, "toolUsePromptTokenCount": 2}
    body = texts("a") + chunk({"text": "b"}, finish="STOP", usageMetadata={**more, "cachedContentTokenCount": 4})
    (usage,) = [event.usage for event in events(body) if isinstance(event, UsageReport)]
    assert (usage.input, usage.output, usage.reasoning, usage.cached) == (12, 12, 7, 4)


def test_a_blocked_prompt_is_a_content_filter() -> None:
    body = b'data: {"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}}\n\n'
    assert events(body) == [Finish("content_filter", "PROHIBITED_CONTENT")]


@pytest.mark.parametrize("raw", ["SAFETY", "RECITATION", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR"])
def test_a_safety_stop_is_a_content_filter(raw: str) -> None:
    assert events(chunk(finish=raw))[-1] == Finish("content_filter", raw)


def test_a_call_that_google_could_not_read_is_one_that_the_model_hears_of() -> None:
    finish = b'"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"Malformed function call: print(x)","index"'
    found = events(chunk().replace(b'"index"', finish))
    assert found[0] == ToolCallMalformed(0, "Malformed function call: print(x)")
    assert found[-1] == Finish("tool_calls", "MALFORMED_FUNCTION_CALL")


def test_code_that_google_runs_is_shown_and_kept() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "print(1)"}}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}
    assert events(chunk(code) + chunk(result) + END)[:4] == [
        HostedToolCall("hosted_1", "code_execution", '{"language":"PYTHON","code":"print(1)"}'),
        ItemAdded(ProviderItem("gemini", code)),
        HostedToolResult("hosted_1", "code_execution", "1\n"),
        ItemAdded(ProviderItem("gemini", result)),
    ]


def test_a_tool_that_google_runs_is_shown_and_kept() -> None:
    use = {"toolCall": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"q": "a"}}}
    response = {"toolResponse": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "response": {"r": 1}}}
    found = [event for event in events(chunk(use, response) + END) if not isinstance(event, ItemAdded)]
    assert found[:2] == [
        HostedToolCall("t1", "google_search_web", '{"q":"a"}'),
        HostedToolResult("t1", "google_search_web", '{"r":1}'),
    ]


def test_pages_that_ground_the_answer_are_sources_once() -> None:
    grounding = {"groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}]}
    body = chunk({"text": "a"}).replace(
        b'"index"', b'"groundingMetadata":' + msgspec.json.encode(grounding) + b',"index"'
    )
    found = [event for event in events(body + body + END) if isinstance(event, SourceFound)]
    assert found == [SourceFound(Source("https://a.example", "A", "https://a.example"))]


def test_only_the_first_candidate_is_read() -> None:
    assert events(texts("a") + texts("b").replace(b'"index":0', b'"index":1') + END)[0] == TextDelta("a")


def test_a_done_at_the_end_says_nothing() -> None:
    assert events(texts("a") + END + b"data: [DONE]\n\n") == events(texts("a") + END)


def test_an_answer_in_one_list_is_read_as_well() -> None:
    chunks = [line[6:] for line in (texts("a") + END).split(b"\r\n") if line]
    assert events(b"[" + b",\r\n".join(chunks) + b"]") == events(texts("a") + END)


def test_an_error_in_the_stream_comes_after_what_was_said_and_keeps_its_status() -> None:
    broken = b'data: {"error":{"code":503,"message":"Overloaded","status":"UNAVAILABLE"}}\n\n'
    found, error = decoded(gemini.PROVIDER.decoder(), [texts("a") + broken])
    assert found == [TextDelta("a")]
    assert isinstance(error, ProviderError)
    assert (error.provider_status, error.retryable) == (503, True)


# Requests


def test_signatures_and_ids_go_back_as_they_came() -> None:
    body = chunk(PARIS | {"thoughtSignature": "c2ln"}, {"functionCall": {"name": "get_time"}}) + END
    answer = collected(body)
    made_up = msgspec.structs.replace(answer.tool_calls[1], id="made_up")
    answer = AssistantMessage((answer.tool_calls[0], made_up))
    _, model, user = sent(
        tooled(ASK, answer, ToolMessage("call00001", "18 °C"), ToolMessage("made_up", "12:00")), NEWER
    )["contents"]
    assert model["parts"] == [
        PARIS | {"thoughtSignature": "c2ln"},
        {"functionCall": {"name": "get_time", "args": {}}},
    ]
    assert [part["functionResponse"].get("id") for part in user["parts"]] == ["call00001", None]


def test_a_signature_on_text_goes_back_after_the_text() -> None:
    answer = collected(chunk({"text": "Hello", "thoughtSignature": "c2ln"}) + END)
    parts = sent(said(ASK, answer, ASK), NEWER)["contents"][1]["parts"]
    assert parts == [{"text": "Hello"}, {"text": "", "thoughtSignature": "c2ln"}]


def test_a_call_of_another_vendor_gets_the_documented_stand_in_where_signatures_are_checked() -> None:
    request = tooled(ASK, AssistantMessage((CALL,)), RESULT)
    assert sent(request, NEWER)["contents"][1]["parts"][0]["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" not in sent(request)["contents"][1]["parts"][0]


def test_a_result_that_does_not_name_its_tool_gets_the_name_of_its_call() -> None:
    part = sent(tooled(ASK, AssistantMessage((CALL,)), RESULT))["contents"][2]["parts"][0]
    assert part == {"functionResponse": {"name": "get_weather", "response": {"output": "18 °C"}}}


def test_what_a_tool_shows_follows_all_results_of_its_round() -> None:
    second = msgspec.structs.replace(CALL, id="call00002")
    shown = ToolMessage("call00001", (TextPart("A map"), ImagePart(PIXEL)))
    contents = sent(tooled(ASK, AssistantMessage((CALL, second)), shown, ToolMessage("call00002", "x")))["contents"]
    assert [set(part) for part in contents[2]["parts"]] == [{"functionResponse"}, {"functionResponse"}]
    assert contents[3]["parts"] == [
        {"text": "What the tool get_weather gave:"},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
    ]


def test_media_by_address_gets_the_type_that_its_name_tells() -> None:
    parts = (
        ImagePart("https://a.example/cat.webp?x=1"),
        ImagePart("https://a.example/cat"),
        FilePart(file_id="files/1"),
    )
    assert sent(said(UserMessage(parts)))["contents"][0]["parts"] == [
        {"fileData": {"fileUri": "https://a.example/cat.webp?x=1", "mimeType": "image/webp"}},
        {"fileData": {"fileUri": "https://a.example/cat", "mimeType": "image/jpeg"}},
        {"fileData": {"fileUri": "files/1"}},
    ]


def test_options_have_their_names() -> None:
    body = sent(tooled(ASK, temperature=0.5, top_p=0.9, seed=7, stop=["x"], tool_choice={"name": "get_time"}))
    assert body["generationConfig"] == {"temperature": 0.5, "topP": 0.9, "seed": 7, "stopSequences": ["x"]}
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_time"]}}


def test_effort_is_a_budget_for_older_models_and_a_level_for_newer_ones() -> None:
    older = sent(said(ASK, reasoning_effort="none"))["generationConfig"]["thinkingConfig"]
    assert older == {"thinkingBudget": 0, "includeThoughts": False}
    newer = sent(said(ASK, reasoning_effort="high"), NEWER)["generationConfig"]["thinkingConfig"]
    assert newer == {"thinkingLevel": "high", "includeThoughts": True}


def test_json_and_tools_together_are_refused_for_models_that_refuse_them() -> None:
    asked = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
    with pytest.raises(RequestError, match="while it is offered tools"):
        sent(tooled(ASK, response_format=asked))
    assert sent(tooled(ASK, response_format=asked), NEWER)["generationConfig"]["responseJsonSchema"] == SCHEMA


@pytest.mark.parametrize(
    ("settings", "options", "note"),
    [
        (FLASH, {"parallel_tool_calls": False}, "parallel_tool_calls is left out"),
        (FLASH, {"stop": ["a", "b", "c", "d", "e", "f"]}, "Only 5 stop sequences"),
        (NEWER, {"reasoning_effort": "none"}, "always thinks"),
        (Settings("gemini-2.5-pro"), {"reasoning_effort": "none"}, "always thinks"),
        (Settings("gemini-2.0-flash"), {"reasoning_effort": "low"}, "does not think"),
    ],
)
def test_what_the_vendor_cannot_be_told_is_noted(settings: Settings, options: dict[str, Any], note: str) -> None:
    assert note in " ".join(gemini.request(settings, tooled(ASK, **options)).notes)


# Addresses and credentials


def test_the_gemini_api_is_asked_with_its_key() -> None:
    request = gemini.request(gemini.settings(Settings("gemini-2.5-flash"), {"GOOGLE_API_KEY": "k"}), said(ASK))
    assert request.url.endswith(
        "generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    )
    assert request.headers["x-goog-api-key"] == "k"


VERTEX = {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_PROJECT": "p"}


@pytest.mark.parametrize(
    ("location", "host"),
    [
        (None, "aiplatform.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertex_ai_is_asked_in_its_region(location: str | None, host: str) -> None:
    environ = VERTEX | ({"GOOGLE_CLOUD_LOCATION": location} if location else {})
    request = gemini.request(gemini.settings(Settings("gemini-2.5-flash"), environ), said(ASK))
    path = f"/v1/projects/p/locations/{location or 'global'}/publishers/google/models/gemini-2.5-flash"
    assert request.url == f"https://{host}{path}:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-2.5-pro", "/v1beta/models/gemini-2.5-pro"),
        ("tunedModels/mine", "/v1beta/tunedModels/mine"),
    ],
)
def test_a_model_may_be_named_by_its_path(model: str, path: str) -> None:
    assert gemini.request(Settings(model, "https://x.invalid"), said(ASK)).url.startswith(f"https://x.invalid{path}:")


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("endpoints/7", "/v1/projects/p/locations/global/endpoints/7"),
        ("projects/q/locations/us/endpoints/7", "/v1/projects/q/locations/us/endpoints/7"),
    ],
)
def test_a_model_on_vertex_ai_may_be_an_endpoint(model: str, path: str) -> None:
    request = gemini.request(gemini.settings(Settings(model), VERTEX), said(ASK))
    assert request.url.startswith(f"https://aiplatform.googleapis.com{path}:")


@pytest.mark.parametrize(
    ("environ", "variable"), [({}, "GEMINI_API_KEY"), ({"GOOGLE_GENAI_USE_VERTEXAI": "1"}, "GOOGLE_CLOUD_PROJECT")]
)
def test_what_is_missing_is_named(environ: dict[str, str], variable: str) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        gemini.settings(Settings("m"), environ)


def exchanged(credentials: Any, response: HttpResponse) -> tuple[Any, Token]:
    """The one request of the exchange, and the token."""
    exchange = google_token.exchange("gemini", credentials, 1000.0)
    request = next(exchange)
    with pytest.raises(StopIteration) as done:
        exchange.send(response)
    return request, done.value.value


GIVEN = HttpResponse(200, {}, b'{"access_token":"t","expires_in":3599}')


def test_a_service_account_signs_its_own_request_for_a_token() -> None:
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    key = rsa.generate_private_key(65537, 2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(encoding, form, serialization.NoEncryption()).decode()
    account = {"type": "service_account", "client_email": "a@b.example", "private_key": pem, "private_key_id": "k1"}
    request, token = exchanged(account, GIVEN)
    assertion = parse_qs(request.body.decode())["assertion"][0]
    header, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in assertion.split("."))
    signed = assertion.rpartition(".")[0].encode()
    key.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    assert msgspec.json.decode(header) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert msgspec.json.decode(claims) == {
        "iss": "a@b.example",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": 1000,
        "exp": 4600,
    }
    assert token == Token("t", 1000.0 + 3599 - 300)


def test_the_credentials_of_a_user_are_refreshed() -> None:
    user = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    request, _ = exchanged(user, GIVEN)
    assert parse_qs(request.body.decode())["refresh_token"] == ["r"]


def test_without_a_key_file_the_machine_is_asked() -> None:
    request, token = exchanged(None, GIVEN)
    assert request.headers == {"metadata-flavor": "Google"}
    assert token.value == "t"


def test_a_refused_exchange_is_a_provider_error() -> None:
    exchange = google_token.exchange("gemini", None, 0.0)
    next(exchange)
    with pytest.raises(ProviderError) as failure:
        exchange.send(HttpResponse(403, {}, b'{"error":"access_denied"}'))
    assert failure.value.provider_status == 403


@pytest.mark.parametrize("credentials", [{"type": "external_account"}, {}, {"type": "service_account"}])
def test_credentials_that_cannot_be_used_are_a_configuration_error(credentials: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        next(google_token.exchange("gemini", credentials, 0.0))


def test_a_token_is_exchanged_on_vertex_ai_only() -> None:
    vertex = gemini.settings(Settings("m"), VERTEX)
    assert gemini.exchange(vertex, 0.0) is not None
    assert gemini.exchange(FLASH, 0.0) is None
    assert (
        gemini.request(msgspec.structs.replace(vertex, api_key="t"), said(ASK)).headers["authorization"] == "Bearer t"
    )


def test_the_key_file_that_the_operator_named_comes_first() -> None:
    vertex = gemini.settings(Settings("m"), VERTEX)
    assert gemini.key_files(vertex, {"GOOGLE_APPLICATION_CREDENTIALS": "/k.json"}) == [("/k.json", True)]
    assert gemini.key_files(vertex, {}) == [("~/.config/gcloud/application_default_credentials.json", False)]
    assert gemini.key_files(FLASH, {}) == []
    assert gemini.with_key_file(vertex, b'{"type":"x"}').quirks["credentials"] == {"type": "x"}


def test_the_key_file_is_read_when_the_model_is_named(tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    environ = {**VERTEX, "GOOGLE_APPLICATION_CREDENTIALS": str(key)}
    with pytest.raises(ConfigurationError, match="does not exist"):
        providers.model("gemini:gemini-2.5-flash", environ=environ)
    key.write_text('{"type":"authorized_user"}')
    model = providers.model("gemini:gemini-2.5-flash", environ=environ)
    assert isinstance(model, HttpModel)
    assert model.settings.quirks["credentials"] == {"type": "authorized_user"}
    key.write_text("[]")
    with pytest.raises(ConfigurationError, match="not a JSON object"):
        providers.model("gemini:gemini-2.5-flash", environ=environ)


def test_without_a_key_file_the_token_comes_from_elsewhere(tmp_path: Path) -> None:
    model = providers.model("gemini:gemini-2.5-flash", environ={**VERTEX, "CLOUDSDK_CONFIG": str(tmp_path)})
    assert isinstance(model, HttpModel)
    assert "credentials" not in model.settings.quirks


def test_a_call_is_told_apart_from_one_of_the_same_name() -> None:
    found = calls(chunk(call("a", "now"), call("b", "now")) + END)
    assert [event.id for event in found if isinstance(event, ToolCallStart)] == ["a", "b"]
