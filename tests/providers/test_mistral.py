"""Mistral's chat completions: recordings, and requests by its rules."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.corpus import needs_corpus
from tests.providers.stories import WEATHER
from tests.providers.streams import Recording, check, collected, decoded, recordings
from turnstream import providers
from turnstream.events import (
    AssistantMessage,
    AudioPart,
    ConfigurationError,
    FilePart,
    ImagePart,
    Message,
    ModelOptions,
    ModelRequest,
    ReasoningPart,
    RequestError,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    ToolSpec,
    UserMessage,
)
from turnstream.providers import mistral
from turnstream.providers.base import Settings

API = "mistral.chat"
ASK = (UserMessage("hi"),)


@needs_corpus
@pytest.mark.parametrize("recording", recordings(API), ids=lambda recording: recording.name)
def test_a_recording_decodes_to_what_is_expected_however_it_is_cut(recording: Recording) -> None:
    check(recording, mistral.PROVIDER.decoder)


@needs_corpus
@pytest.mark.parametrize("recording", recordings(API, streams=False), ids=lambda recording: recording.name)
def test_a_recorded_refusal_is_a_provider_error_with_the_vendors_object(recording: Recording) -> None:
    error = mistral.PROVIDER.error(recording.status, recording.body)
    assert (error.body, error.provider_status) == (recording.expected["error"], recording.status)


def test_padding_is_not_read() -> None:
    body = b'data: {"p":"abcdefg","choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    assert collected(decoded(mistral.PROVIDER.decoder(), [body])[0])["text"] == "a"


@pytest.mark.parametrize("thinking", ["1.5", "true", "{}", "null", "[1, null]"])
def test_thinking_that_is_no_text_is_passed_over(thinking: str) -> None:
    part = f'[{{"type":"thinking","thinking":{thinking}}},{{"type":"text","text":"a"}}]'
    body = f'data: {{"choices":[{{"delta":{{"content":{part}}},"finish_reason":"stop"}}]}}\n\ndata: [DONE]\n\n'
    said = collected(decoded(mistral.PROVIDER.decoder(), [body.encode()])[0])
    assert (said["text"], said["reasoning"]) == ("a", "")


def test_parallel_calls_without_an_index_are_told_apart() -> None:
    calls = b'[{"id":"QAw0JBXkB","function":{"name":"plus","arguments":"{}"}},'
    calls += b'{"id":"HlyhI5zAI","function":{"name":"minus","arguments":"{}"}}]'
    body = b'data: {"choices":[{"delta":{"tool_calls":' + calls + b'},"finish_reason":"tool_calls"}]}\n\n'
    found = collected(decoded(mistral.PROVIDER.decoder(), [body])[0])["tool_calls"]
    assert found == [("QAw0JBXkB", "plus", {}), ("HlyhI5zAI", "minus", {})]


def test_a_stream_ends_without_a_blank_line() -> None:
    body = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]'
    events, error = decoded(mistral.PROVIDER.decoder(), [body])
    assert error is None
    assert collected(events)["finish_reason"] == "stop"


def sent(*messages: Message, tools: tuple[ToolSpec, ...] = (), model: str = "m", **options: Any) -> dict[str, Any]:
    settings = Settings(model, "https://h/v1", "key")
    made = mistral.request(settings, ModelRequest(messages or ASK, tools, ModelOptions(**options)))
    body = msgspec.json.decode(made.body)
    assert isinstance(body, dict)
    return body | {"notes": list(made.notes)}


def test_call_ids_become_nine_letters_and_digits_on_both_sides() -> None:
    call = AssistantMessage((ToolCall("call_abc-123", "f", "{}"),))
    _, answer, result = sent(UserMessage("hi"), call, ToolMessage("call_abc-123", "ok"))["messages"]
    ident = answer["tool_calls"][0]["id"]
    assert ident == result["tool_call_id"]
    assert len(ident) == 9
    assert ident.isalnum()


def test_an_assistant_stands_between_a_result_and_the_user() -> None:
    call = AssistantMessage((ToolCall("call00001", "f", "{}"),))
    made = sent(UserMessage("a"), call, ToolMessage("call00001", "b"), UserMessage("c"))["messages"]
    assert [message["role"] for message in made] == ["user", "assistant", "tool", "assistant", "user"]


def test_system_text_comes_first_and_users_in_a_row_become_one() -> None:
    made = sent(SystemMessage("a"), UserMessage("b"), SystemMessage("c"), UserMessage("d"))["messages"]
    assert made == [
        {"role": "system", "content": "a\n\nc"},
        {"role": "user", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "d"}]},
    ]


def test_an_answer_that_stands_last_is_to_be_continued() -> None:
    assert sent(UserMessage("a"), AssistantMessage((TextPart("b"),)))["messages"][-1]["prefix"] is True


def test_an_empty_answer_is_left_out() -> None:
    made = sent(UserMessage("a"), AssistantMessage(()), UserMessage("b"))["messages"]
    assert [message["role"] for message in made] == ["user"]


def test_thinking_goes_back_to_a_model_that_thinks() -> None:
    said = AssistantMessage((ReasoningPart("hm"), TextPart("b")))
    made = sent(UserMessage("a"), said, UserMessage("c"), model="magistral-medium-latest")["messages"][1]
    assert made["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "b"},
    ]
    assert sent(UserMessage("a"), said, UserMessage("c"))["messages"][1]["content"] == "b"


def test_images_documents_and_sound_are_sent_as_chunks() -> None:
    parts = (
        ImagePart("https://h/a.png"),
        ImagePart("data:image/png;base64,AA==", "high"),
        FilePart("https://h/a.pdf", filename="a.pdf"),
        FilePart(file_id="f1"),
        AudioPart("AA==", "wav"),
    )
    assert sent(UserMessage(parts))["messages"][0]["content"] == [
        {"type": "image_url", "image_url": "https://h/a.png"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "high"}},
        {"type": "document_url", "document_url": "https://h/a.pdf", "document_name": "a.pdf"},
        {"type": "file", "file_id": "f1"},
        {"type": "input_audio", "input_audio": "AA=="},
    ]


def test_an_image_that_a_tool_gave_stays_in_its_message() -> None:
    call = AssistantMessage((ToolCall("call00001", "f", "{}"),))
    result = ToolMessage("call00001", (TextPart("a"), ImagePart("https://h/a.png")), is_error=True)
    made = sent(UserMessage("a"), call, result)["messages"]
    assert [chunk["type"] for chunk in made[-1]["content"]] == ["text", "text", "image_url"]


def test_options_are_sent_in_mistrals_words() -> None:
    made = sent(seed=7, max_completion_tokens=5, stop=("x",), reasoning_effort="high", top_p=0.5)
    wanted = {"random_seed": 7, "max_tokens": 5, "stop": ["x"], "reasoning_effort": "high", "top_p": 0.5}
    assert wanted.items() <= made.items()


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        ("required", "any"),
        ("auto", "auto"),
        ("none", "none"),
        ({"name": "get_weather"}, {"type": "function", "function": {"name": "get_weather"}}),
    ],
)
def test_tool_choice_is_sent_in_mistrals_words(choice: Any, word: Any) -> None:
    assert sent(tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=False)["tool_choice"] == word
    assert "tool_choice" not in sent(tool_choice=choice)


def test_a_schema_is_sent_closed() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    made = sent(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
    assert made["response_format"]["json_schema"] == {
        "name": "n",
        "schema": {**schema, "additionalProperties": False},
        "strict": True,
    }


def test_what_magistral_cannot_be_told_is_noted() -> None:
    made = sent(model="magistral-small-latest", reasoning_effort="high")
    assert "reasoning_effort" not in made
    assert "reasoning_effort" in made["notes"][0]


def test_arguments_that_are_no_object_do_not_break_the_history() -> None:
    call = AssistantMessage((ToolCall("call00001", "f", '{"a'),))
    made = sent(UserMessage("a"), call, ToolMessage("call00001", "b"))["messages"][1]
    assert msgspec.json.decode(made["tool_calls"][0]["function"]["arguments"]) == {"arguments": '{"a'}


def test_a_conversation_without_messages_is_the_clients_mistake() -> None:
    with pytest.raises(RequestError):
        mistral.request(Settings("m"), ModelRequest(()))


def test_a_missing_key_names_its_variable() -> None:
    with pytest.raises(ConfigurationError, match="MISTRAL_API_KEY"):
        providers.model("mistral:m", environ={})
