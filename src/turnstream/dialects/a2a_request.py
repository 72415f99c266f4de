"""The message of an A2A request as the model shall see it."""

from __future__ import annotations

from turnstream import asks, errors, jsontext, messages
from turnstream.api import a2a as api
from turnstream.dialects import body as bodies, incoming


def content(message: api.Message) -> messages.Content:
    if not message.parts:
        raise errors.RequestError("message.parts: there must be at least one part.", param="message.parts")
    parts = tuple(_part(part, f"message.parts[{at}]") for at, part in enumerate(message.parts))
    return incoming.content(parts)


def answers(message: api.Message) -> tuple[asks.Answer, ...]:
    """The answers that a client gives as data: ``{"code": …, "approve": true}``, with ``arguments``, ``value`` or
    ``reason`` beside it. What it says in words is read as of any other user."""
    given = [part.data for part in message.parts if isinstance(part.data, dict) and "code" in part.data]
    return tuple(
        asks.Answer(
            str(data["code"]),
            "accept" if data.get("approve", "value" in data) is True else "decline",
            bodies.check_depth(data.get("value", data.get("arguments")), "message.parts"),
            reason=str(data.get("reason") or ""),
        )
        for data in given
    )


def _part(part: api.Part, path: str) -> messages.ContentPart:
    if part.text is not None:
        return messages.TextPart(part.text)
    if part.data is not None:
        return messages.TextPart(jsontext.encode(bodies.check_depth(part.data, path)).decode())
    file = part.file or api.File(part.raw, part.url, part.media_type, part.filename)
    mime = file.mime_type or "application/octet-stream"
    if file.bytes is not None:
        url = f"data:{mime};base64,{file.bytes}"
    elif file.uri is not None:
        url = file.uri
    else:
        raise errors.RequestError(f"{path}: has neither text, file nor data.", param=path, code="invalid_value")
    return incoming.media(mime, url, file.name)
