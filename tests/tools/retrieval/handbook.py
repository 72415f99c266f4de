"""A thousand documents as a store would have them, each with a word and a vector of its own."""

from __future__ import annotations

from typing import Any

from bench.rig.embeddings import hashed
from tests.tools.retrieval.folders import TOPICS

DIMENSIONS = 64


def documents(count: int = 1000) -> list[dict[str, Any]]:
    return [_document(number) for number in range(count)]


def _document(number: int) -> dict[str, Any]:
    topic = TOPICS[number % len(TOPICS)]
    text = f"A report on {topic}. Its sign is marker{number:05}."
    return {
        "id": f"doc-{number}",
        "title": f"Report {number}",
        "path": f"{topic}/{number}",
        "body": text,
        "vector": hashed(text, DIMENSIONS),
    }
