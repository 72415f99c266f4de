"""Ollama's own protocol, ``POST /api/chat`` (https://docs.ollama.com/api/chat): newline-delimited JSON.

Quirks: ``num_ctx``, the size of the context (the server's own default is small, and what is longer is cut off without
a word); ``keep_alive``, how long the model stays loaded. The decoder reads ``/api/generate`` too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from turnstream import errors, messages, requests
from turnstream.providers import base
from turnstream.providers.decode import ollama_stream
from turnstream.providers.encode import chat_body, chat_thinking, data_urls, translate

BASE_URL = "http://127.0.0.1:11434"
_MISSING = re.compile(r"model ['\"]?([^'\"]+?)['\"]? (?:was )?not found")
_LEVELS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}


def settings(given: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """``OLLAMA_HOST`` is the address, as Ollama itself reads it. A key is only needed for its cloud."""
    found = given.base_url or environ.get("OLLAMA_HOST") or BASE_URL
    if "://" not in found:
        host, colon, port = found.partition(":")
        found = f"http://{host}:{port if colon else 11434}"
    found = found.replace("://0.0.0.0", "://127.0.0.1").rstrip("/")
    for path in ("/api/chat", "/api", "/v1"):
        found = found.removesuffix(path)
    return msgspec.structs.replace(given, base_url=found, api_key=given.api_key or environ.get("OLLAMA_API_KEY"))


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    """Raises `RequestError` for content that Ollama does not take."""
    options, quirks = translate.options_of(settings, model_request), settings.quirks
    notes: list[str] = []
    payload: dict[str, Any] = {
        "model": settings.model,
        "messages": _messages(model_request.messages, settings.model),
        "stream": True,
    }
    if model_request.tools and _offers_tools(options, notes):
        payload["tools"] = [chat_body.tool(spec) for spec in model_request.tools]
    if sampling := _sampling(options, quirks):
        payload["options"] = sampling
    if (answer := translate.json_answer(options.response_format)) is not None:
        payload["format"] = answer.schema or "json"
    if (think := _think(settings.model, options, notes)) is not None:
        payload["think"] = think
    if "keep_alive" in quirks:
        payload["keep_alive"] = quirks["keep_alive"]
    headers = {"content-type": "application/json", "accept": "application/x-ndjson"}
    if settings.api_key:
        headers["authorization"] = f"Bearer {settings.api_key}"
    url = f"{settings.base_url}/api/chat"
    return base.HttpRequest(
        "POST",
        url,
        headers | settings.headers,
        translate.encode(translate.with_extra(payload, options.extra)),
        tuple(notes),
    )


def explain(error: errors.ProviderError) -> None:
    """A model that is not on the server is an error that says how to get it."""
    if error.provider_status == 404 and (missing := _MISSING.search(error.detail)):
        error.message = "The Ollama server does not have this model: it must be pulled first."
        error.detail = f"{error.detail}: run `ollama pull {missing[1]}`"


def _offers_tools(options: requests.ModelOptions, notes: list[str]) -> bool:
    choice = options.tool_choice
    if choice == "none":
        return False
    if choice not in (None, "auto"):
        notes.append("tool_choice is left out: Ollama does not support it.")
    if options.parallel_tool_calls is False:
        notes.append("parallel_tool_calls is left out: Ollama does not support it.")
    return True


def _sampling(options: requests.ModelOptions, quirks: dict[str, Any]) -> dict[str, Any]:
    given = {
        "temperature": options.temperature,
        "top_p": options.top_p,
        "seed": options.seed,
        "num_predict": options.output_limit,
        "stop": list(options.stop) if options.stop else None,
        "presence_penalty": options.presence_penalty,
        "frequency_penalty": options.frequency_penalty,
        "num_ctx": quirks.get("num_ctx"),
    }
    return {name: value for name, value in given.items() if value is not None}


def _think(model: str, options: requests.ModelOptions, notes: list[str]) -> bool | str | None:
    effort = options.reasoning_effort
    if effort is None:
        return None
    if "gpt-oss" in model:  # the one family that has levels, and that cannot be told not to think
        if effort == "none":
            notes.append("reasoning_effort none: this model always thinks; its lowest effort is requested.")
        return _LEVELS.get(effort, "low")
    if effort not in ("none", "high"):
        notes.append(f"reasoning_effort {effort}: this model only supports thinking on or off: turned on.")
    return effort != "none"


def _messages(history: tuple[messages.Message, ...], model: str) -> list[dict[str, Any]]:
    demanded = chat_thinking.demands(model)
    names = translate.tool_names(history)
    converted: list[dict[str, Any]] = []
    if text := translate.system_text(history):
        converted.append({"role": "system", "content": text})
    history = translate.readable_results(history, lambda part: _content((part,), ""))
    loop = max((at for at, message in enumerate(history) if isinstance(message, messages.UserMessage)), default=-1)
    for at, message in enumerate(history):
        where = f"messages[{at}].content"
        match message:
            case messages.UserMessage(content=content):
                converted.append({"role": "user", **_content(content, where)})
            case messages.AssistantMessage():
                converted.append(_answer(message, thinking=at > loop or demanded))
            case messages.ToolMessage():
                converted.append(_result(message, names, where))
            case messages.SystemMessage():
                pass
    return converted


def _answer(message: messages.AssistantMessage, *, thinking: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"role": "assistant", "content": message.text}
    if thinking and message.reasoning:
        result["thinking"] = message.reasoning
    if message.tool_calls:
        result["tool_calls"] = [_call(call) for call in message.tool_calls]
    return result


def _call(call: messages.ToolCall) -> dict[str, Any]:
    return {"id": call.id, "function": {"name": call.name, "arguments": translate.arguments_object(call)}}


def _result(message: messages.ToolMessage, names: dict[str, str], where: str) -> dict[str, Any]:
    result = {"role": "tool", **_content(message.content, where), "tool_call_id": message.tool_call_id}
    result["content"] = translate.mark_error(result["content"], failed=message.is_error)
    name = message.name or names.get(message.tool_call_id, "")
    return result | ({"tool_name": name} if name else {})


def _content(content: messages.Content, where: str) -> dict[str, Any]:
    """Text, and images as base64: Ollama fetches no URLs and reads no files."""
    if isinstance(content, str):
        return {"content": content}
    images: list[str] = []
    for at, part in enumerate(content):
        if isinstance(part, messages.TextPart):
            continue
        media = data_urls.inline(part.url) if isinstance(part, messages.ImagePart) else None
        if media is None:
            raise errors.RequestError("Ollama takes text, and images as data: URLs.", param=f"{where}[{at}]")
        images.append(media.base64)
    return {"content": messages.content_text(content)} | ({"images": images} if images else {})


PROVIDER = base.Provider(
    ollama_stream.NAME, request, ollama_stream.Decoder, settings, BASE_URL, explain=explain, continues=True
)
