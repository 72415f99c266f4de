"""Requests of every kind that an agent makes, to check each vendor's bodies with."""

from __future__ import annotations

import msgspec

from tests.providers.stories import SECOND_REQUEST, TIME, WEATHER
from turnstream.events import (
    AssistantMessage,
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
    UserMessage,
)

PIXEL = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0xLjc="
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "weather": {"type": "object", "properties": {"sky": {"type": "string"}}},
    },
    "required": ["city"],
}


def said(*messages: Message, **options: object) -> ModelRequest:
    return ModelRequest(messages, (), msgspec.convert(options, ModelOptions))


def tooled(*messages: Message, **options: object) -> ModelRequest:
    return ModelRequest(messages, (WEATHER, TIME), msgspec.convert(options, ModelOptions))


ASK = UserMessage("What is the weather?")
CALL = ToolCall("call00001", "get_weather", '{"city":"Paris"}')
RESULT = ToolMessage("call00001", "18 °C")

REQUESTS: dict[str, ModelRequest] = {
    "text": said(ASK),
    "system": said(SystemMessage("Be brief."), SystemMessage("Be kind."), ASK),
    "several user messages in a row": said(ASK, UserMessage("In Paris.")),
    "the assistant begins": said(AssistantMessage((TextPart("Hello. "),)), ASK),
    "an answer to be continued": said(ASK, AssistantMessage((TextPart("It is "),))),
    "blank texts": said(
        UserMessage(""), ASK, AssistantMessage((TextPart(" "), TextPart("Where?"))), UserMessage("Paris")
    ),
    "an image inline": said(UserMessage((TextPart("What is this?"), ImagePart(PIXEL)))),
    "an image alone": said(UserMessage((ImagePart(PIXEL, "low"),))),
    "a PDF inline": said(UserMessage((FilePart(PDF, filename="the report.v2 (final).pdf"), TextPart("Sum it up.")))),
    "tools": tooled(ASK),
    "a tool round": SECOND_REQUEST,
    "a tool round and a user message": tooled(ASK, AssistantMessage((CALL,)), RESULT, UserMessage("And the time?")),
    "two tool rounds": tooled(
        ASK,
        AssistantMessage((CALL,)),
        RESULT,
        AssistantMessage((ToolCall("call00002", "get_time", ""),)),
        ToolMessage("call00002", "12:00"),
    ),
    "the last step, without tools": said(ASK, AssistantMessage((CALL,)), RESULT),
    "odd call ids": tooled(
        ASK,
        AssistantMessage((ToolCall("functions.a:0", "get_time", "{}"), ToolCall("functions a 0", "get_time", "{}"))),
        ToolMessage("functions.a:0", "12:00"),
        ToolMessage("functions a 0", "12:01"),
    ),
    "a tool that gave an image": tooled(
        ASK, AssistantMessage((CALL,)), ToolMessage("call00001", (TextPart("A map"), ImagePart(PIXEL)))
    ),
    "a tool that failed with an image": tooled(
        ASK, AssistantMessage((CALL,)), ToolMessage("call00001", (TextPart("Hm"), ImagePart(PIXEL)), is_error=True)
    ),
    "a tool that gave nothing": tooled(ASK, AssistantMessage((CALL,)), ToolMessage("call00001", "")),
    "another vendor's reasoning": tooled(
        ASK,
        AssistantMessage(
            (
                ReasoningPart("Hm."),
                ProviderItem("another", {"secret": True}),
                TextPart("I look."),
                ToolCall("call00001", "get_weather", '{"city":"Paris"}', {"another": {"id": "x"}}),
            )
        ),
        RESULT,
    ),
    "every option": tooled(
        ASK,
        temperature=0.5,
        max_tokens=4000,
        stop=["END", "STOP"],
        tool_choice="auto",
        parallel_tool_calls=False,
        seed=7,
        presence_penalty=0.5,
        frequency_penalty=0.5,
    ),
    "top_p": said(ASK, top_p=0.9),
    "a forced tool": tooled(ASK, tool_choice={"name": "get_time"}),
    "some tool": tooled(ASK, tool_choice="required"),
    "no tool": tooled(ASK, tool_choice="none"),
    "a schema": said(
        ASK,
        response_format={"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}},
    ),
    "any JSON": said(ASK, response_format={"type": "json_object"}),
    **{
        f"effort {effort}": said(ASK, reasoning_effort=effort) for effort in ("none", "minimal", "low", "high", "xhigh")
    },
    "effort in a foreign tool round": tooled(ASK, AssistantMessage((CALL,)), RESULT, reasoning_effort="high"),
}
WITH_LINKS: dict[str, ModelRequest] = {
    "an image by address": said(
        UserMessage((ImagePart("https://example.com/cat.png?size=1"), TextPart("What is it?")))
    ),
    "a PDF by address": said(UserMessage((FilePart("https://example.com/a.pdf"), TextPart("Sum it up.")))),
}
