"""Request bodies, read leniently where clients differ and strictly where an answer would be wrong."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from turnstream.dialects.base import ClientRequest
from turnstream.dialects.openai_chat import ChatCompletions, Exchange
from turnstream.events import (
    AssistantMessage,
    AudioPart,
    FilePart,
    ImagePart,
    ReasoningPart,
    RequestError,
    RunRequest,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)

HI = [{"role": "user", "content": "hi"}]


def call(body: bytes, **headers: str) -> Exchange:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    decoded = ChatCompletions().decode(ClientRequest(body, id="run1", time=0, headers=names))
    assert isinstance(decoded, Exchange)
    return decoded


def request(
    messages: list[dict[str, Any]] | None = None, headers: dict[str, str] | None = None, **body: Any
) -> RunRequest:
    return call(json.dumps({"messages": messages or HI, **body}).encode(), **(headers or {})).request


def refusal(body: bytes | dict[str, Any], **headers: str) -> RequestError:
    with pytest.raises(RequestError) as caught:
        call(body if isinstance(body, bytes) else json.dumps(body).encode(), **headers)
    assert caught.value.status == 400
    return caught.value


# ------------------------------------------------------------------------------------------------------------- lenient


def test_the_least_body_is_a_message() -> None:
    made = call(json.dumps({"messages": HI}).encode())
    assert made.request == RunRequest((UserMessage("hi"),))
    assert not made.stream


def test_what_orchestrate_sends_is_understood() -> None:
    made = request(
        [
            {"role": "system", "content": "You are …"},
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}],
            },
            {"role": "tool", "content": "done", "tool_call_id": "c1"},
        ],
        stream=True,
        store=True,
        context={"values": [{"key": "tenant", "value": "acme"}]},
        extra_body={"thread_id": "t-1"},
    )
    assert made.messages[2:] == (
        AssistantMessage((ToolCall("c1", "f", '{"a":1}'),)),
        ToolMessage("c1", "done"),
    )
    assert (made.thread_id, made.context, made.agent) == ("t-1", {"tenant": "acme"}, None)


def test_developer_is_system_and_parts_of_text_are_text() -> None:
    made = request([{"role": "developer", "content": [{"type": "text", "text": "Be "}, "brief."]}, *HI])
    assert made.messages[0] == SystemMessage("Be brief.")


def test_images_sound_and_files_pass_through() -> None:
    content = [
        {"type": "text", "text": "See:"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "image_url", "image_url": "https://example.org/a.png"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
        {"type": "file", "file": {"file_id": "f1", "filename": "a.pdf"}},
    ]
    assert request([{"role": "user", "content": content}]).messages == (
        UserMessage(
            (
                TextPart("See:"),
                ImagePart("data:image/png;base64,AA==", "low"),
                ImagePart("https://example.org/a.png"),
                AudioPart("AA==", "mp3"),
                FilePart(None, "f1", "a.pdf"),
            )
        ),
    )


def test_reasoning_text_and_calls_of_an_answer_stay_in_order() -> None:
    message = {
        "role": "assistant",
        "content": "So:",
        "reasoning_content": "Hm.",
        "tool_calls": [{"function": {"name": "f", "arguments": ""}}],
    }
    assert request([*HI, message]).messages[1] == AssistantMessage(
        (ReasoningPart("Hm."), TextPart("So:"), ToolCall("call_1_0", "f", "{}"))
    )


def test_the_old_function_messages_find_each_other() -> None:
    made = request(
        [
            *HI,
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "done"},
        ]
    )
    assert made.messages[1:] == (
        AssistantMessage((ToolCall("call_1_f", "f", "{}"),)),
        ToolMessage("call_1_f", "done", "f"),
    )


def test_the_clients_tools_are_declared() -> None:
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    (spec,) = request(tools=[{"type": "function", "function": function}]).tools
    assert (spec.name, spec.description, spec.parameters, spec.strict) == ("f", "d", {"type": "object"}, True)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("any", "required"),
        ({"type": "function", "function": {"name": "f"}}, {"name": "f"}),
        (None, None),
    ],
)
def test_each_form_of_tool_choice_is_read(given: Any, expected: Any) -> None:
    assert request(tool_choice=given).options.tool_choice == expected


def test_known_parameters_are_options_and_unknown_ones_are_left_out() -> None:
    options = request(temperature=1, stop="END", max_tokens=5, top_k=40, logit_bias={"5": 1}, warp=9).options
    assert (options.temperature, options.stop, options.max_tokens) == (1.0, ("END",), 5)
    assert options.extra == {"top_k": 40, "logit_bias": {"5": 1}}
    assert request(stop=["A", "B"]).options.stop == ("A", "B")


@pytest.mark.parametrize(
    ("headers", "body", "thread"),
    [
        ({"x_ibm_thread_id": "a", "x_thread_id": "b"}, {}, "a"),
        ({"x_thread_id": "b"}, {"thread_id": "c"}, "b"),
        ({"x_openwebui_chat_id": "o"}, {}, "o"),
        ({}, {"thread_id": "c", "metadata": {"thread_id": "m"}}, "c"),
        ({}, {"metadata": {"thread_id": "m"}}, "m"),
        ({}, {"metadata": {"thread_id": 5}}, None),
        ({}, {}, None),
    ],
)
def test_where_a_thread_is_named(headers: dict[str, str], body: dict[str, Any], thread: str | None) -> None:
    assert request(headers=headers, **body).thread_id == thread


def test_the_user_is_the_bodys_or_open_webuis() -> None:
    assert request(user="u").user == "u"
    assert request(user={"id": "u", "name": "U"}).user == "u"
    assert request(headers={"x_openwebui_user_id": "w"}).user == "w"


@pytest.mark.parametrize(
    ("body", "headers", "mode"),
    [
        ({}, {}, "extension"),
        ({"include_status_updates": True}, {"x_agent_status": "off"}, "metadata"),
        ({"include_status_updates": False}, {"x_agent_status": "extension"}, "off"),
        ({}, {"x_agent_status": "Metadata"}, "metadata"),
        ({"include_status_updates": None}, {"x_agent_status": "off"}, "off"),
    ],
)
def test_who_chooses_the_statuses(body: dict[str, Any], headers: dict[str, str], mode: str) -> None:
    assert call(json.dumps({"messages": HI, **body}).encode(), **headers).statuses == mode


def test_half_of_a_surrogate_pair_and_a_byte_order_mark_are_forgiven() -> None:
    body = b'\xef\xbb\xbf{"messages":[{"role":"user","content":"cut \\ud83d"}]}'
    assert call(body).request.messages == (UserMessage("cut \ufffd"),)


def test_ten_thousand_messages_and_a_megabyte_of_text_are_read() -> None:
    many = [{"role": role, "content": "x" * 100} for role in ("user", "assistant") * 5000]
    assert len(request(many).messages) == 10_000
    assert request([{"role": "user", "content": "é" * 1_000_000}]).messages == (UserMessage("é" * 1_000_000),)


# -------------------------------------------------------------------------------------------------------------- strict


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {"role": "user"}}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [*HI, {"role": "wizard"}]}, "messages[1].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "smell"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0].function"),
        ({"messages": HI, "stream": "yes"}, "stream"),
        ({"messages": HI, "temperature": "hot"}, "temperature"),
        ({"messages": HI, "max_tokens": 1.5}, "max_tokens"),
        ({"messages": HI, "model": 5}, "model"),
        ({"messages": HI, "n": 2}, "n"),
        ({"messages": HI, "tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"messages": HI, "tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
        ({"messages": HI, "tool_choice": "maybe"}, "tool_choice"),
        ({"messages": HI, "context": []}, "context"),
        ({"messages": HI, "thread_id": "t" * 513}, "thread_id"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], param: str) -> None:
    error = refusal(body)
    assert error.param == param
    assert param in error.message


def test_a_wrong_status_header_is_named() -> None:
    assert refusal({"messages": HI}, x_agent_status="loud").param == "X-Agent-Status"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"hello",
        b'{"messages": [',
        b'{"messages": NaN}',
        b'{"messages":[{"role":"user","content":"\xff"}]}',
        b'{"messages":[{"role":"user","content":"\xed\xa0\x80"}]}',
        b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"messages":[],"unknown":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"messages":[{"role":"user","content":"x"}],"context":' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}",
        b'{"messages":' + b"1" * 10_000 + b"}",
        b"\x1f\x8b\x08\x00",
    ],
)
def test_a_body_that_is_no_request_is_refused_in_words(body: bytes) -> None:
    assert refusal(body).message.endswith(".")


@given(
    st.one_of(
        st.binary(),
        st.recursive(
            st.none() | st.text() | st.floats() | st.integers(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
@settings(deadline=None, max_examples=200)
def test_no_body_raises_anything_else(body: bytes) -> None:
    for sent in (body, b'{"messages":' + body + b"}", b'{"messages":[{"role":"user","content":' + body + b"}]}"):
        try:
            call(sent)
        except RequestError as error:
            reply = ChatCompletions().error(error, "x")
            assert set(msgspec.json.decode(reply.body)["error"]) == {"message", "type", "param", "code"}


def test_a_long_text_costs_no_more_than_a_short_one() -> None:
    def calls(text: str) -> int:
        body = json.dumps({"messages": [{"role": role, "content": text} for role in ("user", "assistant")]}).encode()
        count = 0

        def see(*_: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(see)
        try:
            ChatCompletions().decode(ClientRequest(body, "run_1", 0.0))
        finally:
            sys.setprofile(None)
        return count

    assert calls("word " * 20_000) == calls("word")
