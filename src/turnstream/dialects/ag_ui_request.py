"""The body of an AG-UI request as a `RunRequest`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from turnstream import asks, errors, jsontext, messages, requests, text, toolspec
from turnstream.api import ag_ui as api
from turnstream.dialects import body as bodies, incoming

_MOST_CONTEXT = 32_768  # characters of what the page shows; a longer value is cut


def run_request(body: api.RunAgentInput, agent: str | None) -> requests.RunRequest:
    conversation = [_message(message, f"messages[{at}]") for at, message in enumerate(body.messages)]
    return incoming.mark_housekeeping(
        requests.RunRequest(
            messages=tuple(message for several in conversation for message in several),
            agent=agent,
            tools=tuple(_tool(tool, f"tools[{at}]") for at, tool in enumerate(body.tools or ())),
            options=_options(body.forwarded_props),
            thread_id=incoming.name(body.thread_id, "threadId"),
            context=_context(body),
            client_context=_describe_context(body.context or ()),
            answers=tuple(_answer(entry) for entry in body.resume or ()),
        )
    )


def raw_messages(body: bytes) -> list[dict[str, Any]]:
    """The messages of a request as its client wrote them."""
    given: list[dict[str, Any]] = msgspec.json.decode(body)["messages"]
    return given


def show(message: messages.AssistantMessage, id: str) -> dict[str, Any]:
    """An answer as a message of the history."""
    texts = [part.text for part in message.parts if isinstance(part, messages.TextPart)]
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
        for call in message.parts
        if isinstance(call, messages.ToolCall)
    ]
    shown: dict[str, Any] = {"id": id, "role": "assistant"}
    if texts:
        shown["content"] = "".join(texts)
    if calls:
        shown["toolCalls"] = calls
    return shown


def _answer(entry: api.ResumeEntry) -> asks.Answer:
    """``payload`` is what the interrupt's schema asks for; for an approval a bare true or false will do."""
    payload = bodies.check_depth(entry.payload, "resume")
    if entry.status != "resolved":
        return asks.Answer(entry.interrupt_id, "cancel")
    if isinstance(payload, bool):
        return asks.Answer(entry.interrupt_id, "accept" if payload else "decline")
    if isinstance(payload, dict) and isinstance(approved := payload.get("approved"), bool):
        reason = payload.get("reason")
        words = reason if isinstance(reason, str) else ""
        action: Literal["accept", "decline"] = "accept" if approved else "decline"
        return asks.Answer(entry.interrupt_id, action, payload.get("arguments"), reason=words)
    return asks.Answer(entry.interrupt_id, "accept", payload)


def _tool(tool: api.Tool, path: str) -> toolspec.ToolSpec:
    return incoming.client_tool(tool.name, tool.description, tool.parameters, f"{path}.parameters")


def _context(body: api.RunAgentInput) -> dict[str, Any]:
    """For tools."""
    context: dict[str, Any] = {item.description: item.value for item in body.context or ()}
    for name, value in (("state", body.state), ("forwarded_props", body.forwarded_props)):
        if value is not None:
            context[name] = bodies.check_depth(value, name)
    bodies.check_depth(context, "context")
    return context


def _describe_context(context: Sequence[api.Context]) -> str:
    """For the model. CopilotKit's hooks and assistant-ui promise that it sees it."""
    if not context:
        return ""
    lines = [f"- {item.description}: {_text(item.value)}" for item in context]
    return text.excerpt(
        "\n".join(("What the user's page shows, which is not said by the user:", *lines)), _MOST_CONTEXT
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else jsontext.encode(value).decode()


def _options(given: Any) -> requests.ModelOptions:
    """``forwardedProps`` in the words of CopilotKit and the AI SDK; anything else there changes nothing."""
    given = given if isinstance(given, dict) else {}
    stops = given.get("stopSequences")
    return requests.ModelOptions(
        temperature=_number(given.get("temperature")),
        top_p=_number(given.get("topP")),
        max_completion_tokens=_integer(given.get("maxOutputTokens"), 1),
        seed=_integer(given.get("seed")),
        stop=incoming.stops([stop for stop in stops if isinstance(stop, str)]) if isinstance(stops, list) else None,
        tool_choice=_tool_choice(given.get("toolChoice")),
    )


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _integer(value: Any, least: int | None = None) -> int | None:
    number = _number(value)
    return None if number is None or number != int(number) else incoming.read_integer(number, "forwardedProps", least)


def _tool_choice(choice: Any) -> str | dict[str, Any] | None:
    match choice:
        case "auto" | "none" | "required":
            return str(choice)
        case {"type": "auto" | "none" | "required" as mode}:
            return str(mode)
        case {"function": {"name": str(name)}} | {"toolName": str(name)} | {"type": "function", "name": str(name)}:
            return {"name": name}
        case _:
            return None


def _message(message: api.Message, path: str) -> list[messages.Message]:
    """A message of the history; none for what only a front end shows (activities, reasoning)."""
    match message.role:
        case "user":
            return [messages.UserMessage(_content(message.content, path), message.name)]
        case "system" | "developer":
            return [messages.SystemMessage(messages.content_text(_content(message.content, path)))]
        case "assistant":
            said = messages.content_text(_content(message.content, path))
            parts: list[messages.AssistantPart] = [messages.TextPart(said)] if said else []
            for call in message.tool_calls or ():
                arguments = incoming.arguments(call.function.arguments, f"{path}.toolCalls")
                parts.append(messages.ToolCall(call.id, call.function.name, arguments))
            return [messages.AssistantMessage(tuple(parts))]
        case "tool":
            content = message.error or _content(message.content, path)
            return [messages.ToolMessage(message.tool_call_id or "", content, is_error=bool(message.error))]
        case _:
            return []


def _content(content: Any, path: str) -> messages.Content:
    """A text or parts; whatever else a client writes is shown as it is."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list) and all(isinstance(part, dict) and "type" in part for part in content):
        parts = [bodies.convert(part, api.Part, f"{path}.content[{at}]") for at, part in enumerate(content)]
        return incoming.content([_part(part) for part in parts])
    return jsontext.encode(bodies.check_depth(content, f"{path}.content")).decode()


def _part(part: api.Part) -> messages.ContentPart:
    if part.type == "text":
        return messages.TextPart(part.text or "")
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
