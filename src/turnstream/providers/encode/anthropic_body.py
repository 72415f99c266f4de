"""Our request as an Anthropic Messages body (https://platform.claude.com/docs/en/api/messages)."""

from __future__ import annotations

from typing import Any

from turnstream import errors, messages, requests, toolspec
from turnstream.providers import base
from turnstream.providers.encode import chat_thinking, claude_models, data_urls, model_rules, tool_schemas, translate

Block = dict[str, Any]
NAME = "anthropic"

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_FAILED = "The tool failed."
_OPENING = "(The conversation begins with the assistant.)"


def body(settings: base.Settings, model_request: requests.ModelRequest, notes: list[str]) -> dict[str, Any]:
    """The body, without what depends on where it is sent. What cannot be said to this vendor goes to ``notes``."""
    options = model_rules.fit(settings.model, settings.options, model_request.options, notes)
    claude = claude_models.capabilities(settings.model)
    payload: dict[str, Any] = {
        "max_tokens": options.output_limit or settings.quirks.get("max_tokens") or claude.output_limit,
        "messages": _messages(settings.model, model_request.messages),
    }
    if text := translate.system_text(model_request.messages):
        payload["system"] = [{"type": "text", "text": text}]
    _add_tools(payload, settings, model_request, options, notes)
    _add_thinking(payload, claude, options, model_request.messages, notes)
    _make_up_for_lost_thinking(payload, settings.model, notes)
    _add_sampling(payload, claude, options, notes)
    _add_format(payload, claude, settings.model, options, notes)
    if settings.quirks.get("prompt_cache", True):
        _mark_cache(payload, settings.quirks.get("prompt_cache"))
    return translate.with_extra(payload, options.extra)


# ---------------------------------------------------------------------------------------------------------- messages


def _messages(model: str, conversation: tuple[messages.Message, ...]) -> list[Block]:
    """Roles alternate, the first is the user's, tool results stand at the head of theirs, no block is empty."""
    ids = translate.Ids.of_word_characters()
    conversation = translate.readable_results(conversation, lambda part: _part(part, ""))
    signs = "claude" in model.lower()

    def convert(message: Any, where: str) -> list[Block]:
        if type(message) is messages.AssistantMessage:
            return _assistant(message, ids, signs=signs)
        if type(message) is messages.ToolMessage:
            return [_tool_result(message, ids, where)]
        return _content(message.content, where)

    return translate.alternate(conversation, convert, {"type": "text", "text": _OPENING})


def _assistant(message: messages.AssistantMessage, ids: translate.Ids, *, signs: bool) -> list[Block]:
    """Claude's reasoning goes back only as the signed block that it came in; without its signature it is refused.

    Other models behind this protocol sign nothing, and some want their thinking back all the same.
    """
    blocks: list[Block] = []
    unsigned = not signs and not any(
        isinstance(part, messages.ProviderItem) and _is_thinking(part) for part in message.parts
    )
    for part in message.parts:
        match part:
            case messages.TextPart(text=text) if text.strip():
                blocks.append({"type": "text", "text": text})
            case messages.ReasoningPart(text=text) if unsigned and text:
                blocks.append({"type": "thinking", "thinking": text, "signature": ""})
            case messages.ToolCall():
                blocks.append(
                    {
                        "type": "tool_use",
                        "id": ids(part.id),
                        "name": part.name,
                        "input": translate.arguments_object(part),
                    }
                )
            case messages.ProviderItem(provider=provider, data=data) if provider == NAME:
                blocks.append(data)
            case _:
                pass
    return blocks


def _tool_result(message: messages.ToolMessage, ids: translate.Ids, where: str) -> Block:
    result: Block = {"type": "tool_result", "tool_use_id": ids(message.tool_call_id)}
    content = _content(message.content, where)
    if message.is_error:  # such a result has to have content, and may have text only
        content = [block for block in content if block["type"] == "text"] or [{"type": "text", "text": _FAILED}]
        result["is_error"] = True
    if content:
        result["content"] = content
    return result


def _content(content: messages.Content, where: str) -> list[Block]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content.strip() else []
    return [
        _part(part, f"{where}[{at}]")
        for at, part in enumerate(translate.parts_of(content))
        if not isinstance(part, messages.TextPart) or part.text.strip()
    ]


def _part(part: messages.ContentPart, where: str) -> Block:
    match part:
        case messages.TextPart(text=text):
            return {"type": "text", "text": text}
        case messages.ImagePart(url=url):
            return {"type": "image", "source": _image_source(url, where)}
        case messages.FilePart():
            return _document(part, where)
        case messages.AudioPart():
            raise errors.RequestError("This model's vendor does not support audio.", param=where)
        case messages.MediaPart(kind=kind):
            raise errors.RequestError(f"This model's vendor does not support {kind} by its address.", param=where)


def _image_source(url: str, where: str) -> Block:
    media = data_urls.inline(url)
    if media is None:
        return {"type": "url", "url": url}
    if media.type not in _IMAGES:
        raise errors.RequestError(f"An image must be JPEG, PNG, GIF or WebP, not {media.type}.", param=where)
    return {"type": "base64", "media_type": media.type, "data": media.base64}


def _document(part: messages.FilePart, where: str) -> Block:
    if part.file_id is not None:
        source: Block = {"type": "file", "file_id": part.file_id}
    elif part.url is None:
        raise errors.RequestError("A file needs a URL or an id.", param=where)
    elif (media := data_urls.inline(part.url)) is None:
        source = {"type": "url", "url": part.url}
    elif media.type in _IMAGES:
        return {"type": "image", "source": {"type": "base64", "media_type": media.type, "data": media.base64}}
    elif media.type == "application/pdf":
        source = {"type": "base64", "media_type": media.type, "data": media.base64}
    elif media.type.startswith("text/"):
        source = {"type": "text", "media_type": "text/plain", "data": media.text}
    else:
        raise errors.RequestError(f"A file must be a PDF, a text or an image, not {media.type}.", param=where)
    return {"type": "document", "source": source} | ({"title": part.filename} if part.filename else {})


def has_file_ids(conversation: tuple[messages.Message, ...]) -> bool:
    """Whether the request names files that the vendor keeps, which is a beta of its own."""
    return any(
        isinstance(part, messages.FilePart) and part.file_id is not None
        for message in conversation
        if not isinstance(message, messages.AssistantMessage) and type(message.content) is not str
        for part in message.content
    )


# ------------------------------------------------------------------------------------------------------------- tools


# Later versions filter what they find with code of their own, which not every model and platform has.
_WEB_SEARCH: Block = {"type": "web_search_20250305", "name": "web_search"}


def _add_tools(
    payload: dict[str, Any],
    settings: base.Settings,
    model_request: requests.ModelRequest,
    options: requests.ModelOptions,
    notes: list[str],
) -> None:
    """A history with tool calls needs tools beside it: where none are offered, they are listed and forbidden."""
    tools = [_tool(spec) for spec in model_request.tools]
    if settings.web_search:
        if any(spec.name == _WEB_SEARCH["name"] for spec in model_request.tools):
            notes.append("The vendor's web search is left out: a tool of yours has its name, web_search.")
        else:
            tools.append(dict(_WEB_SEARCH))
    choice: Block | None = None
    if not tools:
        called = translate.called_tools(model_request.messages)
        tools = [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in called]
        choice = {"type": "none"}
    elif (forced := translate.forced_tool(options.tool_choice)) is not None:
        choice = {"type": "tool", "name": forced}
    elif options.tool_choice is not None:
        choice = {"type": {"required": "any"}.get(str(options.tool_choice), options.tool_choice)}
    if not tools:
        return
    if options.parallel_tool_calls is False and (choice is None or choice["type"] != "none"):
        choice = (choice or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    payload["tools"] = tools
    if choice is not None:
        payload["tool_choice"] = choice


def _tool(spec: toolspec.ToolSpec) -> Block:
    block: Block = {"name": spec.name, "input_schema": tool_schemas.as_object(spec.parameters)}
    if spec.description:
        block["description"] = spec.description
    if spec.strict:
        block["strict"] = True
        block["input_schema"] = translate.close_objects(block["input_schema"])
    return block


# ----------------------------------------------------------------------------------------------------------- options


def _add_thinking(
    payload: dict[str, Any],
    claude: claude_models.Claude,
    options: requests.ModelOptions,
    messages: tuple[messages.Message, ...],
    notes: list[str],
) -> None:
    effort = options.reasoning_effort
    if effort is None:
        return
    if effort == "none":
        if claude.thinking == "adaptive":
            payload["output_config"] = {"effort": "low"}
            notes.append("reasoning_effort none: this model decides when to think; low effort is requested.")
        return
    if claude.thinking == "none":
        notes.append("reasoning_effort is left out: this model has no extended thinking.")
        return
    if payload.get("tool_choice", {}).get("type") in ("any", "tool"):
        notes.append(
            "reasoning_effort is left out of calls with a forced tool choice: the vendor refuses both at once."
        )
        return
    if claude.thinking == "budget":
        _add_budget(payload, effort, messages, notes)
    else:
        payload["thinking"] = {"type": "adaptive", "display": "summarized"}
    if claude.effort:
        payload["output_config"] = {"effort": _effort(effort, claude)}


def _effort(effort: str, claude: claude_models.Claude) -> str:
    if effort == "minimal":
        return "low"
    return "high" if effort == "xhigh" and not claude.xhigh else effort


def _add_budget(payload: dict[str, Any], effort: str, messages: tuple[messages.Message, ...], notes: list[str]) -> None:
    budget = min(claude_models.thinking_budget(effort), payload["max_tokens"] - 1)
    if budget < claude_models.SMALLEST_BUDGET:
        notes.append("reasoning_effort is left out of calls with so small an output limit: thinking needs 1024 tokens.")
    elif claude_models.is_thoughtless_round(messages, _is_thinking):
        notes.append("reasoning_effort is left out of a tool round that was begun without thinking.")
    else:
        payload["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _is_thinking(item: messages.ProviderItem) -> bool:
    return item.provider == NAME and item.data.get("type") in ("thinking", "redacted_thinking")


def _make_up_for_lost_thinking(payload: dict[str, Any], model: str, notes: list[str]) -> None:
    """DeepSeek and Kimi speak this protocol too, and refuse calls without the thinking that came before them."""
    if not chat_thinking.demands(model):
        return
    kinds = [{block["type"] for block in message["content"]} for message in payload["messages"]]
    lost = [
        payload["messages"][at] for at, found in enumerate(kinds) if "tool_use" in found and "thinking" not in found
    ]
    if lost and chat_thinking.can_rest(model):
        payload["thinking"] = {"type": "disabled"}
        notes.append(chat_thinking.RESTS)
    elif lost:
        for message in lost:
            message["content"].insert(0, {"type": "thinking", "thinking": chat_thinking.STAND_IN, "signature": ""})


def _add_sampling(
    payload: dict[str, Any], claude: claude_models.Claude, options: requests.ModelOptions, notes: list[str]
) -> None:
    temperature, top_p = options.temperature, options.top_p
    if not claude.sampling or "thinking" in payload:
        if temperature not in (None, 1) or top_p not in (None, 1):
            notes.append("temperature and top_p are left out: the vendor refuses them for this model or with thinking.")
        temperature = top_p = None
    if temperature is not None and temperature > 1:
        notes.append("A temperature above 1 is sent as 1, this vendor's highest.")
        temperature = 1.0
    if temperature is not None and top_p is not None and not claude.both_samplings:
        notes.append("top_p is left out: this model takes only one of temperature and top_p.")
        top_p = None
    if temperature is not None:
        payload["temperature"] = temperature
    if top_p is not None:
        payload["top_p"] = top_p
    if stops := [stop for stop in options.stop or () if stop.strip()]:
        payload["stop_sequences"] = stops
    if len(stops) < len(options.stop or ()):
        notes.append("Stop sequences of white space are left out: the vendor refuses them.")
    for name in ("seed", "presence_penalty", "frequency_penalty"):
        if getattr(options, name) is not None:
            notes.append(f"{name} is left out: this vendor has no such parameter.")


def _add_format(
    payload: dict[str, Any], claude: claude_models.Claude, model: str, options: requests.ModelOptions, notes: list[str]
) -> None:
    answer = translate.json_answer(options.response_format)
    if answer is None:
        return
    if answer.schema is None:
        notes.append("response_format json_object is left out: this vendor holds answers only to a json_schema.")
    elif not claude.schemas:
        raise errors.RequestError(f"The model {model} cannot be held to a JSON Schema.", param="response_format")
    else:
        output_format = {"type": "json_schema", "schema": translate.close_objects(answer.schema)}
        payload["output_config"] = payload.get("output_config", {}) | {"format": output_format}


def _mark_cache(payload: dict[str, Any], how: Any) -> None:
    """Marks for the prompt cache: after the tools and the instructions, and after the whole conversation so far."""
    mark = {"type": "ephemeral"} | ({"ttl": how} if isinstance(how, str) else {})
    fixed = payload.get("system") or payload.get("tools")
    if fixed:
        fixed[-1] = fixed[-1] | {"cache_control": mark}
    last = payload["messages"][-1]
    if last["role"] == "user":
        last["content"][-1] = last["content"][-1] | {"cache_control": mark}
