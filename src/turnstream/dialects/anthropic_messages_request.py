"""The body of an Anthropic Messages request as a `RunRequest` (https://platform.claude.com/docs/en/api/messages)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from turnstream import errors, jsontext, messages, requests, toolspec
from turnstream.api import messages as api
from turnstream.dialects import body as bodies
from turnstream.dialects import incoming


def run_request(body: api.MessagesRequest, headers: Mapping[str, str]) -> requests.RunRequest:
    incoming.require_messages(body.messages)
    metadata = body.metadata or {}
    system = _system(body.system)
    return incoming.mark_housekeeping(
        requests.RunRequest(
            messages=(*((messages.SystemMessage(system),) if system else ()), *read_messages(body.messages)),
            agent=body.model or None,
            tools=tuple(_tool(tool, f"tools[{at}]") for at, tool in enumerate(body.tools or ())),
            options=_options(body),
            thread_id=incoming.thread_id(headers, ("metadata.thread_id", metadata.get("thread_id"))),
            user=incoming.user(headers, ("metadata.user_id", metadata.get("user_id"))),
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


def _system(system: str | list[api.Block] | None) -> str:
    if system is None or isinstance(system, str):
        return system or ""
    return "\n\n".join(block.text for block in system if block.type == "text")


# ---------------------------------------------------------------------------------------------------------- messages


def read_messages(given: Sequence[api.MessageParam]) -> list[messages.Message]:
    conversation: list[messages.Message] = []
    for at, message in enumerate(given):
        path = f"messages[{at}]"
        content = [api.Block("text", message.content)] if isinstance(message.content, str) else message.content
        match message.role:
            case "user":
                conversation += _user(content, f"{path}.content")
            case "assistant":
                conversation += _assistant(content, f"{path}.content")
            case "system":
                conversation.append(messages.SystemMessage(_system(content)))
            case role:
                raise incoming.unknown_role(role, f"{path}.role", "user, assistant or system")
    return conversation


def _user(blocks: Sequence[api.Block], path: str) -> list[messages.Message]:
    """Tool results first: they answer the message before."""
    results: list[messages.Message] = []
    parts: list[messages.ContentPart] = []
    for at, block in enumerate(blocks):
        if block.type == "tool_result":
            results.append(_result(block, f"{path}[{at}]"))
        else:
            parts.append(_part(block, f"{path}[{at}]"))
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
            case "text":
                parts.append(messages.TextPart(block.text))
            case "thinking":
                parts.append(messages.ReasoningPart(block.thinking))
            case "tool_use" | "server_tool_use" | "mcp_tool_use":
                given = block.input if isinstance(block.input, dict) else {}
                arguments = jsontext.encode(bodies.bounded(given, f"{path}[{at}].input")).decode()
                parts.append(messages.ToolCall(block.id, block.name, arguments))
            case _:  # redacted thinking, uploads: their vendor is not ours to speak for
                pass
    end()
    return conversation


def _result(block: api.Block, path: str) -> messages.ToolMessage:
    """A result of the client's tool, of ours (``mcp_tool_result``), or of one that a vendor runs."""
    if not block.tool_use_id:
        where = f"{path}.tool_use_id"
        raise errors.RequestError(f"{where}: a result needs it.", param=where, code="missing_field")
    content = bodies.bounded(block.content, f"{path}.content")
    return messages.ToolMessage(
        block.tool_use_id, _result_content(content, f"{path}.content"), is_error=bool(block.is_error)
    )


def _result_content(content: Any, path: str) -> messages.Content:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list) or not content:
        return jsontext.encode(content).decode()
    return incoming.content([_part(_block(item), f"{path}[{at}]") for at, item in enumerate(content)])


def _block(item: Any) -> api.Block:
    """A block of a kind that the model can be shown; anything else is shown as it is written."""
    match item:
        case {"type": "text", "text": str(text)}:
            return api.Block("text", text)
        case {"type": "image" | "document" as type, "source": {"type": str(kind), **rest}}:
            known = {name: value for name, value in rest.items() if name in _SOURCE and isinstance(value, str)}
            return api.Block(type, source=api.Source(kind, **known))
        case _:
            return api.Block("text", jsontext.encode(item).decode())


_SOURCE = frozenset({"media_type", "data", "url", "file_id"})


def _part(block: api.Block, path: str) -> messages.ContentPart:
    match block:
        case api.Block(type="text"):
            return messages.TextPart(block.text)
        case api.Block(type="image", source=api.Source() as source):
            if source.type == "file":
                return messages.FilePart(file_id=source.file_id)
            return messages.ImagePart(_url(source))
        case api.Block(type="document", source=api.Source(type="content", content=content)):
            return messages.TextPart(
                messages.content_text(_result_content(bodies.bounded(content, f"{path}.source"), f"{path}.source"))
            )
        case api.Block(type="document", source=api.Source(type="text", data=text)):
            return messages.TextPart(f"{block.title}\n\n{text}" if block.title else text)
        case api.Block(type="document", source=api.Source(type="file", file_id=id)):
            return messages.FilePart(file_id=id, filename=block.title)
        case api.Block(type="document", source=api.Source() as source):
            return messages.FilePart(_url(source), filename=block.title)
        case api.Block(type="search_result", source=source):
            found = _result_content(bodies.bounded(block.content, f"{path}.content"), f"{path}.content")
            return messages.TextPart(f"{block.title or ''}\n{source or ''}\n{messages.content_text(found)}".strip())
        case _:
            raise incoming.unsupported_part(block.type, path, "text, image, document or tool_result")


def _url(source: api.Source) -> str:
    if source.type == "base64":
        return f"data:{source.media_type or 'application/octet-stream'};base64,{source.data}"
    return source.url


# ----------------------------------------------------------------------------------------------- tools and parameters


def _tool(tool: api.Tool, path: str) -> toolspec.ToolSpec:
    if tool.type not in (None, "custom") or not tool.name:
        text = f"{path}.type: only tools of type 'custom', with a name, can be declared."
        raise errors.RequestError(text, param=f"{path}.type", code="unsupported_parameter")
    return incoming.client_tool(tool.name, tool.description, tool.input_schema, f"{path}.input_schema", tool.strict)


def _options(body: api.MessagesRequest) -> requests.ModelOptions:
    choice = body.tool_choice
    return requests.ModelOptions(
        temperature=body.temperature,
        top_p=body.top_p,
        max_completion_tokens=body.max_tokens,
        stop=tuple(body.stop_sequences) if body.stop_sequences else None,
        response_format=_format(body.output_config),
        reasoning_effort=_effort(body),
        tool_choice=None if choice is None else _tool_choice(choice),
        parallel_tool_calls=False if choice is not None and choice.disable_parallel_tool_use else None,
        extra=None if body.top_k is None else {"top_k": body.top_k},
    )


def _tool_choice(choice: api.ToolChoice) -> str | dict[str, Any]:
    match choice.type:
        case "auto" | "none":
            return choice.type
        case "any":
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
        case {"type": "enabled", "budget_tokens": int(budget)}:
            return "low" if budget <= 2048 else "medium" if budget <= 8192 else "high"
        case _:
            return None


def _format(config: dict[str, Any] | None) -> dict[str, Any] | None:
    match config:
        case {"format": {"type": "json_schema", "schema": dict(schema)}}:
            schema = bodies.bounded(schema, "output_config.format.schema")
            return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
        case _:
            return None
