"""Values with each of their strings changed: arguments of calls, results of tools, events that are whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import msgspec

from turnstream import events, jsontext, messages, toolspec

V = TypeVar("V")
E = TypeVar("E")
Change: TypeAlias = Callable[[str], str]


def change_value(value: V, change: Change) -> V:
    """A JSON value with each of its strings changed, keys included; the same object if none is. What is not JSON
    stays as it is: nobody is shown it."""
    changed: Any = value
    if isinstance(value, str):
        changed = change(value)
    elif isinstance(value, dict):
        changed = {change_value(key, change): change_value(item, change) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        changed = type(value)(change_value(item, change) for item in value)
    same: V = value if changed == value else changed
    return same


def change_arguments(arguments: str, change: Change) -> str:
    """JSON stays JSON: its strings are changed, not its text."""
    decoded = jsontext.decode_object(arguments)
    if decoded is None:
        return change(arguments)
    changed = change_value(decoded, change)
    return arguments if changed is decoded else json.dumps(changed, ensure_ascii=False)


def change_call(call: messages.ToolCall, change: Change) -> messages.ToolCall:
    arguments = change_arguments(call.arguments, change)
    return call if arguments == call.arguments else msgspec.structs.replace(call, arguments=arguments)


def change_calls(message: messages.AssistantMessage, change: Change) -> messages.AssistantMessage:
    """The message with its calls changed; the same object if none is."""
    if not message.tool_calls:
        return message
    parts = tuple(change_call(part, change) if isinstance(part, messages.ToolCall) else part for part in message.parts)
    return message if parts == message.parts else messages.AssistantMessage(parts)


def change_content(content: messages.Content, change: Change) -> messages.Content:
    if isinstance(content, str):
        return change(content)
    return tuple(
        messages.TextPart(change(part.text)) if isinstance(part, messages.TextPart) else part for part in content
    )


def change_output(output: toolspec.ToolOutput, change: Change) -> toolspec.ToolOutput:
    return msgspec.structs.replace(
        output,
        content=change_content(output.content, change),
        data=change_value(output.data, change),
        sources=tuple(change_source(source, change) for source in output.sources),
        shown=None if output.shown is None else change(output.shown),
    )


def change_source(source: toolspec.Source, change: Change) -> toolspec.Source:
    return msgspec.structs.replace(
        source,
        title=change(source.title),
        snippet=change(source.snippet),
        url=None if source.url is None else change(source.url),
    )


def change_event(event: E, change: Change) -> E:
    """An event that is whole."""
    changed: Any = event
    match event:
        case events.ToolCallsDetected(tool_calls=calls) | events.ClientToolCalls(tool_calls=calls):
            changed = msgspec.structs.replace(event, tool_calls=tuple(change_call(call, change) for call in calls))
        case events.ToolResult():
            changed = _change_result(event, change)
        case events.ToolsExecuted(step=step, results=results):
            changed = events.ToolsExecuted(step, tuple(_change_result(result, change) for result in results))
        case events.ToolProgress(message=message):
            changed = msgspec.structs.replace(event, message=change(message))
        case events.HostedToolCall(arguments=arguments):
            changed = msgspec.structs.replace(event, arguments=change_arguments(arguments, change))
        case events.HostedToolResult(content=content):
            changed = msgspec.structs.replace(event, content=change(content))
        case events.SourceFound(source=source):
            changed = msgspec.structs.replace(event, source=change_source(source, change))
        case _:
            pass
    same: E = changed
    return same


def _change_result(result: events.ToolResult, change: Change) -> events.ToolResult:
    call, output = change_call(result.tool_call, change), change_output(result.output, change)
    return msgspec.structs.replace(result, tool_call=call, output=output)
