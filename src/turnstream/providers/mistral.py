"""Mistral's chat completions (https://docs.mistral.ai/api, "Chat"): OpenAI's shape with rules of its own.

Call ids are nine letters and digits; a user message never follows a tool message; content may be typed parts, in both
directions. Quirks: ``thinking`` says whether the model's thinking goes back to it (by default, for Magistral models and
where a reasoning effort is set).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from turnstream import errors, messages, requests, toolspec
from turnstream.prompts.families import short_id
from turnstream.providers import base
from turnstream.providers.decode import chat_stream
from turnstream.providers.encode import model_rules, translate

NAME = "mistral"
BASE_URL = "https://api.mistral.ai/v1"

_BETWEEN = "OK."  # what the assistant is taken to have said between a tool's result and the user


def settings(given: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """Raises `ConfigurationError` without a key."""
    key = given.api_key or environ.get("MISTRAL_API_KEY")
    if not key and "authorization" not in given.headers:
        raise errors.ConfigurationError(f"The model mistral:{given.model} needs a key: set MISTRAL_API_KEY.")
    base_url = given.base_url or environ.get("MISTRAL_BASE_URL") or BASE_URL
    return msgspec.structs.replace(given, api_key=key, base_url=base_url.rstrip("/"))


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    """Raises `RequestError` for content that the vendor does not take."""
    notes: list[str] = []
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    if settings.api_key:
        headers["authorization"] = f"Bearer {settings.api_key}"
    body = translate.encode(_body(settings, model_request, notes))
    url = (settings.base_url or BASE_URL) + "/chat/completions"
    return base.HttpRequest("POST", url, headers | settings.headers, body, tuple(notes))


class Decoder(chat_stream.Decoder):
    """Chat completions; ``p``, which only pads the chunks, is not read."""

    provider = NAME


def _body(settings: base.Settings, model_request: requests.ModelRequest, notes: list[str]) -> dict[str, Any]:
    options = translate.options_of(settings, model_request)
    thinks = settings.quirks.get("thinking", "magistral" in settings.model or options.reasoning_effort is not None)
    payload: dict[str, Any] = {
        "model": settings.model,
        "messages": _messages(model_request.messages, thinks=bool(thinks)),
        "stream": True,
    }
    if model_request.tools:
        payload["tools"] = [_tool(spec) for spec in model_request.tools]
        if (choice := _choice(options)) is not None:
            payload["tool_choice"] = choice
        if options.parallel_tool_calls is not None:
            payload["parallel_tool_calls"] = options.parallel_tool_calls
    payload |= _sampling(model_rules.keep_within(options, notes, temperature=(0.0, 1.5)))
    if options.reasoning_effort is not None:
        if "magistral" in settings.model:  # a model that always thinks
            notes.append("reasoning_effort is left out: Magistral models have no setting for it.")
        else:
            payload["reasoning_effort"] = options.reasoning_effort
    return translate.with_extra(payload, options.extra)


def _sampling(options: requests.ModelOptions) -> dict[str, Any]:
    given = {
        "temperature": options.temperature,
        "top_p": options.top_p,
        "max_tokens": options.output_limit,
        "stop": list(options.stop) if options.stop else None,
        "random_seed": options.seed,
        "presence_penalty": options.presence_penalty,
        "frequency_penalty": options.frequency_penalty,
        "response_format": _format(options),
    }
    return {name: value for name, value in given.items() if value is not None}


def _format(options: requests.ModelOptions) -> dict[str, Any] | None:
    answer = translate.json_answer(options.response_format)
    if answer is None:
        return None
    if answer.schema is None:
        return {"type": "json_object"}
    strict = answer.strict is not False
    schema = translate.close_objects(answer.schema) if strict else answer.schema
    described = {"description": answer.description} if answer.description else {}
    return {
        "type": "json_schema",
        "json_schema": {"name": answer.name, "schema": schema, "strict": strict, **described},
    }


def _choice(options: requests.ModelOptions) -> Any:
    if (forced := translate.forced_tool(options.tool_choice)) is not None:
        return {"type": "function", "function": {"name": forced}}
    return "any" if options.tool_choice == "required" else options.tool_choice


def _tool(spec: toolspec.ToolSpec) -> dict[str, Any]:
    function: dict[str, Any] = {"name": spec.name, "description": spec.description, "parameters": spec.parameters}
    if spec.strict is not None:
        function["strict"] = spec.strict
    return {"type": "function", "function": function}


def _messages(history: tuple[messages.Message, ...], *, thinks: bool) -> list[dict[str, Any]]:
    """System text first; messages of the same role become one; an assistant stands between a result and the user."""
    names = translate.tool_names(history)
    history = translate.readable_results(history, lambda part: _part(part, ""))
    converted: list[dict[str, Any]] = []
    if text := translate.system_text(history):
        converted.append({"role": "system", "content": text})
    for at, message in enumerate(history):
        match message:
            case messages.UserMessage(content=content):
                if converted and converted[-1]["role"] == "tool":
                    converted.append({"role": "assistant", "content": _BETWEEN})
                _add_user(converted, _content(content, f"messages[{at}].content"))
            case messages.AssistantMessage():
                _add_answer(converted, _answer(message, thinks=thinks))
            case messages.ToolMessage():
                converted.append(_result(message, names, f"messages[{at}].content"))
            case messages.SystemMessage():
                pass
    if not converted:
        raise errors.RequestError("The conversation has no message for the model.", param="messages")
    if converted[-1]["role"] == "assistant":
        converted[-1]["prefix"] = True  # the model is to continue its own words
    return converted


def _add_user(converted: list[dict[str, Any]], content: str | list[dict[str, Any]]) -> None:
    if converted and converted[-1]["role"] == "user":
        _extend(converted[-1], content)
    else:
        converted.append({"role": "user", "content": content})


def _extend(message: dict[str, Any], content: str | list[dict[str, Any]]) -> None:
    if isinstance(message["content"], str):
        message["content"] = _chunks(message["content"])
    message["content"] += _chunks(content)


def _add_answer(converted: list[dict[str, Any]], answer: dict[str, Any]) -> None:
    if not answer["content"] and "tool_calls" not in answer:
        return
    last = converted[-1] if converted else {}
    if last.get("role") == "assistant" and "tool_calls" not in last:
        _extend(last, answer["content"])
        last |= {key: value for key, value in answer.items() if key != "content"}
    else:
        converted.append(answer)


def _answer(message: messages.AssistantMessage, *, thinks: bool) -> dict[str, Any]:
    chunks: list[dict[str, Any]] = []
    for part in message.parts:
        match part:
            case messages.TextPart(text=text) if text:
                chunks.append({"type": "text", "text": text})
            case messages.ReasoningPart(text=text) if text and thinks:
                chunks.append({"type": "thinking", "thinking": [{"type": "text", "text": text}]})
            case _:
                pass
    plain = all(chunk["type"] == "text" for chunk in chunks)
    content = "".join(chunk["text"] for chunk in chunks) if plain else chunks
    calls = [_call(call) for call in message.tool_calls]
    return {"role": "assistant", "content": content} | ({"tool_calls": calls} if calls else {})


def _call(call: messages.ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": translate.arguments_text(call)}
    return {"id": short_id(call.id), "type": "function", "function": function}


def _result(message: messages.ToolMessage, names: dict[str, str], where: str) -> dict[str, Any]:
    """What a tool gave besides text stands in its message: a user message could not follow it."""
    content = _content(message.content, where)
    if isinstance(content, str):
        content = translate.mark_error(content, failed=message.is_error)
    elif message.is_error:
        content = [_text("Error:"), *content]
    name = message.name or names.get(message.tool_call_id, "")
    result = {"role": "tool", "tool_call_id": short_id(message.tool_call_id), "content": content}
    return result | ({"name": name} if name else {})


def _chunks(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return ([_text(content)] if content else []) if isinstance(content, str) else content


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _content(content: messages.Content, where: str) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    parts = translate.parts_of(content)
    if all(isinstance(part, messages.TextPart) for part in parts):
        return "\n\n".join(part.text for part in parts if isinstance(part, messages.TextPart))
    return [_part(part, f"{where}[{at}]") for at, part in enumerate(parts)]


def _part(part: messages.ContentPart, where: str) -> dict[str, Any]:
    match part:
        case messages.TextPart(text=text):
            return _text(text)
        case messages.ImagePart(url=url, detail=detail):
            return {"type": "image_url", "image_url": {"url": url, "detail": detail} if detail else url}
        case messages.AudioPart(data=data):
            return {"type": "input_audio", "input_audio": data}
        case messages.FilePart(file_id=str(ident)):
            return {"type": "file", "file_id": ident}
        case messages.FilePart(url=str(url), filename=filename):
            named = {"document_name": filename} if filename else {}
            return {"type": "document_url", "document_url": url, **named}
        case messages.MediaPart(kind=kind):
            raise errors.RequestError(f"This model's vendor does not support {kind} by its address.", param=where)
        case _:
            raise errors.RequestError("A file needs a URL or an id.", param=where)


PROVIDER = base.Provider(NAME, request, Decoder, settings, BASE_URL, continues=True)
