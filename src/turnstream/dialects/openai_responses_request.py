"""The body of an OpenAI Responses request as a `RunRequest`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from turnstream import errors, jsontext, messages, requests, toolspec
from turnstream.api import responses as api
from turnstream.dialects import body as bodies
from turnstream.dialects import incoming


def run_request(body: api.ResponsesRequest, headers: Mapping[str, str]) -> requests.RunRequest:
    """Its messages are those of the request alone. Raises `RequestError`."""
    if body.background:
        raise errors.RequestError("background: is not supported.", param="background", code="unsupported_parameter")
    given = conversation_of(body.input)
    if not given and body.previous_response_id is None:
        raise errors.RequestError("input: there must be at least one item.", param="input", code="invalid_value")
    instructions = (messages.SystemMessage(body.instructions),) if body.instructions else ()
    metadata = body.metadata or {}
    return incoming.mark_housekeeping(
        requests.RunRequest(
            messages=(*instructions, *given),
            agent=body.model or None,
            tools=_tools(body.tools or ()),
            options=_options(body),
            thread_id=incoming.thread_id(
                headers, ("conversation", conversation(body)), ("metadata.thread_id", metadata.get("thread_id"))
            ),
            user=incoming.user(headers, ("user", body.user), ("safety_identifier", body.safety_identifier)),
            context=incoming.values(metadata),
        )
    )


def conversation_of(given: str | Sequence[api.InputItem]) -> tuple[messages.Message, ...]:
    return (messages.UserMessage(given),) if isinstance(given, str) else tuple(read_messages(given))


def conversation(body: api.ResponsesRequest) -> str | None:
    """The id of the conversation that the server keeps."""
    given = body.conversation.get("id") if isinstance(body.conversation, dict) else body.conversation
    return incoming.name(given, "conversation")


def read_messages(items: Sequence[api.InputItem]) -> list[messages.Message]:
    """Calls that follow each other, or an assistant's text, are one assistant message."""
    conversation: list[messages.Message] = []
    for index, item in enumerate(items):
        match item.type or "message":
            case "message":
                conversation.append(_message(item, f"input[{index}]"))
            case "function_call":
                call = messages.ToolCall(item.call_id, item.name, item.arguments or "{}")
                last = conversation[-1] if conversation else None
                if isinstance(last, messages.AssistantMessage):
                    conversation[-1] = messages.AssistantMessage((*last.parts, call))
                else:
                    conversation.append(messages.AssistantMessage((call,)))
            case "function_call_output":
                conversation.append(messages.ToolMessage(item.call_id, _content(item.output, f"input[{index}].output")))
            case _:  # reasoning, hosted tools' items: their vendor is not ours to speak for
                pass
    return conversation


def _message(item: api.InputItem, path: str) -> messages.Message:
    content = _content(item.content, f"{path}.content")
    match item.role:
        case "user" | None:
            return messages.UserMessage(content)
        case "system" | "developer":
            return messages.SystemMessage(messages.content_text(content))
        case "assistant":
            text: tuple[messages.AssistantPart, ...] = (messages.TextPart(messages.content_text(content)),)
            return messages.AssistantMessage(text)
        case role:
            raise incoming.unknown_role(role, f"{path}.role", "user, assistant, system or developer")


def _content(content: str | list[api.InputPart] | dict[str, Any] | None, path: str) -> messages.Content:
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, dict):  # no form of the protocol, but a result that a client might send
        return jsontext.encode(bodies.bounded(content, path)).decode()
    return incoming.content([_part(part, f"{path}[{index}]") for index, part in enumerate(content)])


def _part(part: api.InputPart, path: str) -> messages.ContentPart:
    match part.type:
        case "input_text" | "output_text" | "text":
            return messages.TextPart(part.text)
        case "refusal":
            return messages.TextPart(part.refusal)
        case "input_image" if part.image_url is not None:
            return messages.ImagePart(part.image_url, part.detail)
        case "input_image" | "input_file" if part.file_data or part.file_url or part.file_id:
            return messages.FilePart(part.file_data or part.file_url, part.file_id, part.filename)
        case "input_audio" if part.input_audio is not None:
            return messages.AudioPart(part.input_audio.get("data", ""), part.input_audio.get("format", "wav"))
        case kind:
            raise incoming.unsupported_part(kind, path, "input_text, input_image, input_file or input_audio")


def _tools(tools: Sequence[api.FunctionTool]) -> tuple[toolspec.ToolSpec, ...]:
    specs = []
    for index, tool in enumerate(tools):
        path = f"tools[{index}]"
        if tool.type != "function" or not tool.name:
            message = f"{path}.type: only tools of type 'function', with a name, can be declared."
            raise errors.RequestError(message, param=f"{path}.type", code="unsupported_parameter")
        where = f"{path}.parameters"
        specs.append(incoming.client_tool(tool.name, tool.description, tool.parameters, where, tool.strict))
    return tuple(specs)


def _options(body: api.ResponsesRequest) -> requests.ModelOptions:
    effort = (body.reasoning or {}).get("effort")
    return requests.ModelOptions(
        temperature=body.temperature,
        top_p=body.top_p,
        max_completion_tokens=body.max_output_tokens,
        response_format=_format((body.text or {}).get("format")),
        reasoning_effort=effort if isinstance(effort, str) else None,
        tool_choice=_tool_choice(body.tool_choice),
        parallel_tool_calls=body.parallel_tool_calls,
    )


def _tool_choice(choice: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    """Of the tools that ``allowed_tools`` names, the mode is kept: which the model may see is the agent's to say."""
    match choice:
        case None | "auto" | "none" | "required":
            return choice
        case {"type": "function", "name": str(name)} if name:
            return {"name": name}
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode}:
            return str(mode)
        case _:
            text = "tool_choice: must be 'auto', 'none', 'required', one function or allowed_tools."
            raise errors.RequestError(text, param="tool_choice", code="invalid_value")


def _format(format: Any) -> dict[str, Any] | None:
    """``text.format`` as chat completions' ``response_format``, which has the schema one level further down."""
    if not isinstance(format, dict) or format.get("type") in (None, "text"):
        return None
    bodies.bounded(format, "text.format")
    if format["type"] != "json_schema":
        return {"type": format["type"]}
    inner = {key: value for key, value in format.items() if key != "type"}
    return {"type": "json_schema", "json_schema": inner}
