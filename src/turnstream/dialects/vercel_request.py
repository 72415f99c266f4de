"""The body of a Vercel AI SDK request as a `RunRequest`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from turnstream import asks, jsontext, messages, requests, toolspec
from turnstream.api import vercel as api
from turnstream.dialects import body as bodies, incoming


def run_request(body: api.ChatBody, agent: str | None) -> requests.RunRequest:
    system = (messages.SystemMessage(body.system),) if body.system else ()
    drawn = incoming.Drawn()
    several = [_messages(message, f"messages[{at}]", drawn) for at, message in enumerate(body.messages)]
    conversation = [message for given in several for message in given]
    incoming.require_messages(conversation)
    return incoming.mark_housekeeping(
        requests.RunRequest(
            messages=(*system, *conversation),
            agent=agent,
            tools=tuple(_tools(body.tools)),
            thread_id=incoming.name(body.id, "id"),
            answers=tuple(_answers(body)),
        )
    )


def _answers(body: api.ChatBody) -> Iterator[asks.Answer]:
    """To what was asked in the last message: those in earlier ones have been given."""
    last = body.messages[-1]
    for part in (last.parts or ()) if last.role == "assistant" else ():
        approval = part.approval or {}
        id, approved, reason = approval.get("id"), approval.get("approved"), approval.get("reason")
        if part.state == "approval-responded" and isinstance(id, str) and isinstance(approved, bool):
            words = reason if isinstance(reason, str) else ""
            yield asks.Answer(id, "accept" if approved else "decline", reason=words)


def find_continued(body: api.ChatBody) -> str | None:
    """The id of the assistant's message that the answer continues: after its tools have run in the front end, useChat
    sends the conversation with it at the end, and a new id would make it a second message."""
    last = body.messages[-1]
    return last.id if last.role == "assistant" and last.id else None


def _tools(tools: Sequence[api.Tool] | dict[str, api.Tool] | None) -> Iterator[toolspec.ToolSpec]:
    if isinstance(tools, dict):
        named = [(f"tools.{name}", msgspec.structs.replace(tool, name=name)) for name, tool in tools.items()]
    else:
        named = [(f"tools[{at}]", tool) for at, tool in enumerate(tools or ())]
    for path, tool in named:
        schema = tool.parameters or tool.input_schema
        yield incoming.client_tool(tool.name, tool.description, schema, f"{path}.parameters")


def _messages(message: api.UIMessage, path: str, drawn: incoming.Drawn) -> list[messages.Message]:
    """A message without content is none."""
    parts = message.parts or list(_older_parts(message, path))
    match message.role:
        case "user":
            content = [_content(part) for part in parts if part.type in ("text", "file") and (part.text or part.url)]
            return [messages.UserMessage(drawn.show(tuple(content)))] if content else []
        case "system":
            return [messages.SystemMessage("".join(part.text or "" for part in parts if part.type == "text"))]
        case "assistant":
            files = [_content(part) for part in parts if part.type == "file" and part.url]
            drawn.add(file for file in files if isinstance(file, messages.ImagePart))
            return _steps(parts, path)
        case "data":  # the AI SDK 4's own, never meant for the model
            return []
        case role:
            raise incoming.unknown_role(role, f"{path}.role", "user, assistant or system")


def _older_parts(message: api.UIMessage, path: str) -> Iterator[api.Part]:
    """The parts that the AI SDK 5 would have made of this message, or of one for a model, whose content is a list.
    Calls come before what was said of them."""
    for call in message.tool_invocations or ():
        state = "output-available" if call.state == "result" else "input-available"
        yield api.Part(
            "dynamic-tool",
            tool_call_id=call.tool_call_id,
            tool_name=call.tool_name,
            state=state,
            input=call.args,
            output=call.result,
        )
    if isinstance(message.content, str) and message.content:
        yield api.Part("text", message.content)
    elif isinstance(message.content, list):
        for at, item in enumerate(message.content):
            part = bodies.convert(item, api.Part, f"{path}.content[{at}]")
            if part.type == "image" or (part.type == "file" and part.url is None):
                address = next((item[name] for name in ("image", "data") if isinstance(item.get(name), str)), None)
                part = msgspec.structs.replace(part, type="file", url=address)
            yield part
    for file in message.experimental_attachments or ():
        yield api.Part("file", url=file.url, media_type=file.content_type, filename=file.name)


def _content(part: api.Part) -> messages.ContentPart:
    if part.type == "text":
        return messages.TextPart(part.text or "")
    return incoming.media(part.media_type or "", part.url or "", part.filename)


def _steps(parts: Sequence[api.Part], path: str) -> list[messages.Message]:
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

    for at, part in enumerate(parts):
        if part.type == "step-start" or (part.type == "text" and results):
            end()
        if part.type == "text" and part.text:
            spoken.append(messages.TextPart(part.text))
        elif part.state == "input-streaming":
            continue  # a call that was never whole
        elif part.tool_call_id and (part.type == "dynamic-tool" or part.type.startswith("tool-")):
            name = part.tool_name or part.type.removeprefix("tool-")
            spoken.append(
                messages.ToolCall(part.tool_call_id, name, _arguments(part.input, f"{path}.parts[{at}].input"))
            )
            results += _result(part, part.tool_call_id, name, f"{path}.parts[{at}].output")
    end()
    return conversation


def _arguments(value: Any, path: str) -> str:
    return jsontext.encode(bodies.check_depth(value, path) if isinstance(value, dict) else {}).decode()


def _result(part: api.Part, id: str, name: str, path: str) -> list[messages.Message]:
    if part.state == "output-denied" or (part.approval or {}).get("approved") is False:
        reason = (part.approval or {}).get("reason")
        denied = reason if isinstance(reason, str) and reason else "The call was denied."
        return [messages.ToolMessage(id, denied, name, is_error=True)]
    if part.error_text is not None:
        return [messages.ToolMessage(id, part.error_text, name, is_error=True)]
    if part.state == "output-available":
        output = bodies.check_depth(part.output, path)
        text = output if isinstance(output, str) else jsontext.encode(output).decode()
        return [messages.ToolMessage(id, text, name)]
    return []
