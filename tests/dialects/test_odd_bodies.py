"""Bodies of requests as old SDKs, other vendors' clients and imitators write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from turnstream.dialects.anthropic_messages import AnthropicMessages
from turnstream.dialects.base import ClientRequest, Dialect, Exchange, is_exchange
from turnstream.dialects.openai_chat import ChatCompletions
from turnstream.dialects.openai_responses import Responses
from turnstream.dialects.vercel import Vercel
from turnstream.events import (
    AssistantMessage,
    ClientToolCalls,
    ContentPart,
    FilePart,
    ImagePart,
    Message,
    ReasoningPart,
    RequestError,
    RunFinished,
    RunStarted,
    StepStarted,
    TextPart,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)

USER = {"role": "user", "content": "hi"}
FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {}}}
CUSTOM = {"type": "custom", "custom": {"name": "f", "description": "d", "format": {"type": "text"}}}


def exchange(dialect: Dialect, **body: Any) -> Exchange:
    decoded = dialect.decode(ClientRequest(json.dumps(body).encode(), "run1", 0.0))
    assert is_exchange(decoded)
    return decoded


def chat(**body: Any) -> Exchange:
    return exchange(ChatCompletions(), **{"messages": [USER], **body})


def heard(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return chat(messages=list(messages)).request.messages


def answered(asked: Exchange, *calls: ToolCall) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The choices of the streamed answer, and that of the whole one."""
    batch = (RunStarted("run1", "a"), StepStarted(1), ClientToolCalls(1, calls), RunFinished("tool_calls", Usage(), 1))
    streamed = asked.encoder("a").feed(batch).decode().split("\n\n")
    chunks = [json.loads(line[6:]) for line in streamed if line.startswith("data: {")]
    whole = json.loads(asked.reply("a", batch).body)
    return [choice for chunk in chunks for choice in chunk["choices"]], whole["choices"][0]


# ------------------------------------------------------------------------------------------ functions and custom tools


@pytest.mark.parametrize(("call", "choice"), [("auto", "auto"), ("none", "none"), ({"name": "f"}, {"name": "f"})])
def test_functions_are_tools_and_a_function_call_is_their_choice(call: Any, choice: Any) -> None:
    request = chat(functions=[FUNCTION], function_call=call).request
    assert [tool.name for tool in request.tools] == ["f"]
    assert request.options.tool_choice == choice


def test_who_declares_functions_gets_one_function_call() -> None:
    calls = ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "f", "{}")
    choices, whole = answered(chat(functions=[FUNCTION], stream=True), *calls)
    named = [choice["delta"] for choice in choices if "function_call" in choice["delta"]]
    assert named == [{"function_call": {"name": "f", "arguments": '{"a":1}'}}]
    assert choices[-1]["finish_reason"] == whole["finish_reason"] == "function_call"
    assert whole["message"]["function_call"] == named[0]["function_call"]
    assert not any("tool_calls" in each for each in (whole["message"], *(choice["delta"] for choice in choices)))


def test_beside_tools_functions_are_nothing() -> None:
    asked = chat(functions=[{"name": "g"}], tools=[{"type": "function", "function": FUNCTION}])
    assert [tool.name for tool in asked.request.tools] == ["f"]
    assert answered(asked, ToolCall("c", "f", "{}"))[1]["finish_reason"] == "tool_calls"


def test_a_custom_tool_takes_a_text_and_its_call_goes_back_as_one() -> None:
    asked = chat(tools=[CUSTOM], tool_choice={"type": "custom", "custom": {"name": "f"}})
    assert asked.request.options.tool_choice == {"name": "f"}
    assert asked.request.tools[0].parameters["required"] == ["input"]
    choices, whole = answered(asked, ToolCall("c", "f", '{"input":"x"}'))
    call = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}
    assert whole["message"]["tool_calls"] == [call]
    assert {"tool_calls": [{"index": 0, **call}]} in [choice["delta"] for choice in choices]


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ({"type": "custom", "custom": {"name": "f", "input": "x"}}, {"input": "x"}),
        ({"name": "f", "arguments": {"a": 1}}, {"a": 1}),
        ({"type": "function", "function": {"name": "f", "arguments": [1]}}, [1]),
    ],
)
def test_calls_of_a_history_are_read_in_other_forms(call: Any, arguments: Any) -> None:
    answer = heard(USER, {"role": "assistant", "content": None, "tool_calls": [{"id": "c", **call}]})[1]
    assert isinstance(answer, AssistantMessage)
    (found,) = answer.tool_calls
    assert (found.id, found.name, json.loads(found.arguments)) == ("c", "f", arguments)


def test_a_call_without_a_name_is_not_refused() -> None:
    call = {"id": "c", "type": "function", "function": {"name": None, "arguments": None}}
    answer = heard(USER, {"role": "assistant", "tool_calls": [call]})[1]
    assert answer == AssistantMessage((ToolCall("c", "", "{}"),))


# ------------------------------------------------------------------------------------------------------------- contents


@pytest.mark.parametrize(
    ("content", "read"),
    [({"a": 1}, '{"a":1}'), (42, "42"), (True, "true"), ({"type": "text", "text": "R"}, "R"), ({"type": "x"}, None)],
)
def test_what_a_tool_gave_may_be_any_json(content: Any, read: str | None) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    given = {"role": "tool", "tool_call_id": "c", "content": content}
    result = heard(USER, {"role": "assistant", "tool_calls": [call]}, given)[2]
    assert isinstance(result, ToolMessage)
    assert result.content == read or json.loads(str(result.content)) == content


@pytest.mark.parametrize("content", [5, {"a": 1}])
def test_what_a_user_says_is_a_text_or_parts(content: Any) -> None:
    with pytest.raises(RequestError) as caught:
        heard({"role": "user", "content": content})
    assert (caught.value.param, caught.value.status) == ("messages[0].content", 400)


@pytest.mark.parametrize(
    ("part", "read"),
    [
        ({"type": "image", "image": "data:image/png;base64,AA=="}, ImagePart("data:image/png;base64,AA==")),
        ({"type": "image", "image_url": {"url": "https://e.org/x.png"}}, ImagePart("https://e.org/x.png")),
        (
            {"type": "input_file", "file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"},
            FilePart("data:application/pdf;base64,AA==", None, "a.pdf"),
        ),
        (
            {"type": "file", "file": {"file_data": "JVBERg==", "filename": "a.pdf"}},
            FilePart("data:application/pdf;base64,JVBERg==", None, "a.pdf"),
        ),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="}},
            FilePart("data:application/pdf;base64,AA=="),
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://e.org/a.pdf"}},
            FilePart("https://e.org/a.pdf"),
        ),
    ],
)
def test_parts_of_other_protocols_are_what_they_are(part: Any, read: ContentPart) -> None:
    said = heard({"role": "user", "content": [part]}, {"role": "user", "content": part})
    assert said == (UserMessage((read,)), UserMessage((read,)))


def test_a_document_of_text_is_its_text() -> None:
    part = {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}
    assert heard({"role": "user", "content": [part]}) == (UserMessage("T\n\nwords"),)


@pytest.mark.parametrize("thought", ["mm", {"content": "mm"}, {"thinking": "mm", "signature": "s"}, [{"text": "mm"}]])
@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_of_a_history_may_be_an_object(name: str, thought: Any) -> None:
    answer = heard(USER, {"role": "assistant", "content": "x", name: thought})[1]
    assert answer == AssistantMessage((ReasoningPart("mm"), TextPart("x")))


def test_what_an_answer_said_aloud_is_its_text() -> None:
    answer = heard(USER, {"role": "assistant", "content": None, "audio": {"id": "a", "transcript": "hey"}})[1]
    assert answer == AssistantMessage((TextPart("hey"),))


@pytest.mark.parametrize("given", [{"tool_choice": ""}, {"stop": [None]}, {"stop": None}])
def test_nothing_means_nothing(given: dict[str, Any]) -> None:
    options = chat(**given).request.options
    assert (options.tool_choice, options.stop) == (None, None)


# ---------------------------------------------------------------------------------------------- Responses and Anthropic


def responses(**body: Any) -> Exchange:
    return exchange(Responses(), **{"input": "hi", **body})


@pytest.mark.parametrize("tool", [{"type": "function", "function": FUNCTION}, FUNCTION, {"function": FUNCTION}])
def test_responses_take_the_tools_of_chat_completions(tool: dict[str, Any]) -> None:
    assert [spec.name for spec in responses(tools=[tool]).request.tools] == ["f"]


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ({"type": "function", "function": {"name": "f"}}, {"name": "f"}),
        ({"type": "auto"}, "auto"),
        ({"type": "required"}, "required"),
        ("any", "required"),
    ],
)
def test_responses_take_choices_in_the_words_of_others(given: Any, choice: Any) -> None:
    asked = responses(tools=[{"type": "function", **FUNCTION}], tool_choice=given)
    assert asked.request.options.tool_choice == choice


@pytest.mark.parametrize("type", ["input_image", "image_url"])
def test_responses_take_an_image_in_an_object(type: str) -> None:
    part = {"type": type, "image_url": {"url": "https://e.org/x.png"}}
    (message,) = responses(input=[{"role": "user", "content": [part]}]).request.messages
    assert message.content == (ImagePart("https://e.org/x.png"),)  # type: ignore[union-attr]


def messages(*given: dict[str, Any], **body: Any) -> Exchange:
    return exchange(AnthropicMessages(), **{"max_tokens": 9, "messages": list(given) or [USER], **body})


@pytest.mark.parametrize("content", ["q", ["q"], {"type": "text", "text": "q"}, [{"type": "text", "text": "q"}]])
def test_anthropics_content_may_be_a_text_a_block_or_a_list_of_both(content: Any) -> None:
    asked = messages({"role": "user", "content": content}, system=content).request
    assert [message.content for message in asked.messages] == ["q", "q"]  # type: ignore[union-attr]


@pytest.mark.parametrize("content", ["R", ["R"], {"type": "text", "text": "R"}])
def test_a_result_without_an_id_answers_the_next_open_call(content: Any) -> None:
    calls = [{"type": "tool_use", "name": name, "input": {}} for name in "fg"]
    results = [{"type": "tool_result", "content": content}, {"type": "tool_result", "content": "S"}]
    asked = messages(USER, {"role": "assistant", "content": calls}, {"role": "user", "content": results}).request
    answer, *given = asked.messages[1:]
    assert isinstance(answer, AssistantMessage)
    assert given == [ToolMessage(call.id, said) for call, said in zip(answer.tool_calls, "RS", strict=True)]


def test_a_result_without_an_id_or_a_call_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        messages(USER, {"role": "user", "content": [{"type": "tool_result", "content": "R"}]})
    assert caught.value.param == "messages[1].content[0].tool_use_id"


def test_anthropic_takes_the_tools_and_words_of_chat_completions() -> None:
    tool = {"type": "function", "function": {**FUNCTION, "description": "d"}}
    asked = messages(tools=[tool], tool_choice="auto", stop_sequences="x").request
    assert [(spec.name, spec.description, spec.parameters) for spec in asked.tools] == [
        ("f", "d", FUNCTION["parameters"])
    ]
    assert (asked.options.tool_choice, asked.options.stop) == ("auto", ("x",))


def test_a_thinking_budget_may_be_written_as_a_float() -> None:
    thinking = {"type": "enabled", "budget_tokens": 4096.0}
    assert messages(thinking=thinking).request.options.reasoning_effort == "medium"


def test_mcp_servers_of_a_request_are_left_out_with_a_note() -> None:
    (note,) = messages(mcp_servers=[{"type": "url", "url": "https://e.org", "name": "m"}]).request.notes
    assert "MCP servers" in note
    assert messages(mcp_servers=[]).request.notes == ()


def test_a_wrong_field_within_free_form_parts_is_named_by_its_whole_path() -> None:
    with pytest.raises(RequestError) as caught:
        exchange(
            AnthropicMessages(), max_tokens=5, messages=[{"role": "user", "content": [{"type": "text", "text": 5}]}]
        )
    assert caught.value.param == "messages[0].content[0].text"


def test_an_empty_id_of_a_response_before_is_none() -> None:
    assert len(exchange(Responses(), input="hi", previous_response_id="").request.messages) == 1


def test_messages_for_a_model_are_read_where_those_of_a_page_are_expected() -> None:
    image = {"type": "image", "image": "data:image/png;base64,aGk=", "mediaType": "image/png"}
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, image]}]}
    assert exchange(Vercel(), **body).request.messages == (
        UserMessage((TextPart("hi"), ImagePart("data:image/png;base64,aGk="))),
    )


def test_messages_that_are_all_without_content_are_no_request() -> None:
    with pytest.raises(RequestError) as caught:
        exchange(
            AnthropicMessages(), max_tokens=5, messages=[{"role": "user", "content": [{"type": "text", "text": ""}]}]
        )
    assert caught.value.param == "messages"
