"""What an MCP server says of its tools and gives as their results, in our words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from turnstream.events import (
    AudioPart,
    ContentPart,
    Effect,
    FilePart,
    ImagePart,
    Source,
    TextPart,
    ToolOutput,
    ToolSpec,
    content_text,
)

if TYPE_CHECKING:
    from mcp import types

MOST_MEDIA = 20_000_000


def spec(tool: types.Tool, name: str, source: str, effect: Effect | None) -> ToolSpec:
    """The input schema is passed on whole. Without ``effect`` the tool's annotations say what a second call does; a
    tool without any may do harm, as the specification has it."""
    hints = tool.annotations
    if effect is None:
        read_only = hints is not None and hints.read_only_hint
        idempotent = hints is not None and hints.idempotent_hint
        effect = "none" if read_only else "idempotent" if idempotent else "once"
    schema = dict(tool.input_schema)
    schema.setdefault("type", "object")
    return ToolSpec(name, tool.description or tool.title or "", schema, effect=effect, source=source)


def output(result: types.CallToolResult) -> ToolOutput:
    """All blocks, in order. A result that is structured alone goes to the model as JSON."""
    parts = tuple(_part(block) for block in result.content)
    content: str | tuple[ContentPart, ...] = parts
    if not parts:
        content = "" if result.structured_content is None else json.dumps(result.structured_content, ensure_ascii=False)
    elif all(isinstance(part, TextPart) for part in parts):
        content = "\n".join(part.text for part in parts if isinstance(part, TextPart))
    sources = tuple(
        Source(block.uri, block.title or block.name, block.uri, block.description or "")
        for block in result.content
        if block.type == "resource_link"
    )
    return ToolOutput(content, bool(result.is_error), result.structured_content, sources)


def text_size(output: ToolOutput) -> int:
    """Bytes of its text, or of its structured form, whichever are more."""
    data = 0 if output.data is None else len(msgspec.json.encode(output.data))
    return max(data, len(content_text(output.content).encode("utf-8", "replace")))


def media_size(output: ToolOutput) -> int:
    """Characters of its images, sound and files, as they are sent."""
    parts = () if isinstance(output.content, str) else output.content
    return sum(len(getattr(part, "url", "")) + len(getattr(part, "data", "")) for part in parts)


def _part(block: Any) -> ContentPart:
    match block.type:
        case "text":
            return TextPart(block.text)
        case "image":
            return ImagePart(f"data:{block.mime_type};base64,{block.data}")
        case "audio":
            return AudioPart(block.data, _format(block.mime_type))
        case "resource_link":
            described = f": {block.description}" if block.description else ""
            return TextPart(f"{block.title or block.name} <{block.uri}>{described}")
        case _:
            return _resource(block.resource)


def _resource(resource: types.TextResourceContents | types.BlobResourceContents) -> ContentPart:
    text = getattr(resource, "text", None)
    if text is not None:
        return TextPart(text)
    kind = resource.mime_type or "application/octet-stream"
    url = f"data:{kind};base64,{getattr(resource, 'blob', '')}"
    if kind.startswith("image/"):
        return ImagePart(url)
    return FilePart(url, filename=resource.uri.rstrip("/").rpartition("/")[2] or None)


def _format(mime_type: str) -> str:
    """``audio/mpeg`` → ``mp3``: formats are named as OpenAI's API does."""
    name = mime_type.partition(";")[0].rpartition("/")[2].removeprefix("x-")
    return {"mpeg": "mp3", "wave": "wav", "vnd.wave": "wav"}.get(name, name)
