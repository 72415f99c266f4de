"""Five stories which every vendor tells in its own bytes.

A vendor is one module here with ``PROVIDER`` (its module), ``SETTINGS``, ``STORIES`` (the bytes of each story by name)
and ``SECOND_STEP``: the body that its ``request`` must make of `SECOND_REQUEST`, which asks for the last story.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from turnstream.events import (
    AssistantMessage,
    Finish,
    ItemAdded,
    ModelEvent,
    ModelOptions,
    ModelRequest,
    ReasoningDelta,
    SystemMessage,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolMessage,
    ToolSpec,
    Usage,
    UsageReport,
    UserMessage,
)

USAGE = UsageReport(Usage(input=10, output=5))

EVENTS: dict[str, list[ModelEvent]] = {
    "text": [TextDelta("Hello, world."), USAGE, Finish("stop")],
    "reasoning": [ReasoningDelta("Six times seven."), TextDelta("It is 42."), USAGE, Finish("stop")],
    "one_tool": [
        ToolCallStart(0, "call00001", "get_weather"),
        ToolCallDelta(0, '{"city":"Paris"}'),
        USAGE,
        Finish("tool_calls"),
    ],
    "two_tools": [
        TextDelta("I look."),
        ToolCallStart(0, "call00001", "get_weather"),
        ToolCallDelta(0, '{"city":"Paris"}'),
        ToolCallStart(1, "call00002", "get_time"),
        ToolCallDelta(1, "{}"),
        USAGE,
        Finish("tool_calls"),
    ],
    "tool_round": [TextDelta("It is 18 °C in Paris."), USAGE, Finish("stop")],
}

WEATHER = ToolSpec(
    "get_weather",
    "The weather in a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
TIME = ToolSpec("get_time", "The time now.")

SECOND_REQUEST = ModelRequest(
    (
        SystemMessage("Answer briefly."),
        UserMessage("What is the weather in Paris, and the time?"),
        AssistantMessage(
            (
                TextPart("I look."),
                ToolCall("call00001", "get_weather", '{"city":"Paris"}'),
                ToolCall("call00002", "get_time", "{}"),
            )
        ),
        ToolMessage("call00001", "18 °C", "get_weather"),
        ToolMessage("call00002", "The clock is broken.", "get_time", is_error=True),
    ),
    (WEATHER, TIME),
    ModelOptions(max_tokens=100),
)


def told(events: Iterable[ModelEvent], *, ids: bool = True) -> list[ModelEvent]:
    """The story of some events: adjacent deltas as one, nothing that only their vendor understands."""
    story: list[ModelEvent] = []
    for event in events:
        match event, story[-1] if story else None:
            case TextDelta(text=text), TextDelta(text=before):
                story[-1] = TextDelta(before + text)
            case ReasoningDelta(text=text), ReasoningDelta(text=before):
                story[-1] = ReasoningDelta(before + text)
            case ToolCallDelta(index=index, arguments=text), ToolCallDelta(index=same, arguments=before) if (
                index == same
            ):
                story[-1] = ToolCallDelta(index, before + text)
            case ItemAdded(), _:
                pass
            case _:
                story.append(event)
    return [_plain(event, ids) for event in story]


def _plain(event: ModelEvent, ids: bool) -> ModelEvent:
    match event:
        case ToolCallStart(index=index, id=ident, name=name):
            return ToolCallStart(index, ident if ids else f"call0000{index + 1}", name)
        case ToolCallDelta(index=index, arguments=arguments):
            return ToolCallDelta(index, msgspec.json.encode(msgspec.json.decode(arguments)).decode())
        case UsageReport(usage=usage):
            return UsageReport(msgspec.structs.replace(usage, raw=None))
        case Finish(reason=reason):
            return Finish(reason)
        case _:
            return event
