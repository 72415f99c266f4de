"""What Open WebUI 0.12 makes of a chat completions stream, by the rules of its middleware.

It splits the body at line feeds and looks at lines that start with ``data:``; of other lines it takes only JSON with an
``error``. A top-level ``event`` goes to the page and does not end the handling of its chunk. Usage is summed over
chunks, each of ``delta.tool_calls`` is executed after the stream, and ``delta.annotations`` are sources once more.
The page keeps all statuses and shows the last, or none if that is hidden. It shows one citation for all documents whose
``metadata`` names the same source, by the name that came first; an address is shown in its place unless it is external.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct, field


class Page(Struct):
    """What the page shows, and what the middleware would do next."""

    text: str = ""
    reasoning: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    executes: list[str] = field(default_factory=list)
    prompt_tokens: int = 0
    error: Any = None
    ignored: list[str] = field(default_factory=list)

    def of(self, type: str) -> list[dict[str, Any]]:
        return [event["data"] for event in self.events if event["type"] == type]

    @property
    def status(self) -> str | None:
        """The line above the answer, in the end."""
        last = self.of("status")[-1:]
        return last[0]["description"] if last and not last[0]["hidden"] else None

    @property
    def citations(self) -> dict[str, list[str]]:
        """The documents of each citation, by the name that it has on the page."""
        names: dict[str, str] = {}
        found: dict[str, list[str]] = {}
        for one in self.of("source"):
            for document, about in zip(one["document"], one["metadata"], strict=True):
                id = about["source"]
                name = id if id.startswith("http") and not about.get("external") else about["name"]
                found.setdefault(names.setdefault(id, name), []).append(document)
        return found


def read(stream: bytes) -> Page:
    page = Page()
    for line in stream.decode().split("\n"):
        if not line.strip():
            continue
        payload = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if payload == "[DONE]":
            continue
        try:
            data = json.loads(payload or line)
        except ValueError:
            page.ignored.append(line)
            continue
        if payload or "error" in data:
            _take(data, page)
    return page


def _take(data: dict[str, Any], page: Page) -> None:
    if "event" in data:
        page.events.append(data["event"])
    page.prompt_tokens += (data.get("usage") or {}).get("prompt_tokens", 0)
    choices = data.get("choices") or []
    if not choices:
        page.error = data.get("error", page.error)
        return
    delta = choices[0].get("delta") or {}
    page.text += delta.get("content") or ""
    page.reasoning += delta.get("reasoning_content") or delta.get("reasoning") or ""
    page.events += [_source(annotation["url_citation"]) for annotation in delta.get("annotations") or []]
    page.executes += [call["function"]["name"] for call in delta.get("tool_calls") or []]


def _source(citation: dict[str, Any]) -> dict[str, Any]:
    title, url = citation["title"], citation["url"]
    about = {"source": url, "name": title}
    return {"type": "source", "data": {"source": {"name": title, "url": url}, "document": [title], "metadata": [about]}}
