"""How much of a result a model is given. What is longer is cut, and says so: a model with the beginning can go on."""

from __future__ import annotations

import msgspec

from turnstream import messages, toolspec
from turnstream.parsing import media
from turnstream.tools import bounds

MOST_MEDIA = 20_000_000
"""Characters of images, sound and files, as they are sent."""


def fit(output: toolspec.ToolOutput, most_bytes: int = bounds.ANSWER_BYTES) -> toolspec.ToolOutput:
    """The same, with text cut and parts that are too large put into words. Structured data that is too large goes."""
    content = output.content
    if isinstance(content, str):
        content = cut(content, most_bytes)
    elif any(_size(part) > 0 for part in content):
        content = _parts(content, most_bytes)
    data = output.data
    if data is not None and _is_longer(data, most_bytes):
        data = None
    if content is output.content and data is output.data:
        return output
    return msgspec.structs.replace(output, content=content, data=data)


def cut(text: str, most_bytes: int) -> str:
    """At most so many bytes of UTF-8, and how many characters are missing."""
    if len(text) * 4 <= most_bytes or len(raw := text.encode("utf-8", "replace")) <= most_bytes:
        return text
    kept = raw[:most_bytes].decode("utf-8", "ignore")
    return f"{kept}… {len(text) - len(kept):,} more characters"


def _parts(parts: tuple[messages.ContentPart, ...], most_bytes: int) -> tuple[messages.ContentPart, ...]:
    text_left, media_left = most_bytes, MOST_MEDIA
    made: list[messages.ContentPart] = []
    for part in parts:
        if isinstance(part, messages.TextPart):
            kept = cut(part.text, max(text_left, 0))
            text_left -= len(kept.encode("utf-8", "replace"))
            made.append(part if kept is part.text else messages.TextPart(kept))
        elif (media_left := media_left - _size(part)) >= 0:
            made.append(part)
        else:
            made.append(messages.TextPart(f"{media.in_words(part)}: it is too large"))
    return tuple(made)


def _size(part: messages.ContentPart) -> int:
    match part:
        case messages.TextPart(text=text):
            return len(text)
        case messages.ImagePart(url=url) | messages.FilePart(url=str(url)) | messages.MediaPart(url=url):
            return len(url)
        case messages.FilePart():
            return 0
        case _:
            return len(part.data)


def _is_longer(data: object, most_bytes: int) -> bool:
    try:
        return len(msgspec.json.encode(data, enc_hook=str)) > most_bytes
    except (UnicodeEncodeError, TypeError, ValueError, RecursionError):
        return False
