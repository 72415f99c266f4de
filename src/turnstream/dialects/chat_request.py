"""A chat completions body as a `RunRequest`, for every dialect that takes one. What is lenient and what is not:
docs/chat-completions.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from turnstream import errors, messages, requests, toolspec
from turnstream.api.requests import ChatMessage, ChatRequest, Function, ImageUrl, MessageToolCall, Part, Tool
from turnstream.dialects import housekeeping
from turnstream.dialects.body import bounded

THREAD_HEADERS = ("x-ibm-thread-id", "x-thread-id", "x-openwebui-chat-id")
USER_HEADER = "x-openwebui-user-id"

# Parameters that mean nothing to us and something to some models.
PASSED_ON = (
    "logit_bias",
    "top_k",
    "min_p",
    "repetition_penalty",
    "verbosity",
    "service_tier",
    "chat_template_kwargs",
    "enable_thinking",
    "thinking",
)
_MAX_NAME = 512  # characters of a thread id or a user


def run_request(body: ChatRequest, headers: Mapping[str, str]) -> requests.RunRequest:
    if not body.messages:
        raise errors.RequestError(
            "messages: there must be at least one message.", param="messages", code="invalid_value"
        )
    if body.n is not None and body.n != 1:
        raise errors.RequestError("n: an agent gives one answer.", param="n", code="unsupported_parameter")
    if body.functions:
        raise errors.RequestError("functions: use 'tools' instead.", param="functions", code="unsupported_parameter")
    return housekeeping.marked(
        requests.RunRequest(
            messages=read_messages(body.messages),
            agent=body.model or None,
            tools=_tools(body.tools or ()),
            options=_options(body),
            thread_id=thread_id(body, headers),
            user=_user(body, headers),
            context=_context(body.context),
        )
    )


def thread_id(body: ChatRequest, headers: Mapping[str, str]) -> str | None:
    for header in THREAD_HEADERS:
        if headers.get(header):
            return _named(headers[header], header)
    places = (("metadata", body.metadata), ("extra_body", body.extra_body), ("context", body.context))
    for path, place in (("", {"thread_id": body.thread_id}), *places):
        found = (place or {}).get("thread_id")
        if isinstance(found, str) and found:
            return _named(found, f"{path}.thread_id".lstrip("."))
    return None


def _user(body: ChatRequest, headers: Mapping[str, str]) -> str | None:
    user = body.user.get("id") if isinstance(body.user, dict) else body.user
    return _named(user if isinstance(user, str) else None, "user") or headers.get(USER_HEADER) or None


def _named(value: str | None, path: str) -> str | None:
    if value is not None and len(value) > _MAX_NAME:
        raise errors.RequestError(f"{path}: longer than {_MAX_NAME} characters.", param=path, code="invalid_value")
    return value


def _context(context: dict[str, Any] | None) -> dict[str, Any]:
    """A mapping, or watsonx Orchestrate's other form of it: ``{"values": [{"key": …, "value": …}]}``."""
    if not context:
        return {}
    bounded(context, "context")
    values = context.get("values")
    if len(context) == 1 and isinstance(values, list) and all(isinstance(v, dict) and "key" in v for v in values):
        return {str(item["key"]): item.get("value") for item in values}
    return context


# ---------------------------------------------------------------------------------------------------------- messages


def read_messages(given: Sequence[ChatMessage]) -> tuple[messages.Message, ...]:
    legacy: dict[str, str] = {}  # function name → id of its last call, for messages that have no ids
    return tuple(_message(message, f"messages[{index}]", index, legacy) for index, message in enumerate(given))


def _message(message: ChatMessage, path: str, index: int, legacy: dict[str, str]) -> messages.Message:
    match message.role:
        case "user":
            return messages.UserMessage(_content(message.content, path), message.name)
        case "system" | "developer":
            return messages.SystemMessage(messages.content_text(_content(message.content, path)))
        case "assistant":
            return messages.AssistantMessage(tuple(_assistant(message, path, index, legacy)))
        case "tool":
            if not message.tool_call_id:
                where = f"{path}.tool_call_id"
                raise errors.RequestError(f"{where}: a tool message needs it.", param=where, code="missing_field")
            return messages.ToolMessage(message.tool_call_id, _content(message.content, path), message.name or "")
        case "function":
            name = message.name or ""
            return messages.ToolMessage(legacy.get(name, f"call_{name}"), _content(message.content, path), name)
        case role:
            where = f"{path}.role"
            known = "user, assistant, system, developer or tool"
            raise errors.RequestError(f"{where}: '{role[:50]}' is none of {known}.", param=where, code="invalid_value")


def _assistant(message: ChatMessage, path: str, index: int, legacy: dict[str, str]) -> list[messages.AssistantPart]:
    parts: list[messages.AssistantPart] = []
    reasoning = message.reasoning_content or message.reasoning
    if reasoning:
        parts.append(messages.ReasoningPart(reasoning))
    text = messages.content_text(_content(message.content, path)) or message.refusal
    if text:
        parts.append(messages.TextPart(text))
    for number, call in enumerate(message.tool_calls or ()):
        parts.append(_tool_call(call, call.id or f"call_{index}_{number}"))
    if message.function_call is not None:
        name = message.function_call.name
        legacy[name] = f"call_{index}_{name}"
        parts.append(_tool_call(MessageToolCall(message.function_call), legacy[name]))
    return parts


def _tool_call(call: MessageToolCall, id: str) -> messages.ToolCall:
    return messages.ToolCall(id, call.function.name, _arguments(call.function), call.extra_content)


def _arguments(function: Function) -> str:
    if isinstance(function.arguments, dict):
        return msgspec.json.encode(bounded(function.arguments, "arguments")).decode()
    return function.arguments or "{}"


def _content(content: str | list[Part | str] | None, path: str) -> messages.Content:
    if content is None or isinstance(content, str):
        return content or ""
    parts = tuple(_part(part, f"{path}.content[{index}]") for index, part in enumerate(content))
    if all(isinstance(part, messages.TextPart) for part in parts):
        return messages.content_text(parts)
    return parts


def _part(part: Part | str, path: str) -> messages.ContentPart:
    if isinstance(part, str):
        return messages.TextPart(part)
    match part:
        case Part(type="text" | "input_text" | "output_text", text=str(text)):
            return messages.TextPart(text)
        case Part(type="refusal", refusal=str(text)):
            return messages.TextPart(text)
        case Part(type="image_url" | "input_image", image_url=ImageUrl(url=url, detail=detail)):
            return messages.ImagePart(url, detail)
        case Part(type="image_url" | "input_image", image_url=str(url)):
            return messages.ImagePart(url)
        case Part(type="input_audio", input_audio=audio) if audio is not None:
            return messages.AudioPart(audio.data, audio.format)
        case Part(type="file", file=file) if file is not None:
            return messages.FilePart(file.file_data, file.file_id, file.filename)
        case _:
            known = "text, image_url, input_audio or file with its content"
            raise errors.RequestError(f"{path}: '{part.type[:50]}' is no {known}.", param=path, code="invalid_value")


# ----------------------------------------------------------------------------------------------- tools and parameters


def _tools(tools: Sequence[Tool]) -> tuple[toolspec.ToolSpec, ...]:
    specs: list[toolspec.ToolSpec] = []
    for index, tool in enumerate(tools):
        path = f"tools[{index}]"
        if tool.type != "function" or tool.function is None:
            message = f"{path}.type: only tools of type 'function' can be declared."
            raise errors.RequestError(message, param=f"{path}.type", code="unsupported_parameter")
        function = tool.function
        if not function.name:
            where = f"{path}.function.name"
            raise errors.RequestError(f"{where}: must not be empty.", param=where, code="invalid_value")
        parameters = bounded(function.parameters, f"{path}.function.parameters")
        specs.append(
            toolspec.ToolSpec(
                function.name,
                function.description or "",
                parameters or {"type": "object", "properties": {}},
                function.strict,
                source="client",
            )
        )
    return tuple(specs)


def _options(body: ChatRequest) -> requests.ModelOptions:
    passed = {name: value for name in PASSED_ON if (value := getattr(body, name)) is not None}
    return requests.ModelOptions(
        temperature=body.temperature,
        top_p=body.top_p,
        max_tokens=body.max_tokens,
        max_completion_tokens=body.max_completion_tokens,
        stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop) if body.stop else None,
        seed=body.seed,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        response_format=bounded(body.response_format, "response_format"),
        reasoning_effort=body.reasoning_effort,
        tool_choice=_tool_choice(body.tool_choice),
        parallel_tool_calls=body.parallel_tool_calls,
        extra=bounded(passed, "extra") if passed else None,
    )


def _tool_choice(choice: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    match choice:
        case None | "auto" | "none" | "required":
            return choice
        case "any":
            return "required"
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return {"name": name}
        case _:
            message = "tool_choice: must be 'auto', 'none', 'required' or one function."
            raise errors.RequestError(message, param="tool_choice", code="invalid_value")
