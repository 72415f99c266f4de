"""IBM watsonx.ai's text generation: what it says is text, calls included, so it tells only stories of text."""

from __future__ import annotations

from typing import Any

import msgspec

from turnstream.providers import watsonx_generation

PROVIDER = watsonx_generation.PROVIDER


def piece(text: str, count: int, read: int = 0, reason: str = "not_finished", **members: Any) -> bytes:
    result = {
        "generated_text": text,
        "generated_token_count": count,
        "input_token_count": read,
        "stop_reason": reason,
    }
    return b"id: 1\nevent: message\ndata: " + msgspec.json.encode({"results": [result], **members}) + b"\n\n"


BEGIN = piece("", 0, 10, system={"warnings": [{"id": "w", "message": "m"}]})
STORIES = {
    "text": BEGIN + piece("Hello", 2) + piece(", world.", 5) + piece("", 5, reason="eos_token"),
    "tool_round": BEGIN + piece("It is 18 °C", 3) + piece(" in Paris.", 5, reason="max_tokens") + b"event: close\n\n",
}
