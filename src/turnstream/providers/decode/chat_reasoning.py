"""What of a model's reasoning goes back to its vendor: signatures, ciphers, and fields that must not be lost.

Each gateway has its own member for it: ``reasoning_details`` (OpenRouter, Vercel), ``thinking_blocks`` (LiteLLM),
``reasoning_opaque`` (GitHub Copilot). They come in pieces and go back whole, under the same name. A stream whose
``reasoning_content`` is the empty string has reasoned, too, and there are vendors that want the field back.

And what of it is shown, where no field has it as a plain text: details and blocks without one beside them (MiniMax),
``thinking`` and ``thought`` of smaller gateways, and Gemini's, which is content with a mark (``extra_content``) and, at
its ends, a tag that the answer's first chunk has to close.
"""

from __future__ import annotations

import itertools
from typing import Any

from turnstream.parsing import repeated_text
from turnstream.providers.decode import chat_chunks, chat_parts

_TEXTS = ("text", "summary", "data")
_OPENING, _CLOSING = "<thought>", "</thought>"
_CHANCE = 4  # characters of a beginning that the next piece may repeat by chance


class Kept:
    """Of one answer."""

    def __init__(self) -> None:
        self._details: list[dict[str, Any]] = []
        self._blocks: list[dict[str, Any]] = []
        self._opaque: list[str] = []
        self.plain = False  # its text came as a string
        self.last: str | None = ""  # its last piece, while each piece may have all so far
        self.empty = False  # that string was empty
        self.field = ""  # its name, where that is not the usual ``reasoning_content``
        self.marked = False  # the last content was marked as thought: what follows may begin with its closing tag
        self._tail = ""  # of content behind that, while it may become the tag
        self._details_said: list[str] = []
        self._details_size = 0

    def new_of(self, piece: str, last: str) -> str:
        """What of the plain text is new. Nothing is held back: one that is too short to tell is shown twice."""
        if last and not repeated_text.may_repeat(last, piece):
            self.last = None if piece != last or len(last) <= _CHANCE else last
            return piece if self.last is None else ""
        self.last = piece
        return piece[len(last) :] if len(last) > _CHANCE and len(set(last)) > 2 else piece

    def sort(self, delta: chat_chunks.Delta) -> str:
        """Put what the delta says of reasoning into ``reasoning_content``, and take it out of its content. What stands
        in details or blocks alone is given back instead, to be shown: it goes to the vendor as it came."""
        google = (delta.extra_content or {}).get("google")
        marked = delta.thought is True or (isinstance(google, dict) and google.get("thought") is True)
        if isinstance(delta.content, str) and (marked or self.marked):
            self._divide(delta, delta.content, marked)
        if delta.reasoning_content or delta.reasoning or delta.reasoning_text:
            return ""
        said = chat_parts.thought(delta.thinking) or chat_parts.thought(delta.thought)
        if said:
            delta.reasoning_content = said
        if said or self.plain:
            return ""
        details = self._of_details(delta.reasoning_details, ("text", "summary"))
        return details or self._of_details(delta.thinking_blocks, ("thinking",))

    def _divide(self, delta: chat_chunks.Delta, content: str, marked: bool) -> None:
        content, self._tail = self._tail + content, ""
        if marked:
            thought, closing, rest = content.removeprefix(_OPENING).partition(_CLOSING)
            self.marked = not closing
            delta.reasoning_content = (delta.reasoning_content or "") + thought or None
            delta.content = rest
        elif content and content != _CLOSING and _CLOSING.startswith(content):
            self._tail, delta.content = content, ""
        elif content:
            self.marked = False
            delta.content = content.removeprefix(_CLOSING)

    def close(self) -> str:
        """Content that looked like the beginning of a tag and was none."""
        tail, self._tail = self._tail, ""
        return tail

    def _of_details(self, pieces: list[Any] | None, names: tuple[str, ...]) -> str:
        """What is new in them: some servers repeat all so far in each (https://github.com/MiniMax-AI/MiniMax-M2/issues/95
        has both readings). The pieces are left with that, too."""
        said = []
        for piece in pieces or ():
            for name in names:
                if isinstance(piece, dict) and isinstance(text := piece.get(name), str) and text:
                    piece[name] = new = self._new_of(text)
                    said.append(new)
        return "".join(said)

    def _new_of(self, text: str) -> str:
        size = self._details_size
        if len(text) > size > 0 and (size >= _CHANCE or text[size].isspace()):
            before = "".join(self._details_said)
            self._details_said = [before]
            text = text[size:] if text.startswith(before) else text
        self._details_said.append(text)
        self._details_size += len(text)
        return text

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
        if self._details and any(
            not self.plain or "signature" in detail or "data" in detail for detail in self._details
        ):
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
