"""What Open WebUI's page shows beside an answer: objects for the member ``event`` of a chunk. See docs/open-webui.md.

The page keeps every status and shows the latest, so nothing may follow that hides it, and the last must be done.
"""

from __future__ import annotations

from typing import Any

from turnstream import events, toolspec
from turnstream.dialects import statuses


def status(
    event: events.ToolCallsDetected | events.ToolsExecuted | events.MaxStepsReached | events.ToolProgress,
) -> dict[str, Any]:
    match event:
        case events.ToolProgress(name=name, message=message):
            return _status(f"{name}: {message}", done=False)
        case _:
            return _status(statuses.description(event), done=not isinstance(event, events.ToolCallsDetected))


def show_stop() -> dict[str, Any]:
    """The status of a run that ends while its tools run: without it the page would wait for them for ever."""
    return _status("Stopped", done=True)


def waiting() -> dict[str, Any]:
    """The status of a run that waits for a person in the middle of its tools."""
    return _status("Waiting for your answer", done=True)


def source(source: toolspec.Source) -> dict[str, Any]:
    """A citation: documents and what is known of each, side by side. It opens ``url`` where there is one; with
    ``external`` it then shows the title and not that address."""
    title = source.title or source.url or source.id
    about = {"source": source.url or title, "name": title, **({"external": True} if source.url else {})}
    named = {"name": title, **({"url": source.url} if source.url else {})}
    return {"type": "source", "data": {"source": named, "document": [source.snippet or title], "metadata": [about]}}


def _status(description: str, *, done: bool) -> dict[str, Any]:
    return {"type": "status", "data": {"description": description, "done": done, "hidden": False}}
