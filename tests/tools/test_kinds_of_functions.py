"""Kinds of functions that people have, each a tool that can be called."""

from __future__ import annotations

import enum
import functools
import json
import math
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict, Unpack

import pytest
from pydantic import BaseModel, EmailStr, Field

from turnstream.events import ConfigurationError, RunContext, ToolCall, ToolError, ToolOutput
from turnstream.tools.python import FunctionTool, tool

CONTEXT = RunContext(run_id="run_1", tool_call_id="call_1")


async def called(function: Callable[..., Any], text: str) -> ToolOutput:
    made = tool(function)
    return await made.call(ToolCall("call_1", made.name, text), CONTEXT)


def properties(function: Callable[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = tool(function).spec.parameters["properties"]
    return found


async def test_a_default_that_is_made_is_made() -> None:
    def first(numbers: Annotated[list[int], Field(default_factory=lambda: [7])]) -> list[int]:
        return numbers

    assert (await called(first, "{}")).content == "[7]"


async def test_what_is_left_out_before_a_positional_argument_has_its_default() -> None:
    def add(a: int = 1, b: int = 2, /) -> int:
        return 10 * a + b

    assert (await called(add, '{"b": 7}')).content == "17"


async def test_a_partial_is_described_as_what_it_calls_and_offers_what_is_open() -> None:
    def search(query: str, index: str, limit: int = 5) -> str:
        """Search.

        Args:
            query: The words.
        """
        return f"{query} {index} {limit}"

    bound = functools.partial(functools.partial(search, index="books"), limit=3)
    assert tool(bound).spec.description == "Search."
    assert properties(bound) == {"query": {"type": "string", "description": "The words."}}
    assert (await called(bound, '{"query": "x"}')).content == "x books 3"


def test_a_model_does_not_describe_itself_with_the_words_of_its_base() -> None:
    class Order(BaseModel):
        number: int

    assert tool(Order).spec.description == ""


def test_a_type_without_its_package_is_told_with_its_argument() -> None:
    def write(to: EmailStr) -> None: ...

    try:
        import email_validator  # type: ignore[import-not-found]  # noqa: F401
    except ModuleNotFoundError:
        with pytest.raises(
            ConfigurationError, match=r"tool write: argument to: no schema for its type: .*email-validator"
        ):
            _ = tool(write).spec


async def test_a_look_around_is_understood() -> None:
    def check(code: Annotated[str, Field(pattern=r"^(?=a)[a-z]+$")]) -> str:
        return code

    assert (await called(check, '{"code": "abc"}')).content == "abc"
    with pytest.raises(ToolError, match="code: string should match pattern"):
        await called(check, '{"code": "bc"}')


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Point(NamedTuple):
    lat: float
    lon: float


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


class Filters(TypedDict):
    title: str
    limit: NotRequired[int]


def test_schemas_say_nothing_that_no_reader_can_use() -> None:
    def take(pet: Annotated[Cat | Dog, Field(discriminator="kind")], where: Point, most: float = math.inf) -> None: ...

    made = properties(take)
    assert "discriminator" not in json.dumps(made)
    assert [place["description"] for place in made["where"]["prefixItems"]] == ["Lat", "Lon"]
    assert made["most"] == {"type": "number"}


@pytest.mark.parametrize("by", ["default", "annotation"])
async def test_an_alias_is_what_is_offered(by: str) -> None:
    def of_default(n: int = Field(alias="count")) -> int:
        return n

    def of_annotation(n: Annotated[int, Field(alias="count")]) -> int:
        return n

    function = of_default if by == "default" else of_annotation
    assert list(properties(function)) == ["count"]
    assert (await called(function, '{"count": 3}')).content == "3"
    with pytest.raises(ToolError, match="perhaps you mean count"):
        await called(function, '{"cuont": 3}')


async def test_the_members_of_named_arguments_are_offered() -> None:
    def search(**filters: Unpack[Filters]) -> Any:
        return filters

    spec = tool(search).spec.parameters
    assert spec["properties"] == {"title": {"type": "string"}, "limit": {"type": "integer"}}
    assert spec["required"] == ["title"]
    assert (await called(search, '{"title": "x"}')).content == '{"title":"x"}'


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ('{"size": "2"}', "[2,[],null]"),
        ('{"size": 1, "tags": "[\\"a\\"]"}', '[1,["a"],null]'),
        ('{"size": 1, "tags": null}', "[1,[],null]"),
        ('{"size": 1, "note": "[1]"}', '[1,[],"[1]"]'),
    ],
)
async def test_json_in_a_string_is_taken_where_no_string_is_wanted(text: str, content: str) -> None:
    def put(size: Size, tags: list[str] = [], note: str | None = None) -> Any:  # noqa: B006
        return [size.value, tags, note]

    assert (await called(put, text)).content == content


async def test_an_async_generator_that_is_returned_is_read() -> None:
    async def items() -> AsyncIterator[int]:
        yield 1
        yield 2

    def read() -> AsyncIterator[int]:
        return items()

    assert (await called(read, "{}")).content == "[1,2]"


class Answer:
    def __init__(self, result: str) -> None:
        self.result, self.context = result, None


class Weather:
    """A tool as Flexo has it."""

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        self.name, self.description = "weather_tool", "The weather."
        self.parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

    async def execute(self, context: Any = None, **arguments: Any) -> Answer:
        return Answer(f"{arguments['city']} for {context.run_id}")


class Plain:
    name, description = "plain", "Says it."
    parameters: dict[str, Any] = {"properties": {"n": {"type": "integer"}}}  # noqa: RUF012

    def execute(self, **arguments: Any) -> Any:
        return arguments


@pytest.mark.parametrize("given", [Weather, Weather()])
async def test_a_class_with_execute_is_a_tool(given: Any) -> None:
    made: FunctionTool[..., Any] = tool(given)
    assert (made.spec.name, made.spec.description) == ("weather_tool", "The weather.")
    assert (await made.call(ToolCall("1", "weather_tool", '{"city": "Bonn"}'), CONTEXT)).content == "Bonn for run_1"
    with pytest.raises(ToolError, match="'city' is a required property"):
        await made.call(ToolCall("1", "weather_tool", "{}"), CONTEXT)


async def test_an_execute_that_takes_no_context_gets_none_and_need_not_be_async() -> None:
    made: FunctionTool[..., Any] = tool(Plain)
    assert (await made.call(ToolCall("1", "plain", '{"n": "3"}'), CONTEXT)).content == '{"n":3}'
