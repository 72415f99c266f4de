"""An image, a document and a sound in each protocol's own form reach the vendor, which here says what reached it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clients import raw

PNG, PDF, WAV = "iVBORw0KGgo=", "JVBERi0=", "UklGRg=="
IMAGE_URL, WAV_URL = f"data:image/png;base64,{PNG}", f"data:audio/wav;base64,{WAV}"
PDF_URL = f"data:application/pdf;base64,{PDF}"
WEB = "https://example.org/a.png"
TEXT = "What is this?"

# What an OpenAI-compatible vendor must be sent.
IMAGE = {"type": "image_url", "image_url": {"url": IMAGE_URL}}
LINKED = {"type": "image_url", "image_url": {"url": WEB}}
FILE = {"type": "file", "file": {"file_data": PDF_URL, "filename": "a.pdf"}}
SOUND = {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}


def _anthropic(*parts: Any) -> dict[str, Any]:
    said = [{"type": "text", "text": TEXT}, *parts]
    return {"model": "vendor-echo", "max_tokens": 9, "messages": [{"role": "user", "content": said}]}


def _responses(*parts: Any) -> dict[str, Any]:
    said = [{"type": "input_text", "text": TEXT}, *parts]
    return {"model": "vendor-echo", "input": [{"role": "user", "content": said}]}


def _ag_ui(*parts: Any) -> dict[str, Any]:
    said = [{"type": "text", "text": TEXT}, *parts]
    return {"threadId": "t", "runId": "r", "messages": [{"id": "1", "role": "user", "content": said}]}


def _vercel(*parts: Any) -> dict[str, Any]:
    said = [{"type": "text", "text": TEXT}, *parts]
    return {"id": "c", "messages": [{"id": "1", "role": "user", "parts": said}]}


def _a2a(method: str, *parts: Any) -> dict[str, Any]:
    message = {"messageId": "m", "role": "user", "parts": [{"text": TEXT}, *parts]}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"message": message}}


def _data(kind: str, mime: str, value: str) -> dict[str, Any]:
    return {"type": kind, "source": {"type": "data", "value": value, "mimeType": mime}}


def _a2a_file(**file: str) -> dict[str, Any]:
    return {"kind": "file", "file": file}


CASES: dict[str, tuple[str, dict[str, Any], list[dict[str, Any]]]] = {
    "anthropic": (
        "/v1/messages",
        _anthropic(
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "image", "source": {"type": "url", "url": WEB}},
            {
                "type": "document",
                "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            },
        ),
        [IMAGE, LINKED, FILE],
    ),
    "responses": (
        "/v1/responses",
        _responses(
            {"type": "input_image", "image_url": IMAGE_URL},
            {"type": "input_image", "image_url": WEB},
            {"type": "input_file", "file_data": PDF_URL, "filename": "a.pdf"},
            {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}},
        ),
        [IMAGE, LINKED, FILE, SOUND],
    ),
    "ag-ui": (
        "/ag-ui/vendor-echo",
        _ag_ui(
            _data("image", "image/png", PNG),
            {"type": "image", "source": {"type": "url", "value": WEB}},
            {"type": "binary", "mimeType": "application/pdf", "data": PDF, "filename": "a.pdf"},
            _data("audio", "audio/wav", WAV),
        ),
        [IMAGE, LINKED, FILE, SOUND],
    ),
    "vercel": (
        "/vercel/vendor-echo",
        _vercel(
            {"type": "file", "mediaType": "image/png", "url": IMAGE_URL},
            {"type": "file", "mediaType": "image/png", "url": WEB},
            {"type": "file", "mediaType": "application/pdf", "url": PDF_URL, "filename": "a.pdf"},
            {"type": "file", "mediaType": "audio/wav", "url": WAV_URL},
        ),
        [IMAGE, LINKED, FILE, SOUND],
    ),
    "a2a 0.3": (
        "/a2a/vendor-echo",
        _a2a(
            "message/send",
            _a2a_file(bytes=PNG, mimeType="image/png"),
            _a2a_file(uri=WEB, mimeType="image/png"),
            _a2a_file(bytes=PDF, mimeType="application/pdf", name="a.pdf"),
            _a2a_file(bytes=WAV, mimeType="audio/wav"),
        ),
        [IMAGE, LINKED, FILE, SOUND],
    ),
    "a2a 1.0": (
        "/a2a/vendor-echo",
        _a2a(
            "SendMessage",
            {"raw": PNG, "mediaType": "image/png"},
            {"url": WEB, "mediaType": "image/png"},
            {"raw": PDF, "mediaType": "application/pdf", "filename": "a.pdf"},
            {"raw": WAV, "mediaType": "audio/wav"},
        ),
        [IMAGE, LINKED, FILE, SOUND],
    ),
}


def answered(dialect: str, answer: raw.Answer) -> Any:
    """The JSON that the agent said."""
    if dialect in ("ag-ui", "vercel"):
        frames = [json.loads(frame) for frame in answer.frames if frame != b"[DONE]"]
        return json.loads("".join(frame["delta"] for frame in frames if "delta" in frame))
    match dialect.split()[0]:
        case "anthropic":
            return json.loads(answer.json["content"][0]["text"])
        case "responses":
            return json.loads(answer.json["output"][0]["content"][0]["text"])
        case _:
            result = answer.json["result"]
            return json.loads(result.get("task", result)["artifacts"][0]["parts"][0]["text"])


@pytest.mark.parametrize("dialect", CASES)
async def test_content_of_every_kind_reaches_the_vendor(server: str, dialect: str) -> None:
    path, body, expected = CASES[dialect]
    answer = await raw.post(server.removesuffix("/v1") + path, body)
    [_, asked] = answered(dialect, answer)["messages"]
    assert asked == {"role": "user", "content": [{"type": "text", "text": TEXT}, *expected]}
