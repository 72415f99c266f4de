"""Cohere's v2 chat: recordings, and requests by its rules."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.corpus import needs_corpus
from tests.providers.stories import TIME, WEATHER
from tests.providers.stories.cohere import BEGIN, PLAN, call, end, event, said
from tests.providers.streams import Recording, check, decoded, recordings
from turnstream.events import (
    AssistantMessage,
    AudioPart,
    FilePart,
    Finish,
    ImagePart,
    ItemAdded,
    Message,
    ModelOptions,
    ModelRequest,
    ProviderItem,
    RequestError,
    Source,
    SourceFound,
    TextDelta,
    TextPart,
    ToolCall,
    ToolMessage,
    ToolSpec,
    Usage,
    UsageReport,
    UserMessage,
)
from turnstream.providers import cohere
from turnstream.providers.base import Settings

ASK = (UserMessage("hi"),)
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@needs_corpus
@pytest.mark.parametrize("recording", recordings("cohere.v2.chat"), ids=lambda recording: recording.name)
def test_a_recording_decodes_to_what_is_expected_however_it_is_cut(recording: Recording) -> None:
    events = check(recording, cohere.PROVIDER.decoder)
    plans = "".join(event.item.data["tool_plan"] for event in events if isinstance(event, ItemAdded))
    assert plans == recording.expected.get("tool_plan", "")


def test_a_tool_plan_before_the_calls_is_kept_for_the_history() -> None:
    events, _ = decoded(cohere.PROVIDER.decoder(), [BEGIN + PLAN + call(CALL) + end("TOOL_CALL")])
    assert events[0] == ItemAdded(ProviderItem("cohere", {"tool_plan": "I will look."}))


def test_citations_between_text_deltas_are_sources() -> None:
    tool = {"type": "tool", "id": "call1:0", "tool_output": {"a": 1}}
    document = {"type": "document", "id": "d", "document": {"title": "T", "url": "https://h", "snippet": "s"}}
    cited = event("citation-start", {"citations": {"start": 0, "end": 1, "text": "a", "sources": [tool, document]}})
    body = BEGIN + said("text", "a") + cited + cited + event("citation-end") + end("COMPLETE")
    events, _ = decoded(cohere.PROVIDER.decoder(), [body])
    assert events[1:3] == [
        SourceFound(Source("call1:0", snippet='{"a":1}'), "call1"),
        SourceFound(Source("d", "T", "https://h", "s")),
    ]
    assert sum(isinstance(found, SourceFound) for found in events) == 2


def test_nothing_is_read_after_the_end_of_the_message() -> None:
    decoder = cohere.PROVIDER.decoder()
    decoder.feed(BEGIN + said("text", "a") + end("COMPLETE") + b"data: [DONE]\n\n")
    assert decoder.done
    assert decoder.feed(said("text", "b")) == []


def test_tokens_are_counted_as_the_model_read_them() -> None:
    raw = {"billed_units": {"input_tokens": 7}, "tokens": {"input_tokens": 69, "output_tokens": 8}, "cached_tokens": 5}
    body = event("message-end", None, None, finish_reason="MAX_TOKENS", usage=raw)
    events, _ = decoded(cohere.PROVIDER.decoder(), [body])
    assert events == [UsageReport(Usage(69, 8, 5, raw=raw)), Finish("length", "MAX_TOKENS")]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (event("message-end", None, None, finish_reason="ERROR", error="it broke"), "it broke"),
        (b'data: {"message":"it broke"}\n\n', "it broke"),
        (event("tool-call-delta", {"tool_calls": {"function": {"arguments": "{}"}}}, 3), "did not begin"),
        (b"data: []\n\n", "not understood"),
    ],
)
def test_what_breaks_the_stream_is_an_error_after_what_was_said(body: bytes, text: str) -> None:
    events, error = decoded(cohere.PROVIDER.decoder(), [BEGIN + said("text", "a") + body])
    assert events == [TextDelta("a")]
    assert error is not None
    assert text in error.detail


def sent(*messages: Message, tools: tuple[ToolSpec, ...] = (), model: str = "m", **options: Any) -> dict[str, Any]:
    settings = Settings(model, "https://h", "key")
    made = cohere.request(settings, ModelRequest(messages or ASK, tools, ModelOptions(**options)))
    body = msgspec.json.decode(made.body)
    assert isinstance(body, dict)
    return body | {"notes": [note.split()[0] for note in made.notes]}


def test_a_tool_plan_goes_back_with_its_calls() -> None:
    plan = ProviderItem("cohere", {"tool_plan": "I will."})
    answer = AssistantMessage((plan, ToolCall("c", "f", "{}")))
    made = sent(UserMessage("a"), answer, ToolMessage("c", "b"))["messages"][1]
    assert made == {
        "role": "assistant",
        "tool_calls": [{k: CALL[k] for k in CALL if k != "index"}],
        "tool_plan": "I will.",
    }


def test_an_empty_answer_is_left_out() -> None:
    assert len(sent(UserMessage("a"), AssistantMessage(()), UserMessage("b"))["messages"]) == 2


def test_images_are_sent_and_other_things_refused() -> None:
    image = ImagePart("https://h/a.png", "low")
    assert sent(UserMessage((TextPart("a"), image)))["messages"][0]["content"][1] == {
        "type": "image_url",
        "image_url": {"url": "https://h/a.png", "detail": "low"},
    }
    for part in (FilePart("https://h/a.pdf"), AudioPart("AA==", "wav")):
        with pytest.raises(RequestError, match="no files"):
            sent(UserMessage((part,)))


def test_an_image_that_a_tool_gave_follows_as_the_users() -> None:
    answer = AssistantMessage((ToolCall("c", "f", "{}"),))
    result = ToolMessage("c", (TextPart("a"), ImagePart("https://h/a.png")), "f")
    made = sent(UserMessage("a"), answer, result, UserMessage("b"))["messages"]
    assert [message["role"] for message in made] == ["user", "assistant", "tool", "user", "user"]


def test_options_are_sent_in_coheres_words() -> None:
    made = sent(top_p=0.5, max_completion_tokens=5, stop=tuple("abcdef"), seed=1, frequency_penalty=0.1)
    wanted = {"p": 0.5, "max_tokens": 5, "stop_sequences": list("abcde"), "seed": 1, "frequency_penalty": 0.1}
    assert wanted.items() <= made.items()
    assert made["notes"] == ["Only"]


def test_a_tool_that_must_be_called_is_the_only_one_offered() -> None:
    made = sent(tools=(WEATHER, TIME), tool_choice={"name": "get_time"}, parallel_tool_calls=False)
    assert [tool["function"]["name"] for tool in made["tools"]] == ["get_time"]
    assert (made["tool_choice"], made["notes"]) == ("REQUIRED", ["parallel_tool_calls"])


@pytest.mark.parametrize(("choice", "word"), [("required", "REQUIRED"), ("none", "NONE"), ("auto", None)])
def test_tool_choice_is_sent_in_coheres_words(choice: str, word: str | None) -> None:
    assert sent(tools=(WEATHER,), tool_choice=choice).get("tool_choice") == word


def test_json_is_asked_for_by_its_schema_and_never_beside_tools() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    wish = {"type": "json_schema", "json_schema": {"schema": schema}}
    assert sent(response_format=wish)["response_format"] == {"type": "json_object", "json_schema": schema}
    with pytest.raises(RequestError, match="tools"):
        sent(response_format=wish, tools=(WEATHER,))


def test_effort_is_whether_to_think_for_models_that_can() -> None:
    assert sent(model="command-a-reasoning-08-2025", reasoning_effort="none")["thinking"] == {"type": "disabled"}
    assert sent(model="command-a-reasoning-08-2025", reasoning_effort="high")["thinking"] == {"type": "enabled"}
    assert sent(reasoning_effort="high")["notes"] == ["reasoning_effort"]
