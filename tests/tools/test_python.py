from __future__ import annotations

import asyncio
import enum
import functools
import gc
import logging
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import BaseModel, Field
from typing_extensions import Doc, TypedDict

from turnstream.events import ConfigurationError, RunContext, ToolCall, ToolError, ToolOutput
from turnstream.protocols import Toolbox
from turnstream.tools.python import FunctionTool, tool

BOUND = 10.0


async def call(made: Toolbox, arguments: str = "{}", context: RunContext | None = None) -> ToolOutput:
    (spec,) = await made.tools(RunContext())
    return await asyncio.wait_for(made.call(ToolCall("c1", spec.name, arguments), context or RunContext()), BOUND)


def properties(function: Callable[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = tool(function).spec.parameters["properties"]
    return found


@tool
def add(a: int, b: int = 2) -> int:
    """Add two numbers.

    Args:
        a: The first.
        b: The second.
    """
    return a + b


def test_a_tool_is_described_by_its_name_docstring_and_annotations() -> None:
    assert add.spec.name == "add"
    assert add.spec.description == "Add two numbers."
    assert add.spec.parameters == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "description": "The first."},
            "b": {"type": "integer", "description": "The second.", "default": 2},
        },
        "required": ["a"],
        "additionalProperties": False,
    }


def test_a_tool_is_still_the_function() -> None:
    assert add(1) == 3
    assert add(1, b=1) == 2
    assert add.__name__ == "add"


def test_a_function_without_parameters_has_an_empty_closed_schema() -> None:
    def ping() -> None: ...

    assert tool(ping).spec.parameters == {"type": "object", "properties": {}, "additionalProperties": False}


def test_the_decorator_overrides_what_the_function_says() -> None:
    @tool(name="plus", description="Sums.", timeout=3, effect="once")
    def add(a: int) -> int:
        """Not this."""
        return a

    spec = add.spec
    assert (spec.name, spec.description, spec.timeout, spec.effect) == ("plus", "Sums.", 3, "once")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    """A place."""

    x: int


class Size(TypedDict):
    width: float


class Book(BaseModel):
    title: str = Field(description="its title")


class Tree(BaseModel):
    children: list[Tree] = []


def test_each_kind_of_annotation_has_its_schema() -> None:
    def everything(  # type: ignore[no-untyped-def]  # one parameter has no annotation: this is about that too
        text: str,
        anything: Any,
        bare,
        maybe: Optional[int] = None,  # noqa: UP045
        either: int | str = 1,
        choice: Literal["a", "b"] = "a",
        colour: Colour = Colour.RED,
        many: list[float] = [1.5],  # noqa: B006
        point: Point | None = None,
        size: Size = {"width": 1},  # noqa: B006
        book: Book | None = None,
        bounded: Annotated[int, Field(ge=1, le=9)] = 1,
    ) -> None: ...

    closed = {"type": "object", "additionalProperties": False}
    assert properties(everything) == {
        "text": {"type": "string"},
        "anything": {},
        "bare": {},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}], "default": 1},
        "choice": {"type": "string", "enum": ["a", "b"], "default": "a"},
        "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "many": {"type": "array", "items": {"type": "number"}, "default": [1.5]},
        "point": {
            "anyOf": [
                {**closed, "description": "A place.", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
                {"type": "null"},
            ]
        },
        "size": {
            **closed, "properties": {"width": {"type": "number"}}, "required": ["width"], "default": {"width": 1},
        },
        "book": {
            "anyOf": [
                {
                    **closed,
                    "properties": {"title": {"type": "string", "description": "its title"}},
                    "required": ["title"],
                },
                {"type": "null"},
            ]
        },
        "bounded": {"type": "integer", "minimum": 1, "maximum": 9, "default": 1},
    }  # fmt: skip


def test_a_recursive_type_keeps_its_definition() -> None:
    def plant(tree: Tree) -> None: ...

    parameters = tool(plant).spec.parameters
    assert parameters["properties"] == {"tree": {"$ref": "#/$defs/Tree"}}
    assert parameters["$defs"]["Tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}


def test_an_argument_is_described_beside_its_annotation_or_else_by_the_docstring() -> None:
    def f(
        a: Annotated[int, "by text"],
        b: Annotated[int, Doc("by Doc")],
        c: Annotated[int, Field(description="by Field")],
        d: int = Field(3, description="by default"),
        e: int = 0,
    ) -> None:
        """F.

        Args:
            a: from the docstring
            c: from the docstring
            d: from the docstring
            e: from the docstring
        """

    texts = {name: schema["description"] for name, schema in properties(f).items()}
    assert texts == {"a": "by text", "b": "by Doc", "c": "by Field", "d": "by default", "e": "from the docstring"}


def test_a_default_without_json_form_is_left_out_of_the_schema() -> None:
    marker = object()

    def f(a: Any = marker) -> bool:
        return a is marker

    assert properties(f) == {"a": {}}


async def test_the_function_gets_typed_values_and_its_own_defaults() -> None:
    seen: list[Any] = []

    @tool
    def f(colour: Colour, point: Point, book: Book, missing: list[int] = seen) -> None:
        seen.extend([colour, point, book, missing is seen])

    await call(f, '{"colour": "blue", "point": {"x": 1}, "book": {"title": "Emma"}}')
    assert seen == [Colour.BLUE, Point(1), Book(title="Emma"), True]


async def test_the_default_in_a_field_is_given_to_the_function() -> None:
    @tool
    def f(a: int = Field(3, ge=1), b: list[int] = Field(default_factory=list)) -> list[Any]:
        return [a, b]

    assert (await call(f)).data == [3, []]
    assert f.spec.parameters.get("required") is None


async def test_any_name_is_a_good_argument() -> None:
    @tool
    def f(json: str, _x: int, model_config: int, schema: int, self: int = 0, *, cls: int = 0) -> list[Any]:
        return [json, _x, model_config, schema, self, cls]

    arguments = '{"json": "a", "_x": 1, "model_config": 2, "schema": 3, "self": 4, "cls": 5}'
    assert (await call(f, arguments)).data == ["a", 1, 2, 3, 4, 5]


async def test_positional_only_arguments_are_passed_by_position() -> None:
    @tool
    def f(context: RunContext, a: int, b: int = 5, /, c: int = 6) -> list[Any]:
        return [context.user, a, b, c]

    assert (await call(f, '{"a": 1, "c": 3}', RunContext(user="ann"))).data == ["ann", 1, 5, 3]


@pytest.mark.parametrize("text", ["", "  ", "{}", '"{}"'])
async def test_no_arguments_may_be_written_in_several_ways(text: str) -> None:
    @tool
    def ping() -> str:
        return "pong"

    assert (await call(ping, text)).content == "pong"


async def test_arguments_in_a_json_string_are_read() -> None:
    assert (await call(add, '"{\\"a\\": 1}"')).data == 3


async def test_the_context_is_given_and_not_in_the_schema() -> None:
    @tool
    def whoami(context: RunContext, greeting: str = "hi") -> str:
        context.progress("looking", 0.5)
        return f"{greeting} {context.user}"

    seen: list[tuple[str, float | None]] = []
    context = RunContext(user="ann", progress=lambda message, fraction=None: seen.append((message, fraction)))
    assert (await call(whoami, '{"greeting": "hello"}', context)).content == "hello ann"
    assert seen == [("looking", 0.5)]
    assert list(whoami.spec.parameters["properties"]) == ["greeting"]


async def test_a_model_cannot_write_the_context() -> None:
    @tool
    def whoami(context: RunContext) -> str | None:
        return context.user

    with pytest.raises(ToolError, match="context: this tool takes no arguments"):
        await call(whoami, '{"context": {"user": "root"}}')


async def test_an_async_function_runs_in_the_loop_and_a_blocking_one_in_a_thread() -> None:
    @tool
    async def here() -> bool:
        return threading.current_thread() is threading.main_thread()

    @tool
    def there() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert (await call(here)).data is True
    assert (await call(there)).data is False


async def test_a_function_that_returns_an_awaitable_is_awaited() -> None:
    async def answer() -> str:
        return "later"

    def promise() -> Any:
        return answer()

    assert (await call(tool(promise))).content == "later"


async def test_a_tool_error_of_the_function_is_for_the_model_as_it_is() -> None:
    @tool
    def fail() -> None:
        raise ToolError("The shop is closed.")

    with pytest.raises(ToolError, match=r"^The shop is closed\.$"):
        await call(fail)


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit("bad"), asyncio.CancelledError("bad")])
@pytest.mark.parametrize("is_async", [True, False])
async def test_whatever_else_a_function_raises_is_told_and_logged_with_its_traceback(
    error: BaseException, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    async def fail_async() -> None:
        raise error

    with caplog.at_level(logging.ERROR, "turnstream.tools"):
        failed = await call(tool(fail_async) if is_async else tool(fail), "{}", RunContext(run_id="run_1"))
    assert failed.is_error
    assert "bad" in str(failed.content)
    assert "Traceback" not in str(failed.content)
    assert "run_1" in caplog.text
    assert "Traceback" in caplog.text


async def test_leaving_the_run_cancels_an_async_tool() -> None:
    begun, cleaned = asyncio.Event(), False

    @tool
    async def slow() -> None:
        nonlocal cleaned
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned = True

    task = asyncio.create_task(call(slow))
    await asyncio.wait_for(begun.wait(), BOUND)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned


async def test_a_call_with_another_name_is_refused() -> None:
    with pytest.raises(ToolError, match="no tool named subtract"):
        await add.call(ToolCall("c", "subtract", "{}"), RunContext())


async def test_entering_a_tool_keeps_its_thread_for_the_next_call() -> None:
    @tool
    def where() -> int | None:
        return threading.current_thread().ident

    async with where, where:
        first = (await call(where)).data
    async with where:
        assert isinstance(first, int)


async def test_methods_partials_and_callable_objects_are_tools() -> None:
    class Shop:
        def __init__(self, city: str) -> None:
            self.city = city

        @tool
        def find(self, item: str) -> str:
            return f"{item} in {self.city}"

        def plain(self, item: str) -> str:
            return self.city + item

        async def __call__(self, item: str) -> str:
            return item

    shop = Shop("Oslo")
    assert shop.find("tea") == "tea in Oslo"
    assert (await call(shop.find, '{"item": "tea"}')).content == "tea in Oslo"
    assert (await call(tool(shop.plain), '{"item": "!"}')).content == "Oslo!"
    assert (await call(tool(shop), '{"item": "x"}')).content == "x"
    partial = tool(functools.partial(add.function, b=10))
    assert (await call(partial, '{"a": 1}')).data == 11
    assert Shop.find.spec.name == "find"


def test_types_that_are_defined_beside_a_nested_function_are_found() -> None:
    class Local(enum.Enum):
        ONE = "one"

    @tool
    def f(a: Local) -> None: ...

    assert f.spec.parameters["properties"]["a"]["enum"] == ["one"]


def test_nothing_else_of_the_place_of_a_function_is_kept_alive() -> None:
    class Big:
        pass

    def make() -> tuple[FunctionTool[..., None], weakref.ref[Big]]:
        big = Big()

        @tool(timeout=1)
        def f(a: int) -> None: ...

        return f, weakref.ref(big)

    f, big = make()
    gc.collect()
    assert f.name == "f"
    assert big() is None


def variadic(*args: int) -> None: ...
def keywords(**kwargs: int) -> None: ...
def unresolved(a: NoSuchName) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def untypable(a: threading.Thread) -> None: ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (variadic, r"tool variadic: \*args: 'int' cannot be described"),
        (keywords, r"tool keywords: \*\*kwargs: 'int' cannot be described"),
        (unresolved, "tool unresolved: its annotations cannot be resolved: name 'NoSuchName'"),
        (untypable, "tool untypable: argument .*: a model cannot write a value of Thread; use str"),
    ],
)
async def test_a_signature_that_cannot_be_described_is_named_when_the_tool_is_entered(
    function: Callable[..., Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        async with tool(function):
            pass


def test_what_cannot_be_a_tool_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="give it name="):
        tool(lambda: 1)
    with pytest.raises(ConfigurationError, match="must be a function"):
        FunctionTool("add")  # type: ignore[arg-type]  # a wrong type is what this is about
    with pytest.raises(ConfigurationError, match="tool numbers yields"):

        @tool
        def numbers() -> Any:
            yield 1


async def test_a_hundred_calls_at_once_keep_their_contexts_apart() -> None:
    @tool
    def secret(context: RunContext, n: int) -> list[Any]:
        return [context.user, n]

    async with secret:
        results = await asyncio.gather(*(call(secret, f'{{"n": {n}}}', RunContext(user=f"u{n}")) for n in range(100)))
    assert [result.data for result in results] == [[f"u{n}", n] for n in range(100)]


def test_decorating_loads_neither_pydantic_nor_the_docstring_parser() -> None:
    code = (
        "import sys\nfrom turnstream.tools.python import tool\n"
        "@tool\ndef f(a: int) -> None:\n  'F.'\n"
        "assert not {'pydantic', 'griffe'} & sys.modules.keys()\n"
        "f.spec\nassert 'pydantic' in sys.modules and 'griffe' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
