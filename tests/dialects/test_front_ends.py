"""AG-UI and the Vercel AI SDK as real front ends speak them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.stories import CLIENTS, STORIES
from turnstream.dialects.ag_ui import AgUi
from turnstream.dialects.base import ClientRequest, Dialect, Exchange, Reply, is_exchange
from turnstream.dialects.openai_chat import ChatCompletions
from turnstream.dialects.vercel import Vercel
from turnstream.events import (
    AssistantMessage,
    ImagePart,
    Message,
    RequestError,
    RunEvent,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)

USER = {"id": "u1", "role": "user", "content": "hi"}
UI_USER = {"id": "u1", "role": "user", "parts": [{"type": "text", "text": "hi"}]}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def decode(dialect: Dialect, body: dict[str, Any]) -> Exchange | Reply:
    request = ClientRequest(json.dumps(body).encode(), "run1", 0.0, {}, {"agent": "a"}, agents={"a": ""})
    decoded = dialect.decode(request)
    assert isinstance(decoded, Reply) or is_exchange(decoded)
    return decoded


def ag_ui(*messages: dict[str, Any], **more: Any) -> Exchange:
    decoded = decode(AgUi(), {"threadId": "t", "runId": "r", "messages": list(messages), **more})
    assert not isinstance(decoded, Reply)
    return decoded


def vercel(*messages: dict[str, Any], **more: Any) -> Exchange:
    decoded = decode(Vercel(), {"id": "c", "messages": list(messages), **more})
    assert not isinstance(decoded, Reply)
    return decoded


def frames(stream: bytes) -> list[dict[str, Any]]:
    found = [frame.removeprefix("data: ") for frame in stream.decode().split("\n\n") if frame]
    return [json.loads(frame) for frame in found if frame != "[DONE]"]


def stream_of(exchange: Exchange, story: list[list[RunEvent]]) -> list[dict[str, Any]]:
    encoder = exchange.encoder("a")
    return frames(b"".join(map(encoder.feed, story)) + encoder.close())


# ------------------------------------------------------------------------------------------------------------ Vercel


def assistant(*parts: dict[str, Any], id: str = "m9") -> dict[str, Any]:
    return {"id": id, "role": "assistant", "parts": [{"type": "step-start"}, *parts]}


def picked(**more: Any) -> dict[str, Any]:
    return {"type": "tool-pick", "toolCallId": "c1", "state": "output-available", "input": {}, "output": "R", **more}


def message_id(*messages: dict[str, Any]) -> str:
    found: str = stream_of(vercel(*messages), STORIES["text"])[0]["messageId"]
    return found


@pytest.mark.parametrize(
    "parts",
    [
        [picked()],
        [picked(state="approval-responded", approval={"id": "x", "approved": True})],
        [picked(state="approval-responded", approval={"id": "x", "approved": False})],
        [picked(), picked(toolCallId="c2")],
        [{"type": "text", "text": "before"}, picked()],
    ],
)
def test_an_answer_that_continues_a_message_has_its_id(parts: list[dict[str, Any]]) -> None:
    assert message_id(UI_USER, assistant(*parts)) == "m9"


def test_an_answer_to_a_user_has_a_new_id() -> None:
    assert message_id(UI_USER) == message_id(UI_USER, assistant(picked()), {**UI_USER, "id": "u2"}) == "msg-run1"


@pytest.mark.parametrize(
    ("tools", "names"),
    [
        ({}, []),
        ({"f": {"description": "d", "parameters": SCHEMA}}, ["f"]),
        ({"f": {}}, ["f"]),
        ([{"name": "f", "parameters": SCHEMA}], ["f"]),
        (None, []),
    ],
)
def test_tools_may_be_an_object_as_assistant_ui_sends_them(tools: Any, names: list[str]) -> None:
    body: dict[str, Any] = {"system": None, "callSettings": {}, "config": {}, "trigger": "submit-message"}
    assert [tool.name for tool in vercel(UI_USER, tools=tools, **body).request.tools] == names


@pytest.mark.parametrize(("system", "count"), [("Be kind.", 1), ("", 0), (None, 0)])
def test_the_front_ends_system_text_stands_before_the_messages(system: Any, count: int) -> None:
    messages = vercel(UI_USER, system=system).request.messages
    assert messages[:count] == (SystemMessage("Be kind."),) * count
    assert len(messages) == count + 1


def test_calls_of_the_ai_sdk_4_keep_their_results() -> None:
    call = {"state": "result", "toolCallId": "c1", "toolName": "f", "args": {"a": 1}, "result": "R"}
    said = {"id": "a", "role": "assistant", "content": "so", "toolInvocations": [call]}
    data = {"id": "d", "role": "data", "content": {"x": 1}}
    assert vercel(UI_USER, said, data, {**UI_USER, "id": "u2"}).request.messages[1:-1] == (
        AssistantMessage((ToolCall("c1", "f", '{"a":1}'),)),
        ToolMessage("c1", "R", "f"),
        AssistantMessage((TextPart("so"),)),
    )


@pytest.mark.parametrize("empty", [{"parts": []}, {"parts": [{"type": "text", "text": None}]}, {"content": ""}])
def test_a_message_without_content_does_not_go_up(empty: dict[str, Any]) -> None:
    assert len(vercel(UI_USER, {"id": "u2", "role": "user", **empty}).request.messages) == 1
    with pytest.raises(RequestError):
        vercel({"id": "u2", "role": "user", **empty})


def test_a_call_of_the_front_end_is_shown_while_it_is_written() -> None:
    found = [frame for frame in stream_of(vercel(UI_USER), STORIES["written_client_tools"]) if "toolCallId" in frame]
    own = [frame for frame in found if frame["toolCallId"] == CLIENTS.id]
    assert [frame["type"] for frame in own] == ["tool-input-start", *["tool-input-delta"] * 2, "tool-input-available"]
    assert "providerExecuted" not in own[0]
    assert own[-1]["input"] == {"room": "kitchen"}


def test_a_malformed_call_ends_as_an_input_error() -> None:
    found = stream_of(vercel(UI_USER), STORIES["written_and_malformed"])
    ends = {frame["toolCallId"]: frame["type"] for frame in found if frame["type"].startswith("tool-")}
    assert ends == {"call_1": "tool-output-error", "call_3": "tool-input-error"}


# ------------------------------------------------------------------------------------------------------------- AG-UI


def test_all_calls_of_a_step_belong_to_one_message() -> None:
    for name in ("parallel_tools", "written_tools", "client_tools", "written_client_tools"):
        starts = [f for f in stream_of(ag_ui(USER), STORIES[name]) if f["type"] == "TOOL_CALL_START"]
        assert len(starts) == 2
        assert len({frame["parentMessageId"] for frame in starts}) == 1


def test_arguments_are_shown_as_they_are_written_and_each_call_ends() -> None:
    found = stream_of(ag_ui(USER), STORIES["written_client_tools"])
    own = [f for f in found if f.get("toolCallId") == CLIENTS.id]
    assert [f["type"] for f in own] == ["TOOL_CALL_START", *["TOOL_CALL_ARGS"] * 2, "TOOL_CALL_END"]
    assert "".join(f["delta"] for f in own[1:3]) == CLIENTS.arguments


def test_a_malformed_call_of_the_client_is_answered_at_once() -> None:
    found = stream_of(ag_ui(USER), STORIES["written_and_malformed"])
    results = [f for f in found if f["type"] == "TOOL_CALL_RESULT"]
    assert {f["toolCallId"] for f in results} == {"call_1", "call_3"}


def test_a_cancelled_run_ends_in_a_form_that_every_client_knows() -> None:
    assert stream_of(ag_ui(USER), STORIES["cancelled"])[-1]["type"] == "RUN_ERROR"


def test_what_the_page_shows_is_for_the_model() -> None:
    context = [{"description": "the cart", "value": '{"items":3}'}, {"description": "page", "value": "/cart"}]
    request = ag_ui(USER, context=context, state={"x": 1}, forwardedProps={"y": 2}).request
    assert 'the cart: {"items":3}' in request.client_context
    assert "- page: /cart" in request.client_context
    assert '"x"' not in request.client_context
    assert request.context["the cart"] == '{"items":3}'
    assert request.messages == (UserMessage("hi"),)


def test_what_the_page_shows_is_bounded_and_may_be_nothing() -> None:
    assert len(ag_ui(USER, context=[{"description": "d", "value": "x" * 100_000}]).request.client_context) <= 32_768
    assert ag_ui(USER, context=[]).request.client_context == ""


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "function", "function": {"name": "f"}}, {"name": "f"}),
        ({"type": "tool", "toolName": "f"}, {"name": "f"}),
        ("required", "required"),
        ("none", "none"),
        ("sometimes", None),
        (7, None),
    ],
)
def test_a_forced_choice_is_the_models(choice: Any, expected: Any) -> None:
    options = ag_ui(USER, forwardedProps={"toolChoice": choice, "temperature": 0.5, "other": [1]}).request.options
    assert (options.tool_choice, options.temperature) == (expected, 0.5)


@pytest.mark.parametrize("roles", [[], ["reasoning"], ["system"]])
def test_a_run_without_messages_asks_nobody(roles: list[str]) -> None:
    messages = [{"id": role, "role": role, "content": "x"} for role in roles]
    reply = decode(AgUi(), {"threadId": "t", "runId": "r", "messages": messages})
    assert isinstance(reply, Reply)
    assert [frame["type"] for frame in frames(reply.body)] == ["RUN_STARTED", "RUN_FINISHED"]


@pytest.mark.parametrize("dialect", [ChatCompletions(), Vercel()])
def test_other_protocols_refuse_an_empty_list(dialect: Dialect) -> None:
    with pytest.raises(RequestError):
        decode(dialect, {"messages": []})


def test_what_other_clients_write_is_not_lost() -> None:
    function = {"name": "f", "arguments": None}
    said: tuple[Message, ...] = ag_ui(
        USER,
        {"id": "a", "role": "assistant", "toolCalls": [{"id": "c1", "type": "function", "function": function}]},
        {"id": "t", "role": "tool", "toolCallId": "c1", "content": {"temperature": 18}},
        {"id": "e", "role": "tool", "toolCallId": "c2", "content": "", "error": "broken"},
        tools=[{"name": "g", "description": None, "parameters": None}],
    ).request.messages
    assert said[1:] == (
        AssistantMessage((ToolCall("c1", "f", "{}"),)),
        ToolMessage("c1", '{"temperature":18}'),
        ToolMessage("c2", "broken", is_error=True),
    )


def test_a_run_that_fails_ends_what_is_open() -> None:
    types = [frame["type"] for frame in stream_of(ag_ui(USER), STORIES["written_and_failed"])]
    assert types.count("TOOL_CALL_START") == types.count("TOOL_CALL_END") == 1
    assert types[-1] == "RUN_ERROR"


def ask(dialect: Dialect, body: dict[str, Any]) -> Exchange:
    decoded = decode(dialect, body)
    assert not isinstance(decoded, Reply)
    return decoded


PNG = "data:image/png;base64,QQ=="


@pytest.mark.parametrize(
    "answer",
    [
        {"content": "Here.", "images": [{"type": "image_url", "image_url": {"url": PNG}}]},
        {"content": [{"type": "text", "text": "Here."}, {"type": "image_url", "image_url": {"url": PNG}}]},
    ],
)
def test_what_the_assistant_drew_is_shown_with_the_users_next_words(answer: dict[str, Any]) -> None:
    said = [
        {"role": "user", "content": "Draw."},
        {"role": "assistant", **answer},
        {"role": "user", "content": "Bluer."},
    ]
    request = ask(ChatCompletions(), {"messages": said}).request
    assert request.messages[1] == AssistantMessage((TextPart("Here."),))
    shown = (TextPart("The assistant's images:"), ImagePart(PNG), TextPart("Bluer."))
    assert request.messages[2] == UserMessage(shown)


def test_what_the_assistant_drew_in_a_chat_of_the_ai_sdk_is_shown_too() -> None:
    drawn = {"type": "file", "mediaType": "image/png", "url": PNG}
    said = [
        {"id": "1", "role": "user", "parts": [{"type": "text", "text": "Draw."}]},
        {"id": "2", "role": "assistant", "parts": [{"type": "text", "text": "Here."}, drawn]},
        {"id": "3", "role": "user", "parts": [{"type": "text", "text": "Bluer."}]},
    ]
    last = ask(Vercel(), {"id": "c", "messages": said}).request.messages[-1]
    assert last == UserMessage((TextPart("The assistant's images:"), ImagePart(PNG), TextPart("Bluer.")))


def test_the_name_of_an_assistant_is_kept() -> None:
    said = [{"role": "assistant", "name": "ann", "content": "Hi."}, {"role": "user", "content": "Hello."}]
    assert ask(ChatCompletions(), {"messages": said}).request.messages[0] == AssistantMessage((TextPart("Hi."),), "ann")
