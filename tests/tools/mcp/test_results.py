"""A tool has done its work when its result is here: no part of a result loses the others."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from mcp import types

from turnstream.events import AudioPart, ContentPart, FilePart, ImagePart, TextPart
from turnstream.tools.mcp import listing, results

PNG = b"\x89PNG\r\n\x1a\nrest"
JPEG = b"\xff\xd8\xff\xe0rest"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def content(*blocks: Any, **more: Any) -> Any:
    return results.output_of({"content": list(blocks), **more}).content


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def tool(output_schema: Any) -> types.Tool:
    listed = {"tools": [{"name": "order", "inputSchema": {"type": "object"}, "outputSchema": output_schema}]}
    listing.repair(listed)
    return types.Tool.model_validate(listed["tools"][0])


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "image", "mimeType": "image/png", "data": b64(PNG)}, ImagePart(f"data:image/png;base64,{b64(PNG)}")),
        (
            {"type": "image", "mimeType": "IMAGE/PNG", "data": b64(JPEG)},
            ImagePart(f"data:image/jpeg;base64,{b64(JPEG)}"),
        ),
        ({"type": "image", "data": b64(PNG)}, ImagePart(f"data:image/png;base64,{b64(PNG)}")),
        (
            {"type": "image", "mimeType": "image/png", "data": f"data:image/png;base64,\n {b64(PNG)}\n"},
            ImagePart(f"data:image/png;base64,{b64(PNG)}"),
        ),
        ({"type": "image", "mimeType": "image/svg+xml", "data": "PHN2Zy8+"}, TextPart("<svg/>")),
        (
            {"type": "image", "mimeType": "image/tiff", "data": b64(b"II*\0abcd")},
            TextPart("a TIFF image, 8 bytes, which you cannot see"),
        ),
        (
            {"type": "image", "mimeType": "image/png", "data": "%%%"},
            TextPart("a PNG image, which could not be read: its data is not base64"),
        ),
        ({"type": "audio", "mimeType": "audio/mpeg", "data": b64(b"ID3x")}, AudioPart(b64(b"ID3x"), "mp3")),
    ],
)
def test_media_are_what_their_bytes_are(block: dict[str, Any], part: ContentPart) -> None:
    made = content(text("see"), block)
    if isinstance(part, TextPart):
        assert made == f"see\n{part.text}"
    else:
        assert made == (TextPart("see"), part)


def test_an_unknown_block_is_named_and_the_others_stay() -> None:
    made = content(text("a"), {"type": "video", "data": "x"}, text("b"))
    assert made == "a\n(The tool also gave content of type 'video', which cannot be shown here.)\nb"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"content": [{"type": "text", "text": "a", "annotations": {"priority": 5}}]}, "a"),
        ({"content": [{"type": "text", "text": 5}]}, "5"),
        ({"content": None}, ""),
        ({"toolResult": "old"}, "old"),
        ({"content": "bare"}, "bare"),
        ({"content": [], "isError": True}, "The tool failed without saying why."),
        ({"content": [], "isError": True, "structuredContent": {"code": 7}}, '{"code": 7}'),
        ({"content": [{"type": "text", "text": ""}], "structuredContent": {"a": 1}}, '{"a": 1}'),
        ({"content": [text("4 items")], "structuredContent": {"items": [1]}}, '4 items\n{"items": [1]}'),
        ({"content": [text('{\n  "a": 1\n}')], "structuredContent": {"a": 1}}, '{\n  "a": 1\n}'),
        ({"content": [text("one"), text("two")], "structuredContent": {"result": ["one", "two"]}}, "one\ntwo"),
    ],
)
def test_a_result_says_all_that_the_tool_said(raw: dict[str, Any], said: str) -> None:
    assert results.output_of(raw).content == said


def test_an_image_beside_structured_data_keeps_both() -> None:
    made = content({"type": "image", "mimeType": "image/png", "data": b64(PNG)}, structuredContent={"a": 1})
    assert made == (ImagePart(f"data:image/png;base64,{b64(PNG)}"), TextPart('{"a": 1}'))


def test_embedded_texts_are_told_apart_by_their_addresses() -> None:
    one = {"type": "resource", "resource": {"uri": "file:///one.txt", "text": "A"}}
    two = {"type": "resource", "resource": {"uri": "file:///two.csv", "blob": b64(b"a,b")}}
    assert content(one, two) == "file:///one.txt\nA\nfile:///two.csv\na,b"


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream", "text/yaml", None])
def test_text_in_a_blob_is_text(kind: str | None) -> None:
    resource = {"uri": "x://a", "blob": b64(b'{"a":1}'), **({"mimeType": kind} if kind else {})}
    assert content({"type": "resource", "resource": resource}) == 'x://a\n{"a":1}'


def test_a_pdf_in_a_blob_keeps_its_name() -> None:
    resource = {"uri": "file:///a/report.pdf?x=1", "blob": b64(b"%PDF-1.7"), "mimeType": "application/pdf"}
    (part,) = content({"type": "resource", "resource": resource})
    assert part == FilePart(f"data:application/pdf;base64,{b64(b'%PDF-1.7')}", filename="report.pdf")


def test_a_result_that_is_not_as_declared_is_shown_and_kept_from_data(caplog: pytest.LogCaptureFixture) -> None:
    schema = {"type": "object", "properties": {"v": {"type": "string"}}, "required": ["v"]}
    raw = {"content": [text("order 7 placed")], "structuredContent": {"v": 5}}
    output = results.output_of(raw, tool(schema))
    assert (output.content, output.data, output.is_error) == ('order 7 placed\n{"v": 5}', None, False)
    assert "gave a structured result that it does not declare" in caplog.text


@pytest.mark.parametrize("schema", [{}, {"$ref": "https://example.com/s"}, {"type": "nonsense"}, True, None])
def test_no_output_schema_hides_a_result(schema: Any) -> None:
    raw = {"content": [text("done")], "structuredContent": None}
    assert results.output_of(raw, tool(schema)).content == "done"
    assert results.output_of({"structuredContent": {"v": 5}}, tool(schema)).content == '{"v": 5}'
