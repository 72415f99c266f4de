from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from tests.corpus import needs_corpus
from tests.providers.streams import Recording, check, decoded, recordings
from turnstream import providers
from turnstream.events import (
    AssistantMessage,
    ConfigurationError,
    Finish,
    ImagePart,
    ModelOptions,
    ModelRequest,
    ProviderError,
    RequestError,
    SystemMessage,
    TextDelta,
    TextPart,
    ToolCall,
    ToolMessage,
    ToolSpec,
    UsageReport,
    UserMessage,
)
from turnstream.models.text_mode import TextMode
from turnstream.providers import openai_completions
from turnstream.providers.base import Settings
from turnstream.providers.encode import template_prompts

API = "openai.completions"
URL = "http://127.0.0.1:1/v1"


@needs_corpus
@pytest.mark.parametrize("recording", recordings(API), ids=lambda recording: recording.name)
def test_a_recording_decodes_to_what_is_expected_however_it_is_cut(recording: Recording) -> None:
    check(recording, openai_completions.PROVIDER.decoder)


def made(model: str = "qwen3", **quirks: Any) -> Settings:
    return openai_completions.settings(Settings(model, URL, "key-1", quirks=quirks), {})


TALK = ModelRequest(
    (
        SystemMessage("Be kind."),
        UserMessage("1+1?"),
        AssistantMessage((ToolCall("call-1", "add", '{"a": 1}'),)),
        ToolMessage("call-1", "2", "add"),
    ),
    (ToolSpec("add", "Adds."),),
    ModelOptions(temperature=0.5, max_completion_tokens=9, stop=("END",), reasoning_effort="low", extra={"top_k": 3}),
    time=1800000000.0,
)


def body(settings: Settings, request: ModelRequest = TALK) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(openai_completions.request(settings, request).body)
    return decoded


def test_the_prompt_is_the_conversation_in_the_familys_form() -> None:
    made_body = body(made())
    assert made_body["prompt"].endswith("<tool_response>\n2\n</tool_response><|im_end|>\n<|im_start|>assistant\n")
    assert made_body["stop"] == ["END", "<|im_end|>"]
    assert (made_body["max_tokens"], made_body["temperature"], made_body["top_k"]) == (9, 0.5, 3)


def test_a_family_can_be_named_and_the_date_is_that_of_the_call() -> None:
    settings = made("my-model", family="llama3")
    assert "Today Date: 15 Jan 2027" in body(settings)["prompt"]
    assert template_prompts.text_format(settings) == "llama3_json"


def test_a_template_of_ones_own_is_used_as_it_is() -> None:
    settings = made(
        "my-model", template="{{ messages[0].content }} {{ mood }}", variables={"mood": "!"}, format="glm45"
    )
    assert body(settings)["prompt"] == "Be kind. !"
    assert template_prompts.text_format(settings) == "glm45"


def test_a_model_of_no_known_family_needs_a_template() -> None:
    with pytest.raises(ConfigurationError, match="needs a chat template"):
        made("my-model")


def test_what_the_protocol_lacks_is_noted() -> None:
    assert openai_completions.request(made(), TALK).notes == (
        "reasoning_effort is left out: text completions do not have it",
    )


def test_a_model_named_so_reads_its_calls_from_the_text() -> None:
    assert isinstance(providers.model("openai-completions:qwen3", base_url=URL, environ={}), TextMode)


def chunk(**members: Any) -> bytes:
    return b"data: " + json.dumps(members).encode() + b"\n\n"


STREAM = (
    chunk(choices=[{"index": 1, "text": "other"}, {"index": 0, "text": "Hé", "finish_reason": None}])
    + b": ping\n\n"
    + chunk(choices=[{"index": 0, "text": "llo", "finish_reason": "stop"}])
    + chunk(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2})
    + b"data: [DONE]\n\n"
)


@given(st.lists(st.integers(1, 40), max_size=30))
@hypothesis_settings(deadline=None)
def test_where_a_stream_is_cut_never_matters(sizes: list[int]) -> None:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(STREAM[at : at + size])
        at += size
    events, error = decoded(openai_completions.PROVIDER.decoder(), [*pieces, STREAM[at:]])
    assert error is None
    assert events[:2] == [TextDelta("Hé"), TextDelta("llo")]
    assert isinstance(events[2], UsageReport)
    assert events[3] == Finish("stop", "stop")


def test_a_stream_that_stops_early_is_an_error() -> None:
    events, error = decoded(openai_completions.PROVIDER.decoder(), [STREAM[:70]])
    assert error is not None
    assert not any(isinstance(event, Finish) for event in events)


def test_an_error_in_the_stream_is_an_error_after_the_text_before_it() -> None:
    stream = chunk(choices=[{"index": 0, "text": "a"}]) + chunk(error={"message": "out of memory"})
    events, error = decoded(openai_completions.PROVIDER.decoder(), [stream])
    assert events == [TextDelta("a")]
    assert error is not None
    assert "out of memory" in error.detail


@given(st.lists(st.binary(max_size=40), max_size=6))
@hypothesis_settings(deadline=None)
def test_no_input_raises_anything_but_a_provider_error(pieces: list[bytes]) -> None:
    decoder = openai_completions.PROVIDER.decoder()
    try:
        for piece in pieces:
            decoder.feed(piece)
        decoder.close()
    except ProviderError:
        pass


def test_what_a_text_prompt_cannot_hold_is_refused_in_words() -> None:
    picture = ModelRequest((UserMessage((TextPart("Look:"), ImagePart("data:,"))),), (), ModelOptions())
    with pytest.raises(RequestError, match="only supports text"):
        openai_completions.request(made(), picture)


@pytest.mark.parametrize("family", ["qwen3", "mistral-nemo"])
def test_what_a_tool_gave_besides_text_is_told_in_words(family: str) -> None:
    picture = ToolMessage("call-1", (TextPart("The map:"), ImagePart("data:image/png;base64,iVBORw0KGgo=")), "add")
    prompt = body(made(family), msgspec.structs.replace(TALK, messages=(*TALK.messages[:-1], picture)))["prompt"]
    assert "The map:" in prompt
    assert "a PNG image" in prompt
    assert "which you cannot see" in prompt
