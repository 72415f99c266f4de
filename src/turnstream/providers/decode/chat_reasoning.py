"""What of a model's reasoning goes back to its vendor: signatures, ciphers, and fields that must not be lost.

Each gateway has its own member for it: ``reasoning_details`` (OpenRouter, Vercel), ``thinking_blocks`` (LiteLLM),
``reasoning_opaque`` (GitHub Copilot). They come in pieces and go back whole, under the same name. A stream whose
``reasoning_content`` is the empty string has reasoned, too, and there are vendors that want the field back.
"""

from __future__ import annotations

import itertools
from typing import Any

from turnstream.providers.decode import chat_chunks

_TEXTS = ("text", "summary", "data")


class Kept:
    """Of one answer."""

    def __init__(self) -> None:
        self._details: list[dict[str, Any]] = []
        self._blocks: list[dict[str, Any]] = []
        self._opaque: list[str] = []
        self.plain = False  # its text came as a string
        self.empty = False  # that string was empty
        self.field = ""  # its name, where that is not the usual ``reasoning_content``

    def add(self, delta: chat_chunks.Delta) -> int:
        """How many characters are kept of it."""
        size = _take(delta.reasoning_details, self._details) + _take(delta.thinking_blocks, self._blocks)
        if delta.reasoning_opaque:
            self._opaque.append(delta.reasoning_opaque)
            size += len(delta.reasoning_opaque)
        return size

    def members(self, *, called: bool) -> dict[str, Any]:
        """The members of the assistant's message, by the names under which they came.

        ``field`` is none of them: it names the one that held the text of the reasoning.
        """
        found: dict[str, Any] = {}
        if any(not self.plain or "signature" in detail or "data" in detail for detail in self._details):
            found["reasoning_details"] = merge_details(self._details)
        if self._blocks:
            found["thinking_blocks"] = merge_blocks(self._blocks)
        if self._opaque:
            found["reasoning_opaque"] = self._opaque[-1]
        if called and self.empty and not self.plain:
            found["reasoning_content"] = ""
        if called and self.field and not found:
            found["field"] = self.field
        return found


def _take(pieces: list[Any] | None, kept: list[dict[str, Any]]) -> int:
    whole = [piece for piece in pieces or () if isinstance(piece, dict)]
    kept.extend(whole)
    return sum(len(value) for piece in whole for value in piece.values() if isinstance(value, str))


def merge_details(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fragments of one detail, which have its index and type, as one; what has no text is taken from the last."""
    whole: list[dict[str, Any]] = []
    for _, group in itertools.groupby(details, lambda detail: (detail.get("type"), detail.get("index"))):
        one: dict[str, Any] = {}
        texts: dict[str, list[str]] = {}
        for detail in group:
            for key, value in detail.items():
                if key in _TEXTS and isinstance(value, str):
                    texts.setdefault(key, []).append(value)
                if value or key not in one:
                    one[key] = value
        whole.append(one | {key: "".join(pieces) for key, pieces in texts.items()})
    return whole


def merge_blocks(pieces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Anthropic's blocks in LiteLLM's pieces: the text, then the signature, which ends its block; ciphers are whole."""
    whole: list[dict[str, Any]] = []
    texts: list[str] = []
    for piece in pieces:
        if piece.get("type") != "thinking":
            whole.append(piece)
            continue
        texts.append(str(piece.get("thinking") or ""))
        if piece.get("signature"):
            whole.append({**piece, "thinking": "".join(texts)})
            texts = []
    if any(texts):
        whole.append({"type": "thinking", "thinking": "".join(texts)})
    return whole
