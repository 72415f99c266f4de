"""A model request as the body of a chat completion."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, strategies as st

from turnstream.events import (
    AssistantMessage,
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    ModelOptions,
    ModelRequest,
    ProviderItem,
    ReasoningPart,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    ToolSpec,
    UserMessage,
)
from turnstream.providers import openai
from turnstream.providers.base import Settings

TOOL = ToolSpec("f", "does f", {"type": "object", "properties": {"x": {"type": "integer"}}})
CALL = ToolCall("c1", "f", '{"x":1}')
HISTORY: list[Message] = [
    SystemMessage("s"),
    UserMessage("u", "ann"),
    UserMessage((TextPart("see"), ImagePart("https://x"))),
    AssistantMessage(()),
    AssistantMessage((TextPart("a"), CALL, ToolCall("c2", "g", "[1]", {"extra_content": {"a": 1}})), "b"),
    AssistantMessage((ReasoningPart("hm"), CALL)),
    ToolMessage("c1", "1", is_error=True),
    ToolMessage("c2", (TextPart("2"), ImagePart("https://x"))),
]


def body(
    *messages: Message, tools: tuple[ToolSpec, ...] = (), quirks: dict[str, Any] | None = None, **more: Any
) -> Any:
    settings = Settings("m", "http://x/v1", quirks=quirks or {}, options=more.pop("defaults", ModelOptions()))
    request = openai.request(settings, ModelRequest(messages, tools, ModelOptions(**more)))
    return json.loads(request.body)


def test_it_always_streams_and_asks_for_usage() -> None:
    whole = body(UserMessage("hi"))
    assert whole == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert "stream_options" not in body(UserMessage("hi"), quirks={"no_stream_options": True})


def test_a_conversation_with_tools_keeps_its_order_and_its_ids() -> None:
    messages = body(
        SystemMessage("be kind"),
        UserMessage("hi", name="ann"),
        AssistantMessage((TextPart("let me "), TextPart("see"), CALL)),
        ToolMessage("c1", "2", "f"),
    )["messages"]
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    assert messages == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hi", "name": "ann"},
        {"role": "assistant", "content": "let me see", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
    ]


def test_a_call_without_text_has_null_content_and_an_empty_answer_has_not() -> None:
    messages = body(AssistantMessage((CALL,)), AssistantMessage(()))["messages"]
    assert [message["content"] for message in messages] == [None, ""]


def test_parts_of_every_kind_have_their_place() -> None:
    content = (
        TextPart("see"),
        ImagePart("data:image/png;base64,AA", "low"),
        ImagePart("https://x/y.png"),
        AudioPart("AA", "wav"),
        FilePart(url="data:application/pdf;base64,AA", filename="a.pdf"),
        FilePart(file_id="file-1"),
    )
    assert body(UserMessage(content))["messages"][0]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]


def test_one_text_part_is_a_plain_string() -> None:
    assert body(UserMessage((TextPart("hi"),)))["messages"][0]["content"] == "hi"


def test_a_server_that_reads_text_only_gets_text_only() -> None:
    content = (TextPart("a"), ImagePart("https://x"), TextPart("b"))
    assert body(UserMessage(content), quirks={"text_only": True})["messages"][0]["content"] == "a\n\nb"


def test_the_image_that_a_tool_gave_follows_the_tool_messages() -> None:
    calls = AssistantMessage((CALL, ToolCall("c2", "f", "{}")))
    shot = ToolMessage("c1", (TextPart("done"), ImagePart("https://x")), "shoot")
    messages = body(calls, shot, ToolMessage("c2", "2"), UserMessage("so?"))["messages"]
    assert [message["role"] for message in messages] == ["assistant", "tool", "tool", "user", "user"]
    assert messages[3]["content"][1] == {"type": "image_url", "image_url": {"url": "https://x"}}


def test_a_failed_tool_says_so_once() -> None:
    messages = body(ToolMessage("c1", "no such city", is_error=True), ToolMessage("c2", "Error: no", is_error=True))[
        "messages"
    ]
    assert [message["content"] for message in messages] == ["Error: no such city", "Error: no"]


def test_arguments_in_the_history_are_always_a_json_object() -> None:
    calls = tuple(ToolCall(str(n), "f", text) for n, text in enumerate(["", '{"x":', "[1]", "[" * 3000]))
    sent = body(AssistantMessage(calls))["messages"][0]["tool_calls"]
    arguments = [json.loads(call["function"]["arguments"]) for call in sent]
    assert arguments[:3] == [{}, {"invalid_json": '{"x":'}, {"invalid_json": "[1]"}]


def test_what_a_vendor_attached_to_a_call_goes_back_to_it() -> None:
    extra = {"extra_content": {"google": {"thought_signature": "s"}}}
    sent = body(AssistantMessage((ToolCall("c1", "f", "{}", extra),)))["messages"][0]["tool_calls"][0]
    assert sent["extra_content"] == extra["extra_content"]


def test_what_another_protocol_keeps_with_a_call_does_not_go_to_this_one() -> None:
    call = ToolCall("c1", "f", "{}", {"gemini": {"thoughtSignature": "s"}})
    (sent,) = body(AssistantMessage((call,)))["messages"][0]["tool_calls"]
    assert set(sent) == {"id", "type", "function"}


def test_reasoning_goes_back_in_the_current_tool_loop_only_and_only_where_asked_for() -> None:
    thought = AssistantMessage((ReasoningPart("hm"), CALL))
    history = (UserMessage("a"), thought, ToolMessage("c1", "1"), UserMessage("b"), thought, ToolMessage("c1", "1"))
    assert "reasoning_content" not in json.dumps(body(*history))
    sent = body(*history, quirks={"reasoning": "reasoning_content"})["messages"]
    assert [message.get("reasoning_content") for message in sent] == [None, None, None, None, "hm", None]


def test_reasoning_details_go_back_unchanged() -> None:
    details = [{"type": "reasoning.text", "text": "hm", "signature": "s"}]
    answer = AssistantMessage((ReasoningPart("hm"), CALL, ProviderItem("openai", {"reasoning_details": details})))
    sent = body(answer, quirks={"reasoning": "reasoning_details"})["messages"][0]
    assert sent["reasoning_details"] == details


def test_every_option_is_passed_on() -> None:
    given: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 10,
        "stop": ("a", "b"),
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
        "tool_choice": "required",
        "parallel_tool_calls": False,
    }
    whole = body(UserMessage("hi"), tools=(TOOL,), **given)
    assert {key: whole[key] for key in given} == {**given, "stop": ["a", "b"]}


def test_extra_is_merged_last() -> None:
    whole = body(UserMessage("hi"), temperature=0.5, extra={"temperature": 0.7, "top_k": 3, "stream_options": None})
    assert (whole["temperature"], whole["top_k"], whole["stream_options"]) == (0.7, 3, None)


def test_a_requests_options_win_over_the_models() -> None:
    whole = body(
        UserMessage("hi"), defaults=ModelOptions(temperature=1.0, seed=1, max_tokens=9), max_completion_tokens=5
    )
    assert (whole["max_completion_tokens"], whole["seed"], whole["temperature"]) == (5, 1, 1.0)
    assert "max_tokens" not in whole


def test_the_output_limit_has_the_name_that_the_vendor_knows() -> None:
    whole = body(UserMessage("hi"), quirks={"output_limit": "max_completion_tokens"}, max_tokens=5)
    assert whole["max_completion_tokens"] == 5
    assert "max_tokens" not in whole


def test_tools_are_functions_and_a_choice_by_name_is_one_too() -> None:
    whole = body(UserMessage("hi"), tools=(TOOL,), tool_choice={"name": "f"})
    assert whole["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "does f", "parameters": TOOL.parameters}}
    ]
    assert whole["tool_choice"] == {"type": "function", "function": {"name": "f"}}


def test_without_tools_there_is_no_word_of_tools() -> None:
    whole = body(UserMessage("hi"), tool_choice="auto", parallel_tool_calls=True)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(whole)


def test_lone_surrogates_become_replacement_characters() -> None:
    assert body(UserMessage("a\ud800b"))["messages"][0]["content"] == "a\ufffdb"


def test_what_a_vendor_rejects_is_left_out() -> None:
    assert "seed" not in body(UserMessage("hi"), seed=1, quirks={"without": ["seed"]})


def test_the_key_goes_where_the_vendor_reads_it() -> None:
    request = openai.request(Settings("m", "http://x", "k", quirks={"key_header": "api-key"}), ModelRequest(()))
    assert request.headers["api-key"] == "k"


def test_the_name_of_an_assistant_goes_to_vendors_that_take_it_alone() -> None:
    said = AssistantMessage((TextPart("Hi."),), "ann")
    assert body(said, quirks={"assistant_name": True})["messages"] == [
        {"role": "assistant", "content": "Hi.", "name": "ann"}
    ]
    assert body(said)["messages"] == [{"role": "assistant", "content": "Hi."}]


@given(st.lists(st.sampled_from(HISTORY)))
def test_messages_are_the_same_as_dictionaries(history: list[Message]) -> None:
    structs, dictionaries = (
        openai.request(Settings(model, quirks={"reasoning": "none"}), ModelRequest(tuple(history))).body
        for model in ("m" * 11, "deepseek-v4")  # which demands its thoughts, so that its messages are looked through
    )
    assert structs.replace(b"m" * 11, b"deepseek-v4") == dictionaries


def test_half_a_character_is_replaced_wherever_it_stands() -> None:
    call = ToolCall("c", "f", '{"x":"\ud800"}', {"extra_content": {"y": "\udfff"}})
    messages = body(UserMessage("a\ud800"), AssistantMessage((TextPart("b"), call)), ToolMessage("c", "\ud800"))[
        "messages"
    ]
    assert messages[0] == {"role": "user", "content": "a\ufffd"}
    assert messages[1]["tool_calls"][0]["extra_content"] == {"y": "\ufffd"}
    assert messages[2] == {"role": "tool", "tool_call_id": "c", "content": "\ufffd"}
