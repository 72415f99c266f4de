"""The body of a Vercel AI SDK request as a `RunRequest`."""

from __future__ import annotations

from collections.abc import Sequence

from turnstream import jsontext, messages, requests, toolspec
from turnstream.api import vercel as api
from turnstream.dialects import incoming


def run_request(body: api.ChatBody, agent: str | None) -> requests.RunRequest:
    incoming.require_messages(body.messages)
    conversation = [_messages(message, f"messages[{at}]") for at, message in enumerate(body.messages)]
    return incoming.mark_housekeeping(
        requests.RunRequest(
            messages=tuple(message for several in conversation for message in several),
            agent=agent,
            tools=tuple(_tool(tool, f"tools[{at}]") for at, tool in enumerate(body.tools or ())),
            thread_id=incoming.name(body.id, "id"),
        )
    )


def _tool(tool: api.Tool, path: str) -> toolspec.ToolSpec:
    return incoming.client_tool(tool.name, tool.description, tool.parameters or tool.input_schema, f"{path}.parameters")


def _messages(message: api.UIMessage, path: str) -> list[messages.Message]:
    parts = message.parts or ([api.Part("text", message.content)] if message.content else [])
    match message.role:
        case "user":
            return [messages.UserMessage(tuple(_content(part) for part in parts if part.type in ("text", "file")))]
        case "system":
            return [messages.SystemMessage("".join(part.text for part in parts if part.type == "text"))]
        case "assistant":
            return _steps(parts)
        case role:
            raise incoming.unknown_role(role, f"{path}.role", "user, assistant or system")


def _content(part: api.Part) -> messages.ContentPart:
    if part.type == "text":
        return messages.TextPart(part.text)
    return incoming.media(part.media_type, part.url, part.filename)


def _steps(parts: Sequence[api.Part]) -> list[messages.Message]:
    """One UI message holds all steps of an answer: each becomes an assistant message and its tool messages."""
    conversation: list[messages.Message] = []
    spoken: list[messages.AssistantPart] = []
    results: list[messages.Message] = []

    def end() -> None:
        if spoken:
            conversation.append(messages.AssistantMessage(tuple(spoken)))
        conversation.extend(results)
        spoken.clear()
        results.clear()

    for part in parts:
        if part.type == "step-start" or (part.type == "text" and results):
            end()
        if part.type == "text" and part.text:
            spoken.append(messages.TextPart(part.text))
        elif part.state == "input-streaming":
            continue  # a call that was never whole
        elif part.tool_call_id and (part.type == "dynamic-tool" or part.type.startswith("tool-")):
            name = part.tool_name or part.type.removeprefix("tool-")
            arguments = jsontext.encode(part.input if isinstance(part.input, dict) else {}).decode()
            spoken.append(messages.ToolCall(part.tool_call_id, name, arguments))
            results += _result(part, name)
    end()
    return conversation


def _result(part: api.Part, name: str) -> list[messages.Message]:
    if part.state == "output-denied" or (part.approval or {}).get("approved") is False:
        reason = (part.approval or {}).get("reason")
        denied = reason if isinstance(reason, str) and reason else "The call was denied."
        return [messages.ToolMessage(part.tool_call_id, denied, name, is_error=True)]
    if part.error_text is not None:
        return [messages.ToolMessage(part.tool_call_id, part.error_text, name, is_error=True)]
    if part.state == "output-available":
        text = part.output if isinstance(part.output, str) else jsontext.encode(part.output).decode()
        return [messages.ToolMessage(part.tool_call_id, text, name)]
    return []
