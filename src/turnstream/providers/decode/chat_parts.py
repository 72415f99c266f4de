"""What chunks of chat completions hold beside plain text: typed parts, images, citations, tools that the vendor ran."""

from __future__ import annotations

from typing import Any

from turnstream import events, toolspec


def image_url(image: Any) -> str:
    """``{"type": "image_url", "image_url": {"url": …}}``, as OpenRouter and LiteLLM send what a model drew."""
    inner = image.get("image_url") if isinstance(image, dict) else None
    url = inner.get("url") if isinstance(inner, dict) else inner
    return url if isinstance(url, str) else ""


def add_parts(parts: Any, out: list[events.ModelEvent]) -> None:
    """Content as a list: text, and thinking (Magistral) or reasoning (Databricks) with its text one level down."""
    for part in parts:
        if isinstance(part, str):
            out.append(events.TextDelta(part))
        elif isinstance(part, dict):
            if part.get("type") in ("thinking", "reasoning"):
                if text := thought(part):
                    out.append(events.ReasoningDelta(text))
            elif _text(part):
                out.append(events.TextDelta(_text(part)))


def thought(value: Any) -> str:
    """The text of a thought: a text, or in any of the members and parts in which vendors put it."""
    parts = value if isinstance(value, list) else [value]
    return "".join(part if isinstance(part, str) else _of_thought(part) for part in parts)


def _of_thought(part: Any) -> str:
    named = part if isinstance(part, dict) else {}
    found = (_texts(named.get(name)) for name in ("thinking", "summary", "text", "content", "reasoning"))
    return next(filter(None, found), "")


def _texts(value: Any) -> str:
    listed = value if isinstance(value, list) else [value]
    return "".join(item if isinstance(item, str) else _text(item) for item in listed if isinstance(item, str | dict))


def _text(part: dict[str, Any]) -> str:
    text = part.get("text")
    if text is None and part.get("type") in ("text", "output_text"):
        text = part.get("content")
    if isinstance(text, dict):
        text = text.get("value")
    return text if isinstance(text, str) else ""


def source(item: Any) -> toolspec.Source | None:
    if isinstance(item, str):
        return toolspec.Source(item, url=item)
    if not isinstance(item, dict) or not isinstance(item.get("url"), str):
        return None
    snippet = item.get("snippet") or item.get("content") or ""
    return toolspec.Source(item["url"], str(item.get("title") or ""), item["url"], str(snippet)[:2000])


def annotation_sources(annotations: list[Any]) -> list[toolspec.Source | None]:
    found = []
    for annotation in annotations:
        if isinstance(annotation, dict):
            citation = annotation.get("url_citation")
            found.append(source(citation if isinstance(citation, dict) else annotation))
    return found


def add_hosted(executed: list[Any], out: list[events.ModelEvent]) -> None:
    """Groq's compound models: each tool that ran, first with its arguments, later with its output."""
    for tool in executed:
        if isinstance(tool, dict):
            name, call_id = str(tool.get("type") or "tool"), f"executed_{tool.get('index', 0)}"
            if tool.get("output") is None:
                out.append(events.HostedToolCall(call_id, name, str(tool.get("arguments") or "")))
            else:
                out.append(events.HostedToolResult(call_id, name, str(tool["output"])))
