"""The body of an AG-UI request as a `RunRequest`."""

from __future__ import annotations

from typing import Any

from turnstream import errors, messages, requests, toolspec
from turnstream.api import ag_ui as api
from turnstream.dialects import body as bodies
from turnstream.dialects import incoming


def run_request(body: api.RunAgentInput, agent: str | None) -> requests.RunRequest:
    return incoming.mark_housekeeping(
        requests.RunRequest(
            messages=tuple(message for given in body.messages for message in _message(given)),
            agent=agent,
            tools=tuple(_tool(tool, f"tools[{at}]") for at, tool in enumerate(body.tools or ())),
            thread_id=incoming.name(body.thread_id, "threadId"),
            context=_context(body),
        )
    )


def _tool(tool: api.Tool, path: str) -> toolspec.ToolSpec:
    return incoming.client_tool(tool.name, tool.description, tool.parameters, f"{path}.parameters")


def _context(body: api.RunAgentInput) -> dict[str, Any]:
    context: dict[str, Any] = {item.description: item.value for item in body.context or ()}
    for name, value in (("state", body.state), ("forwarded_props", body.forwarded_props)):
        if value is not None:
            context[name] = bodies.bounded(value, name)
    return context


def _message(message: api.Message) -> list[messages.Message]:
    """A message of the history; none for what only a front end shows (activities, reasoning)."""
    match message.role:
        case "user":
            return [messages.UserMessage(_content(message.content), message.name)]
        case "system" | "developer":
            return [messages.SystemMessage(messages.content_text(_content(message.content)))]
        case "assistant":
            parts: list[messages.AssistantPart] = []
            text = messages.content_text(_content(message.content))
            if text:
                parts.append(messages.TextPart(text))
            parts += [
                messages.ToolCall(call.id, call.function.name, call.function.arguments or "{}")
                for call in message.tool_calls or ()
            ]
            return [messages.AssistantMessage(tuple(parts))]
        case "tool":
            content = message.error or _content(message.content)
            return [messages.ToolMessage(message.tool_call_id, content, is_error=message.error is not None)]
        case _:
            return []


def _content(content: str | list[api.Part] | dict[str, Any] | None) -> messages.Content:
    if isinstance(content, list):
        return tuple(_part(part) for part in content)
    return content if isinstance(content, str) else ""


def _part(part: api.Part) -> messages.ContentPart:
    if part.type == "text":
        return messages.TextPart(part.text)
    source = part.source
    if part.type == "binary":  # the form before 1.0
        mime = part.mime_type or "application/octet-stream"
        where = (("url", part.url), ("data", part.data), ("file", part.id))
        source = next((api.PartSource(type, value, mime) for type, value in where if value), None)
    if source is None:
        raise errors.RequestError(f"messages: a part of type '{part.type}' has no source.", param="messages")
    mime = source.mime_type or ""
    url = f"data:{mime};base64,{source.value}" if source.type == "data" else source.value
    if source.type == "file":
        return messages.FilePart(file_id=source.value, filename=part.filename)
    if part.type in ("image", "audio") and not mime.startswith(part.type):
        mime = {"image": "image/*", "audio": "audio/wav"}[part.type]
    return incoming.media(mime, url, part.filename)
