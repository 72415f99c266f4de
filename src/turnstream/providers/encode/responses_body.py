"""Our request as a body of the Responses API (https://platform.openai.com/docs/api-reference/responses/create)."""

from __future__ import annotations

import re
from typing import Any

from turnstream import errors, messages, requests, toolspec
from turnstream.providers import base
from turnstream.providers.encode import model_rules, tool_schemas, translate

Item = dict[str, Any]
NAME = "openai-responses"
PHASE = "message_phase"  # our mark in the history, no item of the vendor's

_LONGEST_ID = 64
_SMALLEST_LIMIT = 16
_NOT_REASONING = re.compile(r"gpt-3|gpt-4|chatgpt|chat-latest")
_MISSING = ("seed", "presence_penalty", "frequency_penalty", "stop")


def body(settings: base.Settings, model_request: requests.ModelRequest, notes: list[str]) -> dict[str, Any]:
    """Nothing is stored at the vendor unless the quirk ``store`` says so; reasoning goes back and forth encrypted."""
    options = model_rules.fit(settings.model, settings.options, model_request.options, notes)
    quirks = settings.quirks
    payload: dict[str, Any] = {
        "model": settings.model,
        "input": _input(model_request.messages),
        "stream": True,
        "store": bool(quirks.get("store", False)),
    }
    if text := translate.leading_system(model_request.messages):
        payload["instructions"] = text
    if not payload["store"] and not _NOT_REASONING.search(settings.model):
        payload["include"] = ["reasoning.encrypted_content"]
    tools = [_tool(spec) for spec in model_request.tools]
    if settings.web_search:
        tools.append({"type": "web_search"})
    if tools:
        payload["tools"] = tools
        if (name := translate.forced_tool(options.tool_choice)) is not None:
            payload["tool_choice"] = {"type": "function", "name": name}
        elif options.tool_choice is not None:
            payload["tool_choice"] = options.tool_choice
        if options.parallel_tool_calls is not None:
            payload["parallel_tool_calls"] = options.parallel_tool_calls
    _add_options(payload, options, quirks, notes)
    return translate.with_extra(translate.with_extra(payload, _own_words(options)), options.extra)


_TAKEN = ("prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "truncation", "verbosity")


def _own_words(options: requests.ModelOptions) -> dict[str, Any]:
    """What clients say in the words of chat completions, where this API has it too."""
    said = {name: value for name, value in (options.openai or {}).items() if name in _TAKEN}
    verbosity = said.pop("verbosity", None)
    return said if verbosity is None else {**said, "text": {"verbosity": verbosity}}


def _add_options(
    payload: dict[str, Any], options: requests.ModelOptions, quirks: dict[str, Any], notes: list[str]
) -> None:
    for name in ("temperature", "top_p"):
        if (value := getattr(options, name)) is not None:
            payload[name] = value
    if (limit := options.output_limit) is not None:
        payload["max_output_tokens"] = max(limit, _SMALLEST_LIMIT)
        if limit < _SMALLEST_LIMIT:
            notes.append(f"An output limit below {_SMALLEST_LIMIT} is sent as {_SMALLEST_LIMIT}, this vendor's lowest.")
    if (answer := translate.json_answer(options.response_format)) is not None:
        payload["text"] = {"format": {"type": "json_object"}}
        if answer.schema is not None:
            payload["text"]["format"] = {
                "type": "json_schema",
                "name": answer.name,
                "schema": answer.schema,
                "strict": bool(answer.strict),
                **({"description": answer.description} if answer.description else {}),
            }
    if (effort := options.reasoning_effort) is not None:
        payload["reasoning"] = {"effort": effort}
        summary = quirks.get("reasoning_summary", "auto")
        if summary and effort != "none":
            payload["reasoning"]["summary"] = summary
    notes += [
        f"{name} is left out: the Responses API has no such parameter."
        for name in _MISSING
        if getattr(options, name) is not None
    ]


def _tool(spec: toolspec.ToolSpec) -> Item:
    return {
        "type": "function",
        "name": spec.name,
        "description": spec.description,
        "parameters": tool_schemas.as_object(spec.parameters),
        "strict": bool(spec.strict),  # the vendor's default would be true
    }


def _input(conversation: tuple[messages.Message, ...]) -> list[Item]:
    ids = translate.Ids(re.compile(rf".{{1,{_LONGEST_ID}}}", re.DOTALL), lambda text: text[: _LONGEST_ID - 4] or "call")
    conversation = translate.readable_results(conversation, lambda part: _part(part, ""))
    converted: list[Item] = []
    for at, message in enumerate(conversation):
        where = f"messages[{at}].content"
        match message:
            case messages.SystemMessage(content=content) if converted and content.strip():
                converted.append({"role": "system", "content": content})
            case messages.UserMessage(content=content):
                converted.append({"role": "user", "content": _content(content, where)})
            case messages.AssistantMessage():
                _add_answer(converted, message, ids)
            case messages.ToolMessage(content=content):
                converted.append(
                    {
                        "type": "function_call_output",
                        "call_id": ids(message.tool_call_id),
                        "output": _output(content, message, where),
                    }
                )
            case _:
                pass
    if not converted:
        raise errors.RequestError("The conversation has no message for the model.", param="messages")
    return converted


def _add_answer(converted: list[Item], message: messages.AssistantMessage, ids: translate.Ids) -> None:
    begun = len(converted)
    for part in message.parts:
        match part:
            case messages.TextPart(text=text) if text:
                converted.append({"role": "assistant", "content": text})
            case messages.ToolCall():
                own = dict((part.extra or {}).get(NAME) or {})
                if not any(item.get("type") == "reasoning" for item in converted[begun:]):
                    own.pop("id", None)  # the vendor refuses an id whose reasoning is missing
                converted.append(
                    {
                        "type": "function_call",
                        "call_id": ids(part.id),
                        "name": part.name,
                        "arguments": part.arguments or "{}",
                        **own,
                    }
                )
            case messages.ProviderItem(provider=provider, data=data) if provider == NAME:
                if data.get("type") == PHASE:
                    if converted and converted[-1].get("role") == "assistant":
                        converted[-1]["phase"] = data["phase"]
                else:
                    converted.append(data)
            case _:
                pass


def _content(content: messages.Content, where: str) -> str | list[Item]:
    if isinstance(content, str):
        return content
    return [_part(part, f"{where}[{at}]") for at, part in enumerate(translate.parts_of(content))]


def _output(content: messages.Content, message: messages.ToolMessage, where: str) -> str | list[Item]:
    parts = _content(content, where)
    if isinstance(parts, str):
        return translate.mark_error(messages.content_text(message.content), failed=message.is_error)
    return [{"type": "input_text", "text": "Error:"}, *parts] if message.is_error else parts


def _part(part: messages.ContentPart, where: str) -> Item:
    match part:
        case messages.TextPart(text=text):
            return {"type": "input_text", "text": text}
        case messages.ImagePart(url=url, detail=detail):
            return {"type": "input_image", "image_url": url, "detail": detail or "auto"}
        case messages.FilePart(file_id=str(file_id)):
            return {"type": "input_file", "file_id": file_id}
        case messages.FilePart(url=str(url), filename=filename):
            if url[:5].lower() == "data:":
                return {"type": "input_file", "file_data": url, "filename": filename or "file.pdf"}
            return {"type": "input_file", "file_url": url}
        case messages.FilePart():
            raise errors.RequestError("A file needs a URL or an id.", param=where)
        case messages.AudioPart():
            raise errors.RequestError("The Responses API does not support audio.", param=where)
        case messages.MediaPart(kind=kind):
            raise errors.RequestError(f"This model's vendor does not support {kind} by its address.", param=where)
