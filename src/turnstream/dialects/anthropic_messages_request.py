"""The body of an Anthropic Messages request as a `RunRequest` (https://platform.claude.com/docs/en/api/messages)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from turnstream import errors, jsontext, messages, requests
from turnstream.api import messages as api
from turnstream.dialects import anthropic_tools, body as bodies, incoming, paragraphs

_MCP_LEFT_OUT = "the request's MCP servers were left out: they are not called here"


def run_request(
    body: api.MessagesRequest, headers: Mapping[str, str], *, only_counted: bool = False
) -> requests.RunRequest:
    """What is ``only_counted`` is never refused for the type of a tool."""
    incoming.require_messages(body.messages)
    metadata = body.metadata or {}
    system = _system(body.system)
    read = anthropic_tools.count if only_counted else anthropic_tools.read
    tools, notes = read(body.tools or ())
    conversation = read_messages(body.messages)
    incoming.require_messages(conversation)  # messages without content are left out
    return incoming.mark_housekeeping(
        requests.RunRequest(
            messages=(*((messages.SystemMessage(system),) if system else ()), *conversation),
            agent=body.model or None,
            tools=tools,
            options=_options(body),
            thread_id=incoming.thread_id(headers, ("metadata.thread_id", metadata.get("thread_id"))),
            user=incoming.user(headers, ("metadata.user_id", metadata.get("user_id"))),
            notes=(*notes, _MCP_LEFT_OUT) if body.mcp_servers else notes,
        )
    )


def estimate(request: requests.RunRequest) -> int:
    """Tokens of the client's own words and tools, at four bytes each: what the model's tokens are is not known here.
    Images, sound and files are not counted."""
    texts = [*map(_words, request.messages), *(jsontext.encode(tool).decode() for tool in request.tools)]
    return max(1, round(sum(len(text.encode("utf-8", "replace")) for text in texts) / 4))


def _words(message: messages.Message) -> str:
    if not isinstance(message, messages.AssistantMessage):
        return messages.content_text(message.content)
    return message.reasoning + message.text + "".join(call.name + call.arguments for call in message.tool_calls)


def _system(system: str | list[api.Block | str] | api.Block | None) -> str:
    return "\n\n".join(block.text or "" for block in _blocks(system) if block.type == "text")


def _blocks(content: str | list[api.Block | str] | api.Block | None) -> list[api.Block]:
    """A text is a block, and one block a list of one."""
    listed = content if isinstance(content, list) else [content] if content else []
    return [api.Block("text", block) if isinstance(block, str) else block for block in listed]


# ---------------------------------------------------------------------------------------------------------- messages


def read_messages(given: Sequence[api.MessageParam]) -> list[messages.Message]:
    conversation: list[messages.Message] = []
    open_calls: dict[str, None] = {}
    for at, message in enumerate(given):
        path, content = f"messages[{at}]", _blocks(message.content)
        text = content[0].text if len(content) == 1 and content[0].type == "text" else None
        match message.role:
            case "user" if text:
                conversation.append(messages.UserMessage(text))
            case "assistant" if text:
                open_calls = {}
                conversation.append(messages.AssistantMessage((messages.TextPart(text),)))
            case "user":
                conversation += _user(content, f"{path}.content", open_calls)
            case "assistant":
                said = _assistant(content, f"{path}.content")
                answers = (one for one in said if isinstance(one, messages.AssistantMessage))
                open_calls = {call.id: None for one in answers for call in one.tool_calls}
                conversation += said
            case "system":
                conversation.append(messages.SystemMessage(_system(message.content)))
            case role:
                raise incoming.unknown_role(role, f"{path}.role", "user, assistant or system")
    return conversation


def _user(blocks: Sequence[api.Block], path: str, open_calls: dict[str, None]) -> list[messages.Message]:
    """Tool results first: they answer the message before. One without an id answers the next call that is open."""
    results: list[messages.Message] = []
    parts: list[messages.ContentPart] = []
    for at, block in enumerate(blocks):
        if block.type == "tool_result":
            if not block.tool_use_id:
                block.tool_use_id = next(iter(open_calls), None)
            open_calls.pop(block.tool_use_id or "", None)
            results.append(_result(block, f"{path}[{at}]"))
        else:
            parts += _parts(block, f"{path}[{at}]")
    return [*results, messages.UserMessage(incoming.content(parts))] if parts else results


def _assistant(blocks: Sequence[api.Block], path: str) -> list[messages.Message]:
    """A message that holds what our tools gave is several of ours: what follows a result is the next step's."""
    conversation: list[messages.Message] = []
    parts: list[messages.AssistantPart] = []
    results: list[messages.Message] = []

    def end() -> None:
        if parts:
            conversation.append(messages.AssistantMessage(tuple(parts)))
        conversation.extend(results)
        parts.clear()
        results.clear()

    for at, block in enumerate(blocks):
        if block.type.endswith("_tool_result"):
            results.append(_result(block, f"{path}[{at}]"))
            continue
        if results:
            end()
        match block.type:
            case "text" if block.text:
                later = bool(parts or conversation)  # then it may begin with a gap that was for its reader
                parts.append(messages.TextPart(block.text.removeprefix(paragraphs.GAP) if later else block.text))
            case "thinking":
                parts.append(messages.ReasoningPart(block.thinking or ""))
            case "tool_use" | "server_tool_use" | "mcp_tool_use":
                arguments = _arguments(block.input, f"{path}[{at}].input")
                parts.append(messages.ToolCall(block.id or f"call_{at}", block.name or "", arguments))
            case _:  # redacted thinking, uploads: their vendor is not ours to speak for
                pass
    end()
    return conversation


def _arguments(value: Any, path: str) -> str:
    """Proxies hand out an input as text, and their clients send it back. Text that is no object is not lost either."""
    if isinstance(value, str) and value.strip():
        found = jsontext.decode_object(value)
        return jsontext.encode({"input": value} if found is None else bodies.check_depth(found, path)).decode()
    return jsontext.encode(bodies.check_depth(value, path) if isinstance(value, dict) else {}).decode()


def _result(block: api.Block, path: str) -> messages.ToolMessage:
    """A result of the client's tool, of ours (``mcp_tool_result``), or of one that a vendor runs."""
    if not block.tool_use_id:
        where = f"{path}.tool_use_id"
        raise errors.RequestError(f"{where}: a result needs it.", param=where, code="missing_field")
    content = bodies.check_depth(block.content, f"{path}.content")
    return messages.ToolMessage(
        block.tool_use_id, _result_content(content, f"{path}.content"), is_error=bool(block.is_error)
    )


def _result_content(content: Any, path: str) -> messages.Content:
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, dict) and content.get("type") in _SHOWN:
        content = [content]
    if not isinstance(content, list):
        return jsontext.encode(content).decode()
    parts = [_parts(_block(item, f"{path}[{at}]"), f"{path}[{at}]") for at, item in enumerate(content)]
    return incoming.content([part for several in parts for part in several])


_SHOWN = ("text", "image", "document", "search_result", "tool_reference")


def _block(item: Any, path: str) -> api.Block:
    """A block of a kind that the model can be shown; anything else is shown as it is written."""
    if isinstance(item, str):
        return api.Block("text", item)
    if isinstance(item, dict) and item.get("type") in _SHOWN:
        try:
            block = bodies.convert(item, api.Block, path)
        except errors.RequestError:
            pass
        else:
            if block.type in ("text", "tool_reference") or block.source is not None:
                return block
    return api.Block("text", jsontext.encode(item).decode())


def _parts(block: api.Block, path: str) -> list[messages.ContentPart]:
    """What a block says, wherever it stands: a document has a title and a context beside its content."""
    match block:
        case api.Block(type="text"):
            return [messages.TextPart(block.text)] if block.text else []
        case api.Block(type="tool_reference"):
            return [messages.TextPart(block.tool_name or block.name or "")]
        case api.Block(type="image_url", image_url={"url": str(url)} | str(url)):
            return [messages.ImagePart(url)]
        case api.Block(type="image", source=api.Source() as source):
            if source.type == "file":
                return [messages.FilePart(file_id=source.file_id)]
            return [messages.ImagePart(_url(source))]
        case api.Block(type="document", source=api.Source() as source):
            return _document(block, source, path)
        case api.Block(type="search_result", source=source):
            found = _result_content(bodies.check_depth(block.content, f"{path}.content"), f"{path}.content")
            words = f"{block.title or ''}\n{source or ''}\n{messages.content_text(found)}"
            return [messages.TextPart(words.strip())]
        case _:
            raise incoming.unsupported_part(block.type, path, "text, image, document or tool_result")


def _document(block: api.Block, source: api.Source, path: str) -> list[messages.ContentPart]:
    if source.type in ("text", "content"):
        text = source.data
        if source.type == "content":
            where = f"{path}.source"
            text = messages.content_text(_result_content(bodies.check_depth(source.content, where), where))
        return [messages.TextPart("\n\n".join(filter(None, (block.title, block.context, text))))]
    about: list[messages.ContentPart] = [messages.TextPart(block.context)] if block.context else []
    if source.type == "file":
        return [*about, messages.FilePart(file_id=source.file_id, filename=block.title)]
    return [*about, messages.FilePart(_url(source), filename=block.title)]


def _url(source: api.Source) -> str:
    if source.type == "base64":
        return f"data:{source.media_type or 'application/octet-stream'};base64,{source.data}"
    return source.url


# ----------------------------------------------------------------------------------------------- tools and parameters


def _options(body: api.MessagesRequest) -> requests.ModelOptions:
    choice = body.tool_choice
    if isinstance(choice, str):
        choice = api.ToolChoice(choice) if choice else None
    return requests.ModelOptions(
        temperature=body.temperature,
        top_p=body.top_p,
        max_completion_tokens=incoming.read_integer(body.max_tokens, "max_tokens", 1),
        stop=incoming.stops(body.stop_sequences),
        response_format=_format(body.output_config) or _format({"format": body.output_format}),
        reasoning_effort=_effort(body),
        tool_choice=None if choice is None else _tool_choice(choice),
        parallel_tool_calls=False if choice is not None and choice.disable_parallel_tool_use else None,
        extra=None if body.top_k is None else {"top_k": incoming.read_integer(body.top_k, "top_k")},
    )


def _tool_choice(choice: api.ToolChoice) -> str | dict[str, Any]:
    match choice.type:
        case "auto" | "none":
            return choice.type
        case "any" | "required":
            return "required"
        case "tool" if choice.name:
            return {"name": choice.name}
        case _:
            text = "tool_choice.type: must be 'auto', 'any', 'none', or 'tool' with a name."
            raise errors.RequestError(text, param="tool_choice", code="invalid_value")


def _effort(body: api.MessagesRequest) -> str | None:
    """``output_config.effort``, or the budget of ``thinking`` in the words of other vendors."""
    effort = (body.output_config or {}).get("effort")
    if isinstance(effort, str):
        return effort
    match body.thinking:
        case {"type": "disabled"}:
            return "none"
        case {"type": "enabled", "budget_tokens": int(budget) | float(budget)}:
            return "low" if budget <= 2048 else "medium" if budget <= 8192 else "high"
        case _:
            return None


def _format(config: dict[str, Any] | None) -> dict[str, Any] | None:
    match config:
        case {"format": {"type": "json_schema", "schema": dict(schema)}}:
            schema = bodies.check_depth(schema, "output_config.format.schema")
            return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
        case _:
            return None
