from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
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


def test_what_has_no_json_form_is_a_clear_error() -> None:
    with pytest.raises(TypeError, match=r"the result has no JSON form.*object is no JSON"):
        output({"a": object()})


def test_a_result_that_contains_itself_is_a_clear_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(TypeError, match="no JSON form"):
        output(loop)


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
