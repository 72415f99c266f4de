from __future__ import annotations

import enum
from collections import UserDict, deque
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from turnstream.events import ImagePart, Source, TextPart, ToolOutput
from turnstream.tools.results import failure, output


@dataclass
class Point:
    x: int
    when: datetime


class Book(BaseModel):
    title: str


class Colour(enum.Enum):
    RED = "red"


IMAGE = ImagePart("https://example.com/a.png")


@pytest.mark.parametrize(
    ("value", "content", "data"),
    [
        ("as it is", "as it is", None),
        (None, "null", None),
        (7, "7", 7),
        (float("nan"), "null", None),
        ({"a": [1, "é"]}, '{"a":[1,"é"]}', {"a": [1, "é"]}),
        (Point(1, datetime(2026, 1, 2, tzinfo=UTC)), '{"x":1,"when":"2026-01-02T00:00:00Z"}', None),
        ([Book(title="Emma")], '[{"title":"Emma"}]', [{"title": "Emma"}]),
        ({"day": date(2026, 1, 2), "price": Decimal("1.50")}, '{"day":"2026-01-02","price":"1.50"}', None),
        (Colour.RED, '"red"', "red"),
        ({1}, "[1]", [1]),
        (Source("1", "a title"), '{"id":"1","title":"a title","url":null,"snippet":"","score":null}', None),
        ([], "[]", []),
    ],
)
def test_a_result_becomes_text_for_the_model_and_data_for_clients(value: Any, content: str, data: Any) -> None:
    result = output(value)
    assert result.content == content
    assert not result.is_error
    if data is not None:
        assert result.data == data


def test_a_tool_output_is_given_as_it_is() -> None:
    made = ToolOutput("x", data={"a": 1})
    assert output(made) is made


def test_content_parts_are_content() -> None:
    assert output(IMAGE).content == (IMAGE,)
    assert output(["see", IMAGE, {"a": 1}]).content == (TextPart("see"), IMAGE, TextPart('{"a":1}'))


class Odd:
    def __repr__(self) -> str:
        return "an odd thing"


def test_what_has_no_json_form_is_given_as_text_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert output({"a": Odd(), "b": 1}).content == '{"a":"an odd thing","b":1}'
    assert "a result of type Odd has no JSON form" in caplog.text


def test_a_result_that_contains_itself_ends() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert output(loop).content == '[1,"…"]'


class Stamped(UserDict[str, Any]):
    pass


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (Stamped(a=1), '{"a":1}'),
        (MappingProxyType({"a": range(2)}), '{"a":[0,1]}'),
        (SimpleNamespace(a=1), '{"a":1}'),
        (deque([1]), "[1]"),
        ([ValueError("no http://u:p@host/x?key=1"), 1], '["ValueError: no http://host/x",1]'),
        ({"a": b"\xff\xfe", "b": b"text"}, '{"a":"2 bytes","b":"text"}'),
        ((one for one in (1, 2)), "[1,2]"),
        (b"plain", "plain"),
    ],
)
def test_values_of_all_libraries_arrive(value: Any, content: str) -> None:
    result = output(value)
    assert (result.content, result.is_error) == (content, False)


def test_bytes_are_what_they_are() -> None:
    assert output(b"\x89PNG\r\n\x1a\n!").content == (ImagePart("data:image/png;base64,iVBORw0KGgoh"),)
    assert output(b"\xff\xfe\x00\xff").content == "a file, 4 bytes, which you cannot see"


def test_a_part_that_no_vendor_takes_is_put_into_words() -> None:
    svg = ImagePart("data:IMAGE/SVG+XML;base64,PHN2Zy8+")
    assert output(svg).content == (TextPart("<svg/>"),)
    assert output(["see", svg]).content == (TextPart("see"), TextPart("<svg/>"))
    assert output(ToolOutput((svg,))).content == (TextPart("<svg/>"),)


def test_a_result_that_is_too_long_is_cut() -> None:
    text = output("ä" * 1_000_000).content
    assert isinstance(text, str)
    assert text.endswith("ä… 868,928 more characters")
    assert len(text.encode()) < 263_000


def test_of_a_group_of_errors_the_first_that_is_none_is_told() -> None:
    group = ExceptionGroup("several", [ExceptionGroup("inner", [ValueError("the reason")]), KeyError("other")])
    assert failure(group).content == "The tool failed with ValueError: the reason"


def test_a_failure_names_class_and_message_and_keeps_the_message_from_clients() -> None:
    failed = failure(ValueError("no such\n  book"))
    assert failed.content == "The tool failed with ValueError: no such book"
    assert failed.shown_text == "The tool failed with ValueError."
    assert failed.is_error
    assert failed.data is None
    assert failure(KeyboardInterrupt()).content == "The tool failed with KeyboardInterrupt."


def test_a_failure_does_not_show_what_urls_carry() -> None:
    told = str(
        failure(OSError("GET 'https://me:pass@api.example.com/v1/x?key=abc#t' failed (postgres://u:p@db/x)")).content
    )
    assert "'https://api.example.com/v1/x' failed" in told
    assert not any(secret in told for secret in ("pass", "abc", "u:p"))


def test_a_failure_is_bounded() -> None:
    assert len(str(failure(ValueError("x" * 10**6)).content)) < 600
