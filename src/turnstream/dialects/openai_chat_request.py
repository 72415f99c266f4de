"""A chat completions body as a `RunRequest`, for every dialect that takes one. What is lenient and what is not:
docs/chat-completions.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from turnstream import errors, messages, requests, toolspec
from turnstream.api import chat_completions as api
from turnstream.dialects import body as bodies
from turnstream.dialects import incoming

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


def run_request(body: api.ChatRequest, headers: Mapping[str, str]) -> requests.RunRequest:
    incoming.require_messages(body.messages)
    if body.n is not None and body.n != 1:
        raise errors.RequestError("n: an agent gives one answer.", param="n", code="unsupported_parameter")
    if body.functions:
        raise errors.RequestError("functions: use 'tools' instead.", param="functions", code="unsupported_parameter")
    return incoming.mark_housekeeping(
        requests.RunRequest(
            messages=read_messages(body.messages),
            agent=body.model or None,
            tools=read_tools(body.tools or ()),
            options=_options(body),
            thread_id=_thread_id(body, headers),
            user=incoming.user(headers, ("user", body.user.get("id") if isinstance(body.user, dict) else body.user)),
            context=_context(body.context),
        )
    )


def _thread_id(body: api.ChatRequest, headers: Mapping[str, str]) -> str | None:
    places = (("metadata", body.metadata), ("extra_body", body.extra_body), ("context", body.context))
    named = ((f"{path}.thread_id", (place or {}).get("thread_id")) for path, place in places)
    return incoming.thread_id(headers, ("thread_id", body.thread_id), *named)


def _context(context: dict[str, Any] | None) -> dict[str, Any]:
    """A mapping, or watsonx Orchestrate's other form of it: ``{"values": [{"key": …, "value": …}]}``."""
    context = incoming.values(context, "context")
    values = context.get("values")
    if len(context) == 1 and isinstance(values, list) and all(isinstance(v, dict) and "key" in v for v in values):
        return {str(item["key"]): item.get("value") for item in values}
    return context


# ---------------------------------------------------------------------------------------------------------- messages


def read_messages(given: Sequence[api.ChatMessage]) -> tuple[messages.Message, ...]:
    legacy: dict[str, str] = {}  # function name → id of its last call, for messages that have no ids
    return tuple(_message(message, f"messages[{index}]", index, legacy) for index, message in enumerate(given))


def _message(message: api.ChatMessage, path: str, index: int, legacy: dict[str, str]) -> messages.Message:
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
            raise incoming.unknown_role(role, f"{path}.role", "user, assistant, system, developer or tool")


def _assistant(message: api.ChatMessage, path: str, index: int, legacy: dict[str, str]) -> list[messages.AssistantPart]:
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
        parts.append(_tool_call(api.MessageToolCall(message.function_call), legacy[name]))
    return parts


def _tool_call(call: api.MessageToolCall, id: str) -> messages.ToolCall:
    return messages.ToolCall(id, call.function.name, _arguments(call.function), call.extra_content)


def _arguments(function: api.Function) -> str:
    if isinstance(function.arguments, dict):
        return msgspec.json.encode(bodies.bounded(function.arguments, "arguments")).decode()
    return function.arguments or "{}"


def _content(content: str | list[api.Part | str] | None, path: str) -> messages.Content:
    if content is None or isinstance(content, str):
        return content or ""
    return incoming.content([_part(part, f"{path}.content[{index}]") for index, part in enumerate(content)])


def _part(part: api.Part | str, path: str) -> messages.ContentPart:
    if isinstance(part, str):
        return messages.TextPart(part)
    match part:
        case api.Part(type="text" | "input_text" | "output_text", text=str(text)):
            return messages.TextPart(text)
        case api.Part(type="refusal", refusal=str(text)):
            return messages.TextPart(text)
        case api.Part(type="image_url" | "input_image", image_url=api.ImageUrl(url=url, detail=detail)):
            return messages.ImagePart(url, detail)
        case api.Part(type="image_url" | "input_image", image_url=str(url)):
            return messages.ImagePart(url)
        case api.Part(type="input_audio", input_audio=audio) if audio is not None:
            return messages.AudioPart(audio.data, audio.format)
        case api.Part(type="file", file=file) if file is not None:
            return messages.FilePart(file.file_data, file.file_id, file.filename)
        case _:
            raise incoming.unsupported_part(part.type, path, "text, image_url, input_audio or file")


# ----------------------------------------------------------------------------------------------- tools and parameters


def read_tools(tools: Sequence[api.Tool]) -> tuple[toolspec.ToolSpec, ...]:
    specs: list[toolspec.ToolSpec] = []
    for index, tool in enumerate(tools):
        path = f"tools[{index}]"
        if tool.type != "function" or tool.function is None:
            message = f"{path}.type: only tools of type 'function' can be declared."
            raise errors.RequestError(message, param=f"{path}.type", code="unsupported_parameter")
        function = tool.function
        where = f"{path}.function.parameters"
        specs.append(
            incoming.client_tool(function.name, function.description, function.parameters, where, function.strict)
        )
    return tuple(specs)


def _options(body: api.ChatRequest) -> requests.ModelOptions:
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
        response_format=bodies.bounded(body.response_format, "response_format"),
        reasoning_effort=body.reasoning_effort,
        tool_choice=_tool_choice(body.tool_choice),
        parallel_tool_calls=body.parallel_tool_calls,
        extra=bodies.bounded(passed, "extra") if passed else None,
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
