"""Files that a form of parts needs, as arguments."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.tools.test_openapi_documents import offered
from turnstream.events import ToolError
from turnstream.tools import schema_check
from turnstream.tools.auth import Credentials


def uploading(file: Any, required: list[str], kind: str = "multipart/form-data", **media: Any) -> list[Any]:
    schema = {"type": "object", "properties": {"file": file, "name": {"type": "string"}}, "required": required}
    paths = {"/x": {"post": {"requestBody": {"content": {kind: {"schema": schema, **media}}}}}}
    return offered(paths, components={"schemas": {"File": {"type": "string", "format": "binary"}}})


BINARY = {"type": "string", "format": "binary", "description": "The report."}


@pytest.mark.parametrize(
    "file",
    [
        BINARY,
        {"type": "string", "contentMediaType": "image/png"},
        {"type": "string", "contentEncoding": "base64"},
        {"type": "array", "items": {"type": "string", "format": "binary"}},
        {"$ref": "#/components/schemas/File"},
    ],
)
def test_a_file_that_may_be_left_out_is_no_argument(file: Any) -> None:
    (operation,) = uploading(file, ["name"])
    assert list(operation.schema["properties"]["body"]["properties"]) == ["name"]


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (BINARY, "application/x-www-form-urlencoded"),
        ({"type": "string", "contentEncoding": "base64"}, "multipart/form-data"),
    ],
)
def test_what_needs_a_file_that_cannot_be_sent_is_left_out(file: Any, kind: str) -> None:
    assert uploading(file, ["file"], kind) == []


def parts_of(operation: Any, file: Any) -> list[str]:
    """From each file's name on."""
    arguments = {"body": {"file": file, "name": "n"}}
    schema_check.check(schema_check.validator(operation.schema), arguments, "tool")
    made = operation.request(arguments, Credentials(), "key")
    boundary = made.headers["Content-Type"].partition("boundary=")[2]
    parts = made.body.decode().split(f"--{boundary}\r\n")
    begin = 'Content-Disposition: form-data; name="file"; filename='
    return [part.removeprefix(begin).removesuffix("\r\n") for part in parts if part.startswith(begin)]


@pytest.mark.parametrize(
    ("file", "value", "part"),
    [
        (BINARY, ("a b.csv", "x,ü\r\n"), '"a b.csv"\r\nContent-Type: text/csv\r\n\r\nx,ü\r\n'),
        (BINARY, ("a.png", "aGk=", "base64"), '"a.png"\r\nContent-Type: image/png\r\n\r\nhi'),
        (BINARY, ('../x/"y"\r\nZ: 1', "-"), '"%22y%22Z: 1"\r\nContent-Type: text/plain\r\n\r\n-'),
        ({"$ref": "#/components/schemas/File"}, ("", "-"), '"file"\r\nContent-Type: text/plain\r\n\r\n-'),
        ({"type": "string", "contentMediaType": "image/gif"}, ("x", "-"), '"x"\r\nContent-Type: image/gif\r\n\r\n-'),
    ],
)
def test_a_file_that_is_needed_is_an_argument_and_a_part_with_name_and_type(
    file: Any, value: tuple[str, ...], part: str
) -> None:
    (operation,) = uploading(file, ["file"])
    given = dict(zip(("filename", "content", "encoding"), value, strict=False))
    assert parts_of(operation, given) == [part]


def test_files_that_are_needed_are_a_part_each() -> None:
    (operation,) = uploading({"type": "array", "items": BINARY, "maxItems": 2}, ["file"])
    files = [{"filename": f"{name}.txt", "content": name} for name in "ab"]
    assert [part[:7] for part in parts_of(operation, files)] == ['"a.txt"', '"b.txt"']
    with pytest.raises(ToolError, match="too long"):
        parts_of(operation, [*files, *files])


def test_the_type_of_a_file_is_what_the_encoding_says() -> None:
    (operation,) = uploading(BINARY, ["file"], encoding={"file": {"contentType": "application/pdf"}})
    body = {"file": {"filename": "a.txt", "content": "JVBERi0=", "encoding": "base64"}}
    assert parts_of(operation, body["file"])[0].endswith("Content-Type: application/pdf\r\n\r\n%PDF-")


def test_a_file_that_is_not_base64_is_told_to_the_model() -> None:
    (operation,) = uploading(BINARY, ["file"])
    body = {"file": {"filename": "a.bin", "content": "é!", "encoding": "base64"}}
    with pytest.raises(ToolError, match=r"The content of the file 'a.bin' is not base64\."):
        operation.request({"body": body}, Credentials(), "key")


@given(st.binary(max_size=40), st.text(max_size=10))
def test_the_bytes_of_a_file_arrive_whatever_its_name(data: bytes, name: str) -> None:
    (operation,) = uploading(BINARY, ["file"])
    file = {"filename": name, "content": b64encode(data).decode(), "encoding": "base64"}
    made = operation.request({"body": {"file": file}}, Credentials(), "key")
    boundary = made.headers["Content-Type"].partition("boundary=")[2].encode()
    assert made.body.count(boundary) == 2
    head, _, content = made.body.partition(b"\r\n\r\n")
    assert head.count(b"\r\n") == 2
    assert content == data + b"\r\n--" + boundary + b"--\r\n"
