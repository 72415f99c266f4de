"""The body of an OpenAI Responses request as a `RunRequest`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from turnstream import errors, messages, requests, toolspec
from turnstream.dialects import housekeeping
from turnstream.dialects.base import json
from turnstream.dialects.body import bounded
from turnstream.dialects.chat_request import THREAD_HEADERS, USER_HEADER


class InputPart(Struct):
    type: str
    text: str = ""
    refusal: str = ""
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    input_audio: dict[str, str] | None = None


class InputItem(Struct):
    """One item of ``input``; which members count depends on ``type``, and a message may leave that out."""

    type: str | None = None
    id: str | None = None
    role: str | None = None
    content: str | list[InputPart] | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: str | list[InputPart] | dict[str, Any] | None = None


class FunctionTool(Struct):
    type: str
    name: str = ""
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ResponsesRequest(Struct):
    """What ``POST /v1/responses`` takes. Unknown members are ignored."""

    input: str | list[InputItem]
    model: str | None = None
    instructions: str | None = None
    stream: bool | None = None
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    text: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    user: str | None = None
    background: bool | None = None
    store: bool | None = None
    safety_identifier: str | None = None


def run_request(
    body: ResponsesRequest, headers: Mapping[str, str], before: Sequence[messages.Message]
) -> requests.RunRequest:
    """``before`` is the conversation that ``previous_response_id`` stands for. Raises `RequestError`."""
    if body.background:
        raise errors.RequestError("background: is not supported.", param="background", code="unsupported_parameter")
    said = (messages.UserMessage(body.input),) if isinstance(body.input, str) else tuple(read_messages(body.input))
    if not said and not before:
        raise errors.RequestError("input: there must be at least one item.", param="input", code="invalid_value")
    instructions = (messages.SystemMessage(body.instructions),) if body.instructions else ()
    return housekeeping.marked(
        requests.RunRequest(
            messages=(*instructions, *before, *said),
            agent=body.model or None,
            tools=_tools(body.tools or ()),
            options=_options(body),
            thread_id=_thread(body, headers),
            user=body.user or body.safety_identifier or headers.get(USER_HEADER) or None,
            context=dict(bounded(body.metadata, "metadata")) if body.metadata else {},
        )
    )


def read_messages(items: Sequence[InputItem]) -> list[messages.Message]:
    """Calls that follow each other, or an assistant's text, are one assistant message."""
    made: list[messages.Message] = []
    for index, item in enumerate(items):
        match item.type or "message":
            case "message":
                made.append(_message(item, f"input[{index}]"))
            case "function_call":
                call = messages.ToolCall(item.call_id, item.name, item.arguments or "{}")
                last = made[-1] if made else None
                if isinstance(last, messages.AssistantMessage):
                    made[-1] = messages.AssistantMessage((*last.parts, call))
                else:
                    made.append(messages.AssistantMessage((call,)))
            case "function_call_output":
                made.append(messages.ToolMessage(item.call_id, _content(item.output, f"input[{index}].output")))
            case _:  # reasoning, hosted tools' items: their vendor is not ours to speak for
                pass
    return made


def _message(item: InputItem, path: str) -> messages.Message:
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
            where = f"{path}.role"
            known = "user, assistant, system or developer"
            raise errors.RequestError(f"{where}: '{role}' is none of {known}.", param=where, code="invalid_value")


def _content(content: str | list[InputPart] | dict[str, Any] | None, path: str) -> messages.Content:
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, dict):  # no form of the protocol, but a result that a client might send
        return json(bounded(content, path)).decode()
    parts = tuple(_part(part, f"{path}[{index}]") for index, part in enumerate(content))
    return messages.content_text(parts) if all(isinstance(part, messages.TextPart) for part in parts) else parts


def _part(part: InputPart, path: str) -> messages.ContentPart:
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
            message = f"{path}: '{kind}' is no input_text, input_image, input_file or input_audio with its content."
            raise errors.RequestError(message, param=path, code="invalid_value")


def _tools(tools: Sequence[FunctionTool]) -> tuple[toolspec.ToolSpec, ...]:
    made = []
    for index, tool in enumerate(tools):
        path = f"tools[{index}]"
        if tool.type != "function" or not tool.name:
            message = f"{path}.type: only tools of type 'function', with a name, can be declared."
            raise errors.RequestError(message, param=f"{path}.type", code="unsupported_parameter")
        schema = {} if tool.parameters is None else {"parameters": bounded(tool.parameters, f"{path}.parameters")}
        made.append(toolspec.ToolSpec(tool.name, tool.description or "", strict=tool.strict, source="client", **schema))
    return tuple(made)


def _options(body: ResponsesRequest) -> requests.ModelOptions:
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
    bounded(format, "text.format")
    if format["type"] != "json_schema":
        return {"type": format["type"]}
    inner = {key: value for key, value in format.items() if key != "type"}
    return {"type": "json_schema", "json_schema": inner}


def _thread(body: ResponsesRequest, headers: Mapping[str, str]) -> str | None:
    """The header's thread, the conversation, or ``metadata.thread_id``."""
    conversation = body.conversation
    if isinstance(conversation, dict):
        conversation = conversation.get("id")
    header = next(filter(None, map(headers.get, THREAD_HEADERS)), None)
    named = header or conversation or (body.metadata or {}).get("thread_id")
    return str(named)[:512] if named else None
