"""Ollama's own protocol: recordings, and requests by its rules."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.corpus import needs_corpus
from tests.providers.stories import WEATHER
from tests.providers.streams import Recording, check, collected, decoded, recordings
from turnstream.events import (
    AssistantMessage,
    FilePart,
    ImagePart,
    Message,
    ModelOptions,
    ModelRequest,
    ProviderError,
    ReasoningPart,
    RequestError,
    TextDelta,
    TextPart,
    UserMessage,
)
from turnstream.providers import ollama
from turnstream.providers.base import Settings

ASK = (UserMessage("hi"),)
RECORDINGS = [*recordings("ollama.chat"), *recordings("ollama.generate")]


@needs_corpus
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
def test_a_recording_decodes_to_what_is_expected_however_it_is_cut(recording: Recording) -> None:
    check(recording, ollama.PROVIDER.decoder)


def said(*lines: str) -> tuple[dict[str, Any], ProviderError | None]:
    events, error = decoded(ollama.PROVIDER.decoder(), ["\n".join(lines).encode()])
    return collected(events), error


def test_arguments_are_an_object_and_the_finish_reason_says_stop_although_a_tool_is_called() -> None:
    call = '{"message":{"tool_calls":[{"function":{"name":"f","arguments":{"a":1.0}}}]}}'
    events, _ = decoded(ollama.PROVIDER.decoder(), [f'{call}\n{{"done":true,"done_reason":"stop"}}\n'.encode()])
    assert collected(events)["tool_calls"] == [("", "f", {"a": 1.0})]
    assert msgspec.to_builtins(events)[-1] == {"type": "finish", "reason": "tool_calls", "raw": "stop"}


def test_calls_are_numbered_over_the_lines_whatever_their_index() -> None:
    line = '{"message":{"tool_calls":[{"id":"%s","function":{"index":0,"name":"f","arguments":{}}}]}}'
    found, _ = said(line % "a", line % "b", '{"done":true}')
    assert found["tool_calls"] == [("a", "f", {}), ("b", "f", {})]


def test_text_on_the_last_line_is_read() -> None:
    found, error = said('{"message":{"content":"a"},"done":true,"done_reason":"length"}')
    assert (found["text"], found["finish_reason"], error) == ("a", "length", None)


def test_a_last_line_without_an_end_is_a_line() -> None:
    assert said('{"response":"a"}', '{"done":true}')[0]["text"] == "a"


def test_an_error_in_mid_stream_comes_after_what_was_said() -> None:
    found, error = said('{"message":{"content":"a"}}', '{"error":"out of memory"}')
    assert found["text"] == "a"
    assert error is not None
    assert "out of memory" in error.detail


def test_a_stream_that_is_cut_off_is_an_error() -> None:
    events, error = decoded(ollama.PROVIDER.decoder(), [b'{"message":{"content":"a"}}\n{"mess'])
    assert events == [TextDelta("a")]
    assert error is not None


def test_a_page_instead_of_lines_is_an_error() -> None:
    assert said("<html>")[1] is not None


def test_a_lone_surrogate_is_replaced() -> None:
    assert said('{"response":"a\\ud800b"}', '{"done":true}')[0]["text"] == "a\ufffdb"


def sent(*messages: Message, model: str = "qwen3", **options: Any) -> dict[str, Any]:
    settings = Settings(model, "http://h", quirks={"num_ctx": 32768, "keep_alive": "10m"})
    made = ollama.request(settings, ModelRequest(messages or ASK, (WEATHER,), ModelOptions(**options)))
    body = msgspec.json.decode(made.body)
    assert isinstance(body, dict)
    return body | {"notes": [note.split()[0] for note in made.notes]}


def test_options_are_sent_in_ollamas_words() -> None:
    made = sent(max_tokens=5, seed=1, stop=("x",), temperature=0.0)
    assert made["options"] == {"temperature": 0.0, "seed": 1, "num_predict": 5, "stop": ["x"], "num_ctx": 32768}
    assert made["keep_alive"] == "10m"


@pytest.mark.parametrize(
    ("model", "effort", "think"),
    [("qwen3", "none", False), ("qwen3", "low", True), ("gpt-oss:20b", "high", "high"), ("gpt-oss:20b", "none", "low")],
)
def test_effort_is_whether_to_think_or_for_gpt_oss_how_much(model: str, effort: str, think: bool | str) -> None:
    assert sent(model=model, reasoning_effort=effort)["think"] == think


def test_json_is_a_format() -> None:
    schema = {"type": "object"}
    assert sent(response_format={"type": "json_object"})["format"] == "json"
    assert sent(response_format={"type": "json_schema", "json_schema": {"schema": schema}})["format"] == schema


def test_what_cannot_be_told_is_noted() -> None:
    assert sent(tool_choice="required", parallel_tool_calls=False)["notes"] == ["tool_choice", "parallel_tool_calls"]


def test_no_tools_are_offered_where_none_may_be_called() -> None:
    assert "tools" not in sent(tool_choice="none")


def test_images_are_sent_as_base64_and_other_things_are_refused() -> None:
    user = UserMessage((TextPart("a"), ImagePart("data:image/png;base64,AA==")))
    assert sent(user)["messages"] == [{"role": "user", "content": "a", "images": ["AA=="]}]
    for part in (ImagePart("https://h/a.png"), FilePart("data:application/pdf;base64,AA==")):
        with pytest.raises(RequestError, match="data: URLs"):
            sent(UserMessage((part,)))


def test_thinking_goes_back_within_a_tool_loop_only() -> None:
    answer = AssistantMessage((ReasoningPart("hm"), TextPart("a")))
    assert "thinking" not in sent(UserMessage("a"), answer, UserMessage("b"))["messages"][1]
    assert sent(UserMessage("a"), answer)["messages"][1]["thinking"] == "hm"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("box:1", "http://box:1"),
        ("https://ollama.com/", "https://ollama.com"),
        ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434"),
        ("", "http://127.0.0.1:11434"),
    ],
)
def test_ollamas_own_variable_is_understood(host: str, url: str) -> None:
    assert ollama.settings(Settings("m"), {"OLLAMA_HOST": host}).base_url == url


def test_a_missing_model_is_an_error_that_says_how_to_get_it() -> None:
    error = ollama.PROVIDER.error(404, b'{"error":"model \'qwen3:8b\' not found"}')
    assert error.code == "provider_not_found"
    assert "must be pulled" in error.message
    assert "ollama pull qwen3:8b" in error.detail
