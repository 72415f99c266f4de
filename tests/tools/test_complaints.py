"""A bad call is told to the model in a sentence with the path of what is wrong."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given, settings, strategies as st
from pydantic import BaseModel, field_validator

from turnstream.events import RunContext, ToolError
from turnstream.tools.arguments import Arguments


@dataclass
class Item:
    name: str
    count: int = 1


class Even(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("the number must be even")
        return value


def order(items: list[Item], colour: Literal["red", "blue"] = "red", to: int | list[int] = 1) -> None: ...


def even(even: Even) -> None: ...


def nothing() -> None: ...


def complaint(function: Any, arguments: Any) -> str:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    with pytest.raises(ToolError) as caught:
        Arguments(function, function.__name__).bind(text, RunContext())
    assert caught.value.code == "invalid_arguments"
    return caught.value.message


def test_text_that_is_not_json_is_named_with_its_fault() -> None:
    told = complaint(order, '{"items": [')
    assert told.startswith("The arguments of order are not valid JSON: EOF while parsing a list at line 1")


@pytest.mark.parametrize("text", ["[1]", "3", "null", '"Paris"'])
def test_json_that_is_not_an_object_is_shown(text: str) -> None:
    assert complaint(order, text) == f"The arguments of order must be one JSON object, not {text}."


def test_a_missing_argument_is_named() -> None:
    assert complaint(order, {}) == "The arguments of order are wrong: items: is missing."


def test_a_missing_field_deep_inside_is_named_with_its_path() -> None:
    told = complaint(order, {"items": [{"name": "a"}, {"count": 2}]})
    assert told == "The arguments of order are wrong: items[1].name: is missing."


def test_a_wrong_type_deep_inside_is_named_with_its_path() -> None:
    told = complaint(order, {"items": [{"name": ["a"]}]})
    assert told == 'The arguments of order are wrong: items[0].name: input should be a valid string (you wrote ["a"]).'


def test_a_value_that_is_not_in_the_list_is_shown_with_the_list() -> None:
    told = complaint(order, {"items": [], "colour": "green"})
    assert "colour: input should be 'red' or 'blue' (you wrote \"green\")" in told


def test_an_unknown_argument_is_told_the_known_one_near_it() -> None:
    told = complaint(order, {"items": [], "color": "red"})
    assert told == "The arguments of order are wrong: color: there is no such argument, perhaps you mean colour."


def test_an_unknown_argument_is_told_those_that_there_are() -> None:
    told = complaint(order, {"items": [], "zzz": 1})
    assert "zzz: there is no such argument; there are: items, colour, to." in told
    assert "zzz: this tool takes no arguments." in complaint(nothing, {"zzz": 1})


def test_the_branches_of_a_union_share_one_path() -> None:
    told = complaint(order, {"items": [], "to": {}})
    assert told.count("to: ") == 1
    assert "valid integer" in told
    assert "valid array" in told


def test_what_a_validator_of_the_user_says_is_told() -> None:
    assert "even.number: value error, the number must be even (you wrote 3)" in complaint(even, {"even": {"number": 3}})


def test_many_problems_are_told_in_bounded_length() -> None:
    told = complaint(order, {"items": [{"name": ["x" * 1000]}] * 100})
    assert told.endswith("and 95 more.")
    assert len(told) < 1200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["items", "name", "to", ""]), inner),
    max_leaves=8,
)
ORDER = Arguments(order, "order")


@settings(deadline=None, max_examples=200)
@given(json_values.map(json.dumps) | st.text(max_size=20) | st.text(st.sampled_from('{}[]":,1e\\ud8'), max_size=12))
def test_nothing_but_a_tool_error_comes_of_what_a_model_may_write(text: str) -> None:
    with suppress(ToolError):
        ORDER.bind(text, RunContext())


def test_absurd_nesting_and_absurd_numbers_are_told_too() -> None:
    assert "not valid JSON" in complaint(order, "[" * 100_000)
    assert "number out of range" in complaint(order, '{"items": ' + "9" * 5000 + "}")
    assert "items: input should be a valid array" in complaint(order, '{"items": ' + "9" * 4000 + "}")
