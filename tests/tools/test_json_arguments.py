from __future__ import annotations

import pytest

from turnstream.events import ToolCall, ToolError
from turnstream.tools.json_arguments import arguments_of


@pytest.mark.parametrize("text", ["", " ", "{}"])
def test_no_text_is_no_arguments(text: str) -> None:
    assert arguments_of(ToolCall("1", "t", text)) == {}


@pytest.mark.parametrize("text", ["[]", "null", '"{}"', "{} {}", '{"a": NaN}', '{"a": "\ud800"}', "{" * 5000])
def test_anything_but_an_object_is_told(text: str) -> None:
    with pytest.raises(ToolError, match=r"^The arguments of t are (not a JSON object|nested too deeply)\.$"):
        arguments_of(ToolCall("1", "t", text))


@pytest.mark.parametrize("depth", [101, 500, 100_000])
def test_absurd_nesting_is_told(depth: int) -> None:
    assert arguments_of(ToolCall("1", "t", '{"a": [[1]]}')) == {"a": [[1]]}
    with pytest.raises(ToolError, match="nested too deeply"):
        arguments_of(ToolCall("1", "t", '{"a": ' + "[" * depth + "]" * depth + "}"))
