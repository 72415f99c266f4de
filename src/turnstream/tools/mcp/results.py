"""What an MCP server says of its tools and gives as their results, in our words.

A server has done its work when its result is here, so no part of a result may lose the others: each block is read by
itself, and what cannot be read is named in a sentence.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from turnstream import messages, toolspec
from turnstream.parsing import media
from turnstream.tools.mcp import listing

if TYPE_CHECKING:
    from mcp import types

log = logging.getLogger("turnstream.tools.mcp")

RAW = "turnstream/result"
"""The key in a result's ``_meta`` under which `guard` keeps the result as it came."""

TASK = "turnstream/task"
"""The same for the task that a server made of a call."""

_RESULT_KEYS = ("content", "structuredContent", "toolResult")


def guard(result: dict[str, Any]) -> None:
    """Put a tool's result aside, where the SDK, which loses all of it for one block that it does not know, sees
    nothing to object to. Other kinds of results stay as they are."""
    if isinstance(result.get("task"), dict) and "content" not in result:
        result["_meta"] = {TASK: result.pop("task")}
        result["content"] = []
    elif result.get("resultType") in (None, "complete") and any(key in result for key in _RESULT_KEYS):
        meta = result.get("_meta")
        aside = {key: result.pop(key) for key in (*_RESULT_KEYS, "isError") if key in result}
        result["_meta"] = {**(meta if isinstance(meta, dict) else {}), RAW: aside}
        result["content"] = []
        if aside.get("isError") is True:
            result["isError"] = True


def spec(tool: types.Tool, name: str, source: str, effect: toolspec.Effect | None) -> toolspec.ToolSpec:
    """The input schema is passed on whole. Without ``effect`` the tool's annotations say what a second call does; a
    tool without any may do harm, as the specification has it. A name that had to be changed stands in the description.
    """
    hints, declared = tool.annotations, effect is not None
    if effect is None:
        read_only = hints is not None and hints.read_only_hint
        idempotent = hints is not None and hints.idempotent_hint
        effect = "none" if read_only else "idempotent" if idempotent else "once"
    schema = dict(tool.input_schema)
    schema.setdefault("type", "object")
    described = tool.description or tool.title or ""
    if not tool.name.isascii():
        called = tool.title or tool.name
        described = described if called in described else f"{called}: {described}".rstrip(": ")
    return toolspec.ToolSpec(name, described, schema, effect=effect, source=source, declared=declared)


def output(result: types.CallToolResult, tool: types.Tool | None = None) -> toolspec.ToolOutput:
    """All blocks, in order, and the structured form where no block says the same."""
    raw = (result.meta or {}).get(RAW)
    if not isinstance(raw, dict):
        raw = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    return output_of(raw, tool)


def output_of(raw: Mapping[str, Any], tool: types.Tool | None = None) -> toolspec.ToolOutput:
    failed = raw.get("isError") is True
    blocks = raw.get("content", raw.get("toolResult"))  # the second in the protocol's first version
    if blocks is not None and not isinstance(blocks, list):
        blocks = [{"type": "text", "text": blocks}]
    parts = [part for block in blocks or [] for part in _parts(block)]
    if raw.get("structuredContent") is not None:
        parts = _with_structure(parts, raw["structuredContent"])
    if failed and not any(_says_something(part) for part in parts):
        parts = [messages.TextPart("The tool failed without saying why.")]
    content: str | tuple[messages.ContentPart, ...] = tuple(parts)
    if all(isinstance(part, messages.TextPart) for part in parts):
        content = "\n".join(part.text for part in parts if isinstance(part, messages.TextPart))
    return toolspec.ToolOutput(content, failed, _data(raw, tool, failed), tuple(_sources(blocks or [])))


def _with_structure(parts: list[messages.ContentPart], structure: Any) -> list[messages.ContentPart]:
    """A text block that is the same JSON, however it is spaced, says it already; empty ones say nothing."""
    texts = [part.text for part in parts if isinstance(part, messages.TextPart)]
    if _is_said(structure, texts):
        return parts
    said = [part for part in parts if _says_something(part)]
    return [*said, messages.TextPart(json.dumps(structure, ensure_ascii=False))]


def _is_said(structure: Any, texts: list[str]) -> bool:
    """By one text as JSON; or, of an object with one member as servers wrap what is not an object, by the texts."""
    values = [_json(text) for text in texts]
    if any(value == structure for value in values):
        return True
    if not isinstance(structure, dict) or len(structure) != 1:
        return False
    (inner,) = structure.values()
    return any(inner in pair for pair in zip(texts, values, strict=True)) or inner in (texts, values)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _says_something(part: messages.ContentPart) -> bool:
    return not isinstance(part, messages.TextPart) or bool(part.text.strip())


def _data(raw: Mapping[str, Any], tool: types.Tool | None, failed: bool) -> Any:
    """The structured form, if it is what the tool declares: the model is shown it in any case."""
    structure = raw.get("structuredContent")
    if tool is None or failed:
        return structure
    fault = listing.fault_of_output(tool, structure)
    if fault is not None:
        log.warning("the MCP tool %r gave a structured result that it does not declare: %s", tool.name, fault)
        return None
    return structure


def _parts(block: Any) -> Iterator[messages.ContentPart]:
    if not isinstance(block, dict):
        yield messages.TextPart(block if isinstance(block, str) else json.dumps(block, ensure_ascii=False))
        return
    kind = str(block.get("mimeType") or "")
    match block.get("type"):
        case "text":
            yield messages.TextPart(_text(block.get("text")))
        case "image" | "audio" as medium if isinstance(block.get("data"), str):
            yield media.from_base64(block["data"], kind if kind.startswith(f"{medium}/") else kind or f"{medium}/")
        case "resource_link":
            about = f": {block['description']}" if block.get("description") else ""
            yield messages.TextPart(f"{_title(block)} <{block.get('uri')}>{about}")
        case "resource" if isinstance(block.get("resource"), dict):
            yield from _resource(block["resource"])
        case other:
            yield messages.TextPart(f"(The tool also gave content of type {other!r}, which cannot be shown here.)")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def _title(block: Mapping[str, Any]) -> str:
    return str(block.get("title") or block.get("name") or "")


def _resource(resource: Mapping[str, Any]) -> Iterator[messages.ContentPart]:
    """With its address before it: it is what tells two of them apart."""
    uri = str(resource.get("uri") or "")
    if isinstance(resource.get("blob"), str):
        name = uri.partition("?")[0].rstrip("/").rpartition("/")[2] or None
        part = media.from_base64(resource["blob"], str(resource.get("mimeType") or ""), name)
    else:
        part = messages.TextPart(_text(resource.get("text")))
    if not isinstance(part, messages.TextPart):
        yield part
    else:
        yield messages.TextPart(f"{uri}\n{part.text}" if uri else part.text)


def _sources(blocks: list[Any]) -> Iterator[toolspec.Source]:
    for block in blocks:
        if isinstance(block, dict) and block.get("type") == "resource_link" and isinstance(block.get("uri"), str):
            yield toolspec.Source(block["uri"], _title(block), block["uri"], str(block.get("description") or ""))
