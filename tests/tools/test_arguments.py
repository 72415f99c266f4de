"""What the schema allows, the function gets."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import assume, given, settings, strategies as st
from pydantic import BaseModel, Field

from turnstream.events import RunContext, ToolError
from turnstream.tools.arguments import Arguments


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    name: str = ""


class Tree(BaseModel):
    value: float
    children: list[Tree] = []


def everything(
    text: str,
    number: Annotated[int, Field(ge=0, le=100)],
    ratio: float = 1.0,
    flag: bool | None = None,
    choice: Literal["a", "b", 3] = "a",
    colour: Colour = Colour.RED,
    point: Point | None = None,
    tree: Tree | None = None,
    table: dict[str, list[int]] | None = None,
) -> None: ...


ARGUMENTS = Arguments(everything, "everything")
VALIDATOR = jsonschema.Draft202012Validator(ARGUMENTS.schema)

points = st.fixed_dictionaries({"x": st.integers(-9, 9)}, optional={"name": st.text(max_size=3)})
trees = st.recursive(
    st.fixed_dictionaries({"value": st.floats(-9, 9)}),
    lambda inner: st.fixed_dictionaries({"value": st.integers(-9, 9), "children": st.lists(inner, max_size=2)}),
    max_leaves=4,
)
good = st.fixed_dictionaries(
    {"text": st.text(max_size=5), "number": st.integers(0, 100)},
    optional={
        "ratio": st.floats(-9, 9),
        "flag": st.none() | st.booleans(),
        "choice": st.sampled_from(["a", "b", 3]),
        "colour": st.sampled_from(["red", "blue"]),
        "point": st.none() | points,
        "tree": st.none() | trees,
        "table": st.none() | st.dictionaries(st.text(max_size=2), st.lists(st.integers(-9, 9), max_size=2), max_size=2),
    },
)


@settings(deadline=None, max_examples=100)
@given(good)
def test_what_the_schema_allows_is_accepted(arguments: dict[str, Any]) -> None:
    VALIDATOR.validate(arguments)
    positional, named = ARGUMENTS.bind(json.dumps(arguments), RunContext())
    assert positional == []
    assert named.keys() == arguments.keys()


NAMES = ["text", "number", "choice", "colour", "point", "tree", "table"]


@settings(deadline=None, max_examples=100)
@given(good, st.sampled_from(NAMES), points | st.just([None]))
def test_what_the_schema_forbids_is_refused_by_its_name(arguments: dict[str, Any], name: str, value: Any) -> None:
    arguments = {**arguments, name: value}
    assume(not VALIDATOR.is_valid(arguments))
    with pytest.raises(ToolError, match=f" {name}"):
        ARGUMENTS.bind(json.dumps(arguments), RunContext())


def test_the_schema_is_a_valid_one_and_has_no_title() -> None:
    jsonschema.Draft202012Validator.check_schema(ARGUMENTS.schema)
    assert '"title"' not in json.dumps(ARGUMENTS.schema)
    assert list(ARGUMENTS.schema["$defs"]) == ["Tree"]
