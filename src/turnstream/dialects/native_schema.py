"""The JSON Schema of the runs API: what ``/v1/runs`` takes and gives, and each event of its stream."""

from __future__ import annotations

import inspect
import json
from typing import Any

import msgspec

from turnstream import events
from turnstream.api import runs as api

_BODIES = {
    "StartRun": api.RunBody,
    "AnswerRun": api.AnswerBody,
    "UpdateThread": api.ThreadBody,
    "ForkThread": api.ForkBody,
}
_OBJECTS = {"Run": api.Run, "Thread": api.Thread}


def json_schema() -> dict[str, Any]:
    """Draft 2020-12. Each thing is one of ``$defs``; ``Event`` is the ``data`` of any event of a stream."""
    named: dict[str, Any] = {**_BODIES, **_OBJECTS, "Event": events.LogEvent}
    references, found = msgspec.json.schema_components(named.values(), ref_template="#/$defs/{name}")
    definitions = {name: _tidy(definition) for name, definition in found.items()}
    for name, reference in zip(named, references, strict=True):
        if reference != {"$ref": f"#/$defs/{name}"}:
            definitions[name] = {"description": _DESCRIPTIONS[name], **reference}
    heading = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:turnstream:runs",
        "title": "Turnstream runs",
        "description": "What /v1/runs and /v1/threads take and give. Unknown members are skipped, and may be added.",
    }
    return _rename({**heading, "$defs": dict(sorted(definitions.items()))})


_DESCRIPTIONS = {
    "StartRun": "The body of POST /v1/runs.",
    "AnswerRun": "The body of POST /v1/runs/{id}/answer.",
    "UpdateThread": "The body of POST /v1/threads/{id}.",
    "ForkThread": "The body of POST /v1/threads/{id}/fork and …/rewind.",
    "Event": "The data of one server-sent event of GET /v1/runs/{id}/events.",
}


def text() -> str:
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(definition: dict[str, Any]) -> dict[str, Any]:
    if "description" in definition:
        definition["description"] = inspect.cleandoc(definition["description"])
    return definition


def _rename(schema: dict[str, Any]) -> dict[str, Any]:
    """Two classes of one name have their modules' before it: what a client gives gets a name of its own."""
    text = json.dumps(schema)
    for name in schema["$defs"]:
        if "." in name:
            module, _, plain = name.rpartition(".")
            text = text.replace(name, f"Given{plain}" if module == api.__name__ else plain)
    renamed: dict[str, Any] = json.loads(text)
    return renamed
