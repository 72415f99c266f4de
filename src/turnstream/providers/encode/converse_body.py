"""Our request as a body of Converse and ConverseStream, which are the same."""

from __future__ import annotations

import re
from typing import Any

from turnstream import errors, messages, requests, toolspec
from turnstream.providers import base
from turnstream.providers.encode import claude_models, data_urls, model_rules, tool_schemas, translate

Block = dict[str, Any]
NAME = "bedrock"

_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_ROOM_TO_ANSWER = 4096
_OPENING = "(The conversation begins with the assistant.)"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9\-()\[\] ]+")


def body(settings: base.Settings, model_request: requests.ModelRequest, notes: list[str]) -> dict[str, Any]:
    options, model = translate.options_of(settings, model_request), settings.model.lower()
    payload: dict[str, Any] = {"messages": _messages(model_request.messages)}
    if text := translate.system_text(model_request.messages):
        payload["system"] = [{"text": text}]
    _add_tools(payload, model_request, options, notes)
    options = model_rules.keep_within(options, notes, temperature=(0.0, 1.0))
    if inference := _inference(options):
        payload["inferenceConfig"] = inference
    for name in ("seed", "presence_penalty", "frequency_penalty"):
        if getattr(options, name) is not None:
            notes.append(f"{name} is left out: Converse has no such parameter.")
    if "claude" in model:
        _add_claude(payload, claude_models.capabilities(model), options, model_request.messages, notes)
    elif options.reasoning_effort is not None:
        _add_effort(payload, options.reasoning_effort, model, notes)
    _add_format(payload, options, notes)
    if settings.quirks.get("prompt_cache"):
        _mark_cache(payload)
    return translate.with_extra(payload, options.extra)


# ---------------------------------------------------------------------------------------------------------- messages


def _messages(conversation: tuple[messages.Message, ...]) -> list[Block]:
    """Roles alternate, the first is the user's, no text is blank, and a document has some text beside it."""
    ids = translate.Ids.of_word_characters()
    conversation = translate.readable_results(conversation, _result_part)

    def convert(message: messages.Message, where: str) -> list[Block]:
        match message:
            case messages.AssistantMessage():
                return _answer(message, ids)
            case messages.ToolMessage():
                return [_tool_result(message, ids, where)]
            case _:
                blocks = _content(message.content, where)
                has_text = any("text" in block for block in blocks)
                return blocks if has_text or not blocks else [*blocks, {"text": "See above."}]

    return translate.alternate(conversation, convert, {"text": _OPENING})


def _answer(message: messages.AssistantMessage, ids: translate.Ids) -> list[Block]:
    """Reasoning goes back only as the signed or redacted block that it came in."""
    blocks: list[Block] = []
    for part in message.parts:
        match part:
            case messages.TextPart(text=text) if text.strip():
                blocks.append({"text": text})
            case messages.ToolCall():
                call = {"toolUseId": ids(part.id), "name": part.name, "input": translate.arguments_object(part)}
                blocks.append({"toolUse": call})
            case messages.ProviderItem(provider=provider, data=data) if provider == NAME:
                blocks.append(data)
            case _:
                pass
    return blocks


def _tool_result(message: messages.ToolMessage, ids: translate.Ids, where: str) -> Block:
    content = _content(message.content, where) or [{"text": "(no output)"}]
    result: Block = {"toolUseId": ids(message.tool_call_id), "content": content}
    if message.is_error:
        result["status"] = "error"
    return {"toolResult": result}


def _content(content: messages.Content, where: str) -> list[Block]:
    return [
        _part(part, f"{where}[{at}]")
        for at, part in enumerate(translate.parts_of(content))
        if not isinstance(part, messages.TextPart) or part.text.strip()
    ]


def _part(part: messages.ContentPart, where: str) -> Block:
    match part:
        case messages.TextPart(text=text):
            return {"text": text}
        case messages.ImagePart(url=url):
            return _media(_inline(url, where), None, where)
        case messages.FilePart(url=str(url), filename=filename):
            return _media(_inline(url, where), filename, where)
        case messages.FilePart():
            raise errors.RequestError("Bedrock takes a file only as a data: URL or an s3: address.", param=where)
        case messages.AudioPart(data=data, format=container):
            return {"audio": {"format": container, "source": {"bytes": data}}}
        case messages.MediaPart(kind=kind):
            raise errors.RequestError(f"This model's vendor does not support {kind} by its address.", param=where)


def _result_part(part: messages.ContentPart) -> Block:
    """A tool's result may have no sound."""
    if isinstance(part, messages.AudioPart):
        raise errors.RequestError("Bedrock does not support audio in a tool's result.")
    return _part(part, "")


def _inline(url: str, where: str) -> data_urls.Media | str:
    media = data_urls.inline(url)
    if media is not None:
        return media
    if url.startswith("s3://"):
        return url
    raise errors.RequestError(
        "Bedrock fetches nothing: an image or a file must be a data: URL or an s3: address.", param=where
    )


def _media(media: data_urls.Media | str, filename: str | None, where: str) -> Block:
    if isinstance(media, str):
        source: Block = {"s3Location": {"uri": media}}
        suffix = media.rpartition(".")[2].lower().replace("jpg", "jpeg")
        image, document = (suffix if suffix in _IMAGES.values() else None), suffix
    else:
        source = {"bytes": media.base64}
        image, document = _IMAGES.get(media.type), _DOCUMENTS.get(media.type, "")
    if image is not None:
        return {"image": {"format": image, "source": source}}
    if document not in _DOCUMENTS.values():
        raise errors.RequestError("Bedrock does not take an image or a file of this type.", param=where)
    name = " ".join(_NOT_IN_A_NAME.sub(" ", (filename or "document").rpartition(".")[0] or "document").split())
    return {"document": {"format": document, "name": name or "document", "source": source}}


# ------------------------------------------------------------------------------------------------- tools and options


def _add_tools(
    payload: dict[str, Any], model_request: requests.ModelRequest, options: requests.ModelOptions, notes: list[str]
) -> None:
    """A history with tool calls needs tools beside it: where none are offered, they are listed by name."""
    tools = [_tool(spec) for spec in model_request.tools]
    if not tools:
        tools = [_tool(toolspec.ToolSpec(name)) for name in translate.called_tools(model_request.messages)]
    if not tools:
        return
    config: dict[str, Any] = {"tools": tools}
    if (forced := translate.forced_tool(options.tool_choice)) is not None:
        config["toolChoice"] = {"tool": {"name": forced}}
    elif options.tool_choice == "required":
        config["toolChoice"] = {"any": {}}
    elif options.tool_choice == "none":
        notes.append("tool_choice none is left out: Converse cannot forbid tools that it was given.")
    if options.parallel_tool_calls is False:
        notes.append("parallel_tool_calls is left out: Converse does not support it.")
    payload["toolConfig"] = config


def _tool(spec: toolspec.ToolSpec) -> Block:
    schema = tool_schemas.as_object(spec.parameters)
    block: Block = {
        "name": spec.name,
        "inputSchema": {"json": translate.close_objects(schema) if spec.strict else schema},
    }
    if spec.description:
        block["description"] = spec.description
    if spec.strict:
        block["strict"] = True
    return {"toolSpec": block}


def _inference(options: requests.ModelOptions) -> dict[str, Any]:
    given = {
        "maxTokens": options.output_limit,
        "temperature": options.temperature,
        "topP": options.top_p,
        "stopSequences": [stop for stop in options.stop or () if stop.strip()] or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _add_claude(
    payload: dict[str, Any],
    claude: claude_models.Claude,
    options: requests.ModelOptions,
    messages: tuple[messages.Message, ...],
    notes: list[str],
) -> None:
    effort, fields = options.reasoning_effort, {}
    if effort in (None, "none"):
        pass
    elif claude.thinking == "none":
        notes.append("reasoning_effort is left out: this model has no extended thinking.")
    elif "toolChoice" in payload.get("toolConfig", {}):
        notes.append(
            "reasoning_effort is left out of calls with a forced tool choice: the vendor refuses both at once."
        )
    elif claude.thinking == "budget":
        budget = claude_models.thinking_budget(str(effort))
        limit = payload.setdefault("inferenceConfig", {}).setdefault("maxTokens", budget + _ROOM_TO_ANSWER)
        budget = min(budget, limit - 1)
        if budget < claude_models.SMALLEST_BUDGET:
            notes.append("reasoning_effort is left out of calls with so small an output limit.")
        elif claude_models.is_thoughtless_round(messages, _is_thinking):
            notes.append("reasoning_effort is left out of a tool round that was begun without thinking.")
        else:
            fields["thinking"] = {"type": "enabled", "budget_tokens": budget}
    else:
        word = {"minimal": "low", "xhigh": "xhigh" if claude.xhigh else "high"}.get(str(effort), effort)
        fields |= {"thinking": {"type": "adaptive"}, "output_config": {"effort": word}}
    if fields:
        payload["additionalModelRequestFields"] = fields
    _limit_sampling(payload.get("inferenceConfig", {}), claude, thinking=bool(fields), notes=notes)
    if payload.get("inferenceConfig") == {}:
        del payload["inferenceConfig"]


def _limit_sampling(
    inference: dict[str, Any], claude: claude_models.Claude, *, thinking: bool, notes: list[str]
) -> None:
    if not claude.sampling or thinking:
        dropped = {inference.pop(name, None) for name in ("temperature", "topP")}
        if not dropped <= {None, 1}:
            notes.append("temperature and top_p are left out: the vendor refuses them for this model or with thinking.")
    elif not claude.both_samplings and "temperature" in inference and inference.pop("topP", None) is not None:
        notes.append("top_p is left out: this model takes only one of temperature and top_p.")


def _is_thinking(item: messages.ProviderItem) -> bool:
    return item.provider == NAME and "reasoningContent" in item.data


def _add_effort(payload: dict[str, Any], effort: str, model: str, notes: list[str]) -> None:
    level = {"minimal": "low", "xhigh": "high", "max": "high"}.get(effort, effort)
    if "gpt-oss" in model and level != "none":
        payload["additionalModelRequestFields"] = {"reasoning_effort": level}
    elif "nova-2" in model:
        config = {"type": "disabled"} if level == "none" else {"type": "enabled", "maxReasoningEffort": level}
        payload["additionalModelRequestFields"] = {"reasoningConfig": config}
    else:
        notes.append("reasoning_effort is left out: it is not known how this model of Bedrock takes it.")


def _add_format(payload: dict[str, Any], options: requests.ModelOptions, notes: list[str]) -> None:
    answer = translate.json_answer(options.response_format)
    if answer is None:
        return
    if answer.schema is None:
        notes.append("response_format json_object is left out: Converse holds answers only to a json_schema.")
        return
    schema = {"schema": translate.encode(translate.close_objects(answer.schema)).decode(), "name": answer.name}
    if answer.description:
        schema["description"] = answer.description
    payload["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}


def _mark_cache(payload: dict[str, Any]) -> None:
    """Marks for the prompt cache: after the tools, after the instructions, after the whole conversation so far."""
    mark = {"cachePoint": {"type": "default"}}
    if "toolConfig" in payload:
        payload["toolConfig"]["tools"].append(mark)
    if "system" in payload:
        payload["system"].append(mark)
    if payload["messages"][-1]["role"] == "user":
        payload["messages"][-1]["content"].append(mark)
