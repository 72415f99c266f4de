"""What IBM's ``orchestrate evaluations validate-external`` demands of an external agent's stream, by the same reading.

It cuts the body into pieces of 128 bytes, drops the lines of a piece that start with ``event:``, takes an event to end
at an empty line, and deletes ``data:`` wherever it stands in one. So whatever is not a plain ``data:`` line is a fault,
though the standard allows it. Rules of ibm-watsonx-orchestrate-evaluation-framework 1.6.9.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

PIECE = 128
ENDS = (b"\n\n", b"\r\r", b"\r\n\r\n")


def events(body: bytes) -> Iterator[bytes]:
    event = b""
    for start in range(0, len(body), PIECE):
        for line in body[start : start + PIECE].splitlines(keepends=True):
            if line.startswith(b"event:"):
                continue
            event += line
            if event.endswith(ENDS):
                content = event.replace(b"data:", b"") if event.startswith(b"data:") else event
                if content.strip() == b"[DONE]":
                    return
                yield content
                event = b""
    if event:
        yield event


def faults(body: bytes) -> list[str]:
    """What the validator would refuse, empty for a stream that passes."""
    found: list[str] = []
    for event in events(body):
        try:
            data = json.loads(event)
        except ValueError:
            found.append(f"not JSON: {event!r}")
        else:
            found += [f"{fault}: {event!r}" for fault in data_faults(data)]
    return found


def data_faults(data: Any) -> Iterator[str]:
    if not isinstance(data, dict):
        yield "not an object"
        return
    if not isinstance(data.get("id"), str):
        yield "no id"
    if "object" not in data or not isinstance(data["object"], str | None):
        yield "no object"
    if not isinstance(data.get("choices"), list) or not all(isinstance(item, dict) for item in data["choices"]):
        yield "no choices"
    for name, kind in (("thread_id", str), ("model", str), ("created", int)):
        if data.get(name) is not None and not isinstance(data[name], kind):
            yield f"{name} is no {kind.__name__}"
