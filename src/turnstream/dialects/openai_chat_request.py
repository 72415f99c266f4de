"""A chat completions body as a `RunRequest`, for every dialect that takes one. What is lenient and what is not:
docs/chat-completions.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from turnstream import errors, messages, requests, toolspec
from turnstream.api import chat_completions as api
from turnstream.dialects import (
    body as bodies,
    incoming,
    openai_chat_messages,
    openai_responses_input,
    openai_responses_tools,
)

# Parameters that mean nothing to us and something to some models: OpenAI's own words, and those for any vendor.
OPENAI = (
    "verbosity",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "prediction",
)
PASSED_ON = (
    "logit_bias",
    "top_k",
    "min_p",
    "repetition_penalty",
    "chat_template_kwargs",
    "enable_thinking",
    "thinking",
)
_openai, _passed_on = attrgetter(*OPENAI), attrgetter(*PASSED_ON)
_parameters = attrgetter(
    *("temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "presence_penalty"),
    *("frequency_penalty", "response_format", "reasoning_effort", "reasoning", "parallel_tool_calls"),
    *(*OPENAI, *PASSED_ON),
)
_NO_OPTIONS = requests.ModelOptions()


def run_request(body: api.ChatRequest, headers: Mapping[str, str]) -> requests.RunRequest:
    _refuse_unsupported(body)
    old = has_functions(body)
    choice, allowed = _tool_choice(body.function_call if old else body.tool_choice)
    tools = read_functions(body.functions or ()) if old else read_tools(body.tools) if body.tools else ()
    return incoming.mark_housekeeping(
        requests.RunRequest(
            messages=_conversation(body),
            agent=body.model or None,
            tools=tools if allowed is None else incoming.allow_tools(tools, allowed, "tool_choice.allowed_tools.tools"),
            options=_options(body, choice),
            thread_id=_thread_id(body, headers),
            user=incoming.user(headers, ("user", body.user.get("id") if isinstance(body.user, dict) else body.user)),
            context=_context(body.context),
        )
    )


def has_functions(body: api.ChatRequest) -> bool:
    """Whether the client declares its tools as ``functions``, and gets a ``function_call``: OpenAI's words of 2023."""
    return bool(body.functions) and not body.tools


_NOTHING: frozenset[str] = frozenset()


def custom_tools(body: api.ChatRequest) -> frozenset[str]:
    """The names of those that take a text: their calls go back so."""
    if not body.tools:
        return _NOTHING
    return frozenset(_named(tool).name or "" for tool in body.tools if _is_custom(tool))


def _refuse_unsupported(body: api.ChatRequest) -> None:
    """What would not be as asked is refused, never ignored."""
    if body.n is not None and body.n != 1:
        raise errors.RequestError("n: an agent gives one answer.", param="n", code="unsupported_parameter")
    if body.logprobs:
        text = "logprobs: log probabilities are not given."
        raise errors.RequestError(text, param="logprobs", code="unsupported_parameter")


def _conversation(body: api.ChatRequest) -> tuple[messages.Message, ...]:
    if body.messages is None and body.input is not None:
        return openai_responses_input.read(body.input)
    if body.messages is None:
        raise errors.RequestError("messages: this field is required.", param="messages", code="missing_field")
    incoming.require_messages(body.messages)
    return openai_chat_messages.read(body.messages)


def _thread_id(body: api.ChatRequest, headers: Mapping[str, str]) -> str | None:
    if not (body.metadata or body.extra_body or body.context):
        return incoming.thread_id(headers, ("thread_id", body.thread_id))
    places = (("metadata", body.metadata), ("extra_body", body.extra_body), ("context", body.context))
    named = ((f"{path}.thread_id", place.get("thread_id")) for path, place in places if place)
    return incoming.thread_id(headers, ("thread_id", body.thread_id), *named)


def _context(context: dict[str, Any] | None) -> dict[str, Any]:
    """A mapping, or watsonx Orchestrate's other form of it: ``{"values": [{"key": …, "value": …}]}``."""
    if not context:
        return {}
    context = incoming.values(context, "context")
    values = context.get("values")
    if len(context) == 1 and isinstance(values, list) and all(isinstance(v, dict) and "key" in v for v in values):
        return {str(item["key"]): item.get("value") for item in values}
    return context


# ----------------------------------------------------------------------------------------------- tools and parameters


def read_tools(tools: Sequence[api.Tool]) -> tuple[toolspec.ToolSpec, ...]:
    return tuple(_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools))


def read_functions(functions: Sequence[api.FunctionSpec]) -> tuple[toolspec.ToolSpec, ...]:
    numbered = enumerate(functions)
    return tuple(
        incoming.client_tool(each.name, each.description, each.parameters, f"functions[{index}].parameters")
        for index, each in numbered
    )


def _is_custom(tool: api.Tool) -> bool:
    return tool.type == "custom" and tool.function is None and tool.input_schema is None


def _named(tool: api.Tool) -> api.Tool | api.CustomSpec:
    return tool if tool.custom is None else tool.custom


def _tool(tool: api.Tool, path: str) -> toolspec.ToolSpec:
    if _is_custom(tool):
        named, where = _named(tool), f"{path}.custom.parameters"
        schema = openai_responses_tools.CUSTOM_SCHEMA
        return incoming.client_tool(named.name or "", named.description, schema, where)
    if tool.function is not None and tool.type == "function":
        function, inner = tool.function, f"{path}.function.parameters"
        return incoming.client_tool(function.name, function.description, function.parameters, inner, function.strict)
    if tool.name and tool.type in ("function", "custom") and tool.function is None:
        if tool.input_schema is not None:
            where = f"{path}.input_schema"
            return incoming.client_tool(tool.name, tool.description, tool.input_schema, where, tool.strict)
        if tool.type == "function":
            where = f"{path}.parameters"
            return incoming.client_tool(tool.name, tool.description, tool.parameters, where, tool.strict)
    message = f"{path}.type: only tools of type 'function' or 'custom' can be declared."
    raise errors.RequestError(message, param=f"{path}.type", code="unsupported_parameter")


def _options(body: api.ChatRequest, choice: str | dict[str, Any] | None) -> requests.ModelOptions:
    if choice is None and _all_missing(_parameters(body)):  # as in most requests
        return _NO_OPTIONS
    incoming.read_integer(body.top_k, "top_k")
    extra, openai = _given(PASSED_ON, _passed_on(body)), _given(OPENAI, _openai(body))
    if body.top_k is not None:
        extra["top_k"] = int(body.top_k)
    return requests.ModelOptions(
        temperature=body.temperature,
        top_p=body.top_p,
        max_tokens=incoming.read_integer(body.max_tokens, "max_tokens", 1),
        max_completion_tokens=incoming.read_integer(body.max_completion_tokens, "max_completion_tokens", 1),
        stop=incoming.stops(body.stop),
        seed=incoming.read_integer(body.seed, "seed"),
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        response_format=bodies.check_depth(body.response_format, "response_format"),
        reasoning_effort=_effort(body),
        tool_choice=choice,
        parallel_tool_calls=body.parallel_tool_calls,
        extra=bodies.check_depth(extra, "extra") if extra else None,
        openai=bodies.check_depth(openai, "extra") if openai else None,
    )


def _all_missing(values: Sequence[Any]) -> bool:
    return values.count(None) == len(values)


def _given(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _effort(body: api.ChatRequest) -> str | None:
    """OpenAI's own word, else that of OpenRouter's ``reasoning`` object; what that has beside it means nothing here."""
    if body.reasoning_effort:
        return body.reasoning_effort
    effort = body.reasoning.get("effort") if isinstance(body.reasoning, dict) else None
    return effort if isinstance(effort, str) and effort else None


def _tool_choice(choice: str | dict[str, Any] | None) -> tuple[str | dict[str, Any] | None, Sequence[Any] | None]:
    """What the model shall do, and the names that ``allowed_tools`` leaves of the client's tools."""
    match choice:
        case None | "auto" | "none" | "required":
            return choice, None
        case "":
            return None, None
        case "any" | {"type": "any"}:
            return "required", None
        case {"type": "auto" | "none" | "required" as mode}:
            return mode, None
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(tools)}}:
            return mode, [_tool_name(tool) for tool in tools]
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": list(tools)}:
            return mode, [_tool_name(tool) for tool in tools]
        case {"function": {"name": str(name)}} | {"custom": {"name": str(name)}} | {"name": str(name)}:
            return {"name": name}, None
        case _:
            message = "tool_choice: must be 'auto', 'none', 'required', one function or allowed_tools."
            raise errors.RequestError(message, param="tool_choice", code="invalid_value")


def _tool_name(tool: Any) -> Any:
    match tool:
        case {"function": {"name": name}} | {"custom": {"name": name}} | {"name": name}:
            return name
        case _:
            return tool
