"""Cohere's v2 chat (https://docs.cohere.com/reference/chat-stream).

Quirks: ``thinking`` says whether the model can think (by default, if its name says ``reasoning``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from turnstream import errors, messages, requests
from turnstream.providers import base
from turnstream.providers.decode import cohere_stream
from turnstream.providers.encode import chat_body, model_rules, translate

BASE_URL = "https://api.cohere.com"

_MOST_STOPS = 5


def settings(given: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """Raises `ConfigurationError` without a key."""
    key = given.api_key or environ.get("COHERE_API_KEY") or environ.get("CO_API_KEY")
    if not key and "authorization" not in given.headers:
        raise errors.ConfigurationError(
            f"The model cohere:{given.model} needs a key: set COHERE_API_KEY (or CO_API_KEY)."
        )
    base_url = (given.base_url or environ.get("CO_API_URL") or BASE_URL).rstrip("/").removesuffix("/v2")
    return msgspec.structs.replace(given, api_key=key, base_url=base_url)


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    """Raises `RequestError` for what the vendor does not take."""
    options, notes = translate.options_of(settings, model_request), list[str]()
    payload: dict[str, Any] = {
        "model": settings.model,
        "messages": _messages(model_request.messages),
        "stream": True,
        **_sampling(options, notes),
    }
    if model_request.tools:
        _add_tools(payload, model_request, options, notes)
    if (answer := translate.json_answer(options.response_format)) is not None:
        if model_request.tools:
            raise errors.RequestError(
                "Cohere cannot hold an answer to JSON while it offers tools.", param="response_format"
            )
        schema = {} if answer.schema is None else {"json_schema": answer.schema}
        payload["response_format"] = {"type": "json_object", **schema}
    _add_thinking(payload, settings, options, notes)
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    if settings.api_key:
        headers["authorization"] = f"Bearer {settings.api_key}"
    url = f"{settings.base_url or BASE_URL}/v2/chat"
    return base.HttpRequest(
        "POST",
        url,
        headers | settings.headers,
        translate.encode(translate.with_extra(payload, options.extra)),
        tuple(notes),
    )


def _sampling(options: requests.ModelOptions, notes: list[str]) -> dict[str, Any]:
    options = model_rules.keep_within(options, notes, temperature=(0.0, 1.0), stops=_MOST_STOPS)
    given = {
        "temperature": options.temperature,
        "p": options.top_p,
        "max_tokens": options.output_limit,
        "stop_sequences": list(options.stop) if options.stop else None,
        "seed": options.seed,
        "presence_penalty": options.presence_penalty,
        "frequency_penalty": options.frequency_penalty,
    }
    return {name: value for name, value in given.items() if value is not None}


def _add_tools(
    payload: dict[str, Any], asked: requests.ModelRequest, options: requests.ModelOptions, notes: list[str]
) -> None:
    """A tool that must be called is the only one offered: the vendor can be told to call some tool, not which."""
    forced = translate.forced_tool(options.tool_choice)
    offered = [spec for spec in asked.tools if forced in (None, spec.name)] or list(asked.tools)
    payload["tools"] = [chat_body.tool(msgspec.structs.replace(spec, strict=None)) for spec in offered]
    if all(spec.strict for spec in offered):
        payload["strict_tools"] = True
    if forced is not None or options.tool_choice == "required":
        payload["tool_choice"] = "REQUIRED"
    elif options.tool_choice == "none":
        payload["tool_choice"] = "NONE"
    if options.parallel_tool_calls is False:
        notes.append("parallel_tool_calls is left out: this vendor does not support it.")


def _add_thinking(
    payload: dict[str, Any], settings: base.Settings, options: requests.ModelOptions, notes: list[str]
) -> None:
    effort = options.reasoning_effort
    if effort is None:
        return
    if not settings.quirks.get("thinking", "reasoning" in settings.model):
        notes.append("reasoning_effort is left out: this model does not think.")
        return
    payload["thinking"] = {"type": "disabled" if effort == "none" else "enabled"}
    if effort not in ("none", "high"):
        notes.append(f"reasoning_effort {effort}: this model only supports thinking on or off: turned on.")


def _messages(history: tuple[messages.Message, ...]) -> list[dict[str, Any]]:
    """A tool message holds text only, so what tools gave besides follows their messages, as the user's."""
    history = translate.readable_results(history, lambda part: _part(part, ""))
    converted: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    if text := translate.system_text(history):
        converted.append({"role": "system", "content": text})
    for at, message in enumerate(history):
        if shown and not isinstance(message, messages.ToolMessage):
            converted.append({"role": "user", "content": shown})
            shown = []
        where = f"messages[{at}].content"
        match message:
            case messages.UserMessage(content=content):
                converted.append({"role": "user", "content": _content(content, where)})
            case messages.AssistantMessage():
                if answer := _answer(message):
                    converted.append({"role": "assistant", **answer})
            case messages.ToolMessage(tool_call_id=ident, content=content, is_error=failed):
                text = translate.mark_error(messages.content_text(content), failed=failed)
                converted.append({"role": "tool", "tool_call_id": ident, "content": text})
                shown += _media_of_result(message, where)
            case messages.SystemMessage():
                pass
    if shown:
        converted.append({"role": "user", "content": shown})
    return converted


def _answer(message: messages.AssistantMessage) -> dict[str, Any]:
    """Cohere's models say what they are about to do in a plan of its own, which goes back as it came."""
    result: dict[str, Any] = {}
    if message.text:
        result["content"] = message.text
    if message.tool_calls:
        result["tool_calls"] = [_call(call) for call in message.tool_calls]
        plans = [
            str(part.data.get("tool_plan") or "")
            for part in message.parts
            if isinstance(part, messages.ProviderItem) and part.provider == cohere_stream.NAME
        ]
        if any(plans):
            result["tool_plan"] = "".join(plans)
    return result


def _call(call: messages.ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": translate.arguments_text(call)},
    }


def _media_of_result(message: messages.ToolMessage, where: str) -> list[dict[str, Any]]:
    if isinstance(message.content, str):
        return []
    parts = [_part(part, where) for part in message.content if not isinstance(part, messages.TextPart)]
    label = f"What the tool {message.name or message.tool_call_id} gave:"
    return [{"type": "text", "text": label}, *parts] if parts else []


def _content(content: messages.Content, where: str) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    return [_part(part, f"{where}[{at}]") for at, part in enumerate(translate.parts_of(content))]


def _part(part: messages.ContentPart, where: str) -> dict[str, Any]:
    match part:
        case messages.TextPart(text=text):
            return {"type": "text", "text": text}
        case messages.ImagePart(url=url, detail=detail):
            return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if detail else {})}}
        case _:
            raise errors.RequestError("Cohere takes text and images, but no files and no sound.", param=where)


PROVIDER = base.Provider(cohere_stream.NAME, request, cohere_stream.Decoder, settings, BASE_URL)
