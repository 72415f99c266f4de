"""What a vendor refuses in a tool's result is told to the model in words: a tool has done its work when it is here."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from turnstream import messages, requests, toolspec
from turnstream.providers import base
from turnstream.providers.catalogue import PROVIDERS


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


SVG = messages.ImagePart("data:IMAGE/SVG+XML;base64,PHN2Zy8+")
TIFF = messages.ImagePart(f"data:image/tiff;base64,{b64(b'II*' + bytes(5))}")
ZIP = messages.FilePart(f"data:application/zip;base64,{b64(b'PK' + bytes(6))}", filename="a.zip")
JSON = messages.FilePart(f"data:application/json;base64,{b64(b'{}')}")
PDF = messages.FilePart(f"data:application/pdf;base64,{b64(b'%PDF-1.7')}")
SOUND = messages.AudioPart(b64(b"OggSxxxx"), "ogg")
NO_BASE64 = messages.ImagePart("data:image/png;base64,%%%")
VENDORS = ["anthropic", "bedrock", "cohere", "gemini", "mistral", "ollama", "openai", "openai-responses", "watsonx"]


def encoded(vendor: str, *parts: messages.ContentPart) -> Any:
    call = messages.ToolCall("call_1", "look", "{}")
    history = (
        messages.UserMessage("look"),
        messages.AssistantMessage((call,)),
        messages.ToolMessage("call_1", (messages.TextPart("see"), *parts), "look"),
    )
    given = requests.ModelRequest(history, (toolspec.ToolSpec("look"),))
    settings = base.Settings(
        model="some-model", base_url="https://api.example.com", api_key="k", quirks={"project_id": "p"}
    )
    return json.loads(PROVIDERS[vendor].provider.request(settings, given).body)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("part", [SVG, TIFF, ZIP, JSON, PDF, SOUND, NO_BASE64])
def test_no_part_of_a_tools_result_ends_a_run(vendor: str, part: messages.ContentPart) -> None:
    body = json.dumps(encoded(vendor, part))
    assert "see" in body
    assert "svg+xml" not in body.lower()
    assert "image/tiff" not in body


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_svg_is_its_text_and_a_tiff_is_named(vendor: str) -> None:
    body = json.dumps(encoded(vendor, SVG, TIFF))
    assert "<svg/>" in body
    assert "a TIFF image, 8 bytes, which you cannot see" in body


def test_a_pdf_of_chat_completions_has_a_name() -> None:
    assert '"filename": "document.pdf"' in json.dumps(encoded("openai", PDF))
