from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

import pytest
from hypothesis import given, settings, strategies as st

from examples import tools as example
from turnstream.events import (
    AssistantMessage,
    Finish,
    Message,
    ModelOptions,
    ModelRequest,
    ReasoningDelta,
    SystemMessage,
    TextDelta,
    TextPart,
    ToolCall,
    ToolMessage,
    ToolSpec,
    UsageReport,
    UserMessage,
)
from turnstream.parsing.collect import Collector
from turnstream.protocols import RequestModel
from turnstream.providers import demo
from turnstream.tools.python import tool


def book_flight(from_city: str, to_city: str, date: str, seats: int = 1, window: bool = False) -> None:
    """Book a flight between two cities."""


def search_docs(query: str, limit: int = 5) -> None:
    """Search the documentation."""


def sort(numbers: list[int], order: Literal["ascending", "descending"] = "ascending") -> None:
    """Put numbers into order."""


def send(to: str, text: str) -> None:
    """Send a mail."""


EXAMPLES = tuple(made.spec for made in (example.get_weather, example.calculate, example.get_time, example.wait))
OTHERS = tuple(tool(made).spec for made in (book_flight, search_docs, sort, send))


def ask(text: str, tools: tuple[ToolSpec, ...] = EXAMPLES, **options: Any) -> Collector:
    collector = Collector()
    collector.feed(demo.answer(ModelRequest((UserMessage(text),), tools, ModelOptions(**options))))
    return collector


def calls(text: str, tools: tuple[ToolSpec, ...] = EXAMPLES, **options: Any) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments)) for call in ask(text, tools, **options).tool_calls]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what is the weather in Paris?", [("get_weather", {"city": "Paris"})]),
        ("weather in paris please", [("get_weather", {"city": "paris"})]),
        ("Paris weather", [("get_weather", {"city": "Paris"})]),
        (
            "How's the weather in New York, in fahrenheit?",
            [("get_weather", {"city": "New York", "unit": "fahrenheit"})],
        ),
        ("what is 12*7?", [("calculate", {"expression": "12*7"})]),
        ("how much is 3 times (4+5)?", [("calculate", {"expression": "3 * (4+5)"})]),
        ("what time is it in Tokyo?", [("get_time", {"timezone": "Asia/Tokyo"})]),
        ("what is the time?", [("get_time", {})]),
        ("wait 3 seconds", [("wait", {"seconds": 3})]),
        ("call get_time with timezone UTC", [("get_time", {"timezone": "UTC"})]),
    ],
)
def test_a_tool_is_picked_by_the_words_and_its_arguments_filled(text: str, expected: list[tuple[str, Any]]) -> None:
    assert calls(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Book a flight from Oslo to Rome on 2026-12-24, 2 seats, window",
            ("book_flight", {"from_city": "Oslo", "to_city": "Rome", "date": "2026-12-24", "seats": 2, "window": True}),
        ),
        ("search the docs for salt and pepper", ("search_docs", {"query": "salt and pepper"})),
        ('search the docs for "a, and b" limit 3', ("search_docs", {"query": "a, and b", "limit": 3})),
        ("sort 3, 1 and -2 descending", ("sort", {"numbers": [3, 1, -2], "order": "descending"})),
        ("send 'see you' to a.b@example.com", ("send", {"to": "a.b@example.com", "text": "see you"})),
    ],
)
def test_arguments_are_taken_by_type_name_and_shape(text: str, expected: tuple[str, Any]) -> None:
    assert calls(text, OTHERS) == [expected]


@pytest.mark.parametrize(
    "text",
    ["What is the weather in Paris and what is 12*7?", "What is the weather in Paris? And what is 12*7?"],
)
def test_two_questions_are_two_parallel_calls(text: str) -> None:
    assert calls(text) == [("get_weather", {"city": "Paris"}), ("calculate", {"expression": "12*7"})]


def test_two_places_are_two_calls_of_one_tool() -> None:
    assert calls("weather in Paris, Rome and Oslo") == [("get_weather", {"city": c}) for c in ("Paris", "Rome", "Oslo")]


def test_parallel_calls_have_indices_and_ids_of_their_own() -> None:
    collector = ask("weather in Paris and Rome")
    assert [call.id for call in collector.tool_calls] == ["call_demo_0", "call_demo_1"]
    assert collector.finish == Finish("tool_calls")


@pytest.mark.parametrize("text", ["hello", "what can you do?", "tell me a joke", "", "Hi, who are you?"])
def test_a_message_that_needs_no_tool_gets_an_introduction(text: str) -> None:
    collector = ask(text)
    assert collector.tool_calls == ()
    assert "built-in demo model, not a language model" in collector.text
    assert "\n- get_weather: Get the weather in a city" in collector.text
    assert collector.finish == Finish("stop")


def test_a_required_argument_that_is_not_said_is_asked_for() -> None:
    collector = ask("how is the weather?")
    assert collector.tool_calls == ()
    assert "do not find its city" in collector.text


def results(*messages: Message) -> str:
    collector = Collector()
    collector.feed(demo.answer(ModelRequest((SystemMessage("Be kind."), UserMessage("q"), *messages), EXAMPLES)))
    assert collector.tool_calls == ()
    return collector.text


def test_the_answer_uses_the_result_of_the_tool_and_says_who_speaks() -> None:
    asked = AssistantMessage((ToolCall("c1", "calculate", '{"expression": "12*7"}'),))
    text = results(asked, ToolMessage("c1", "84", "calculate"))
    assert text.startswith("calculate (expression: 12*7) says: 84\n")
    assert "built-in demo model, not a language model" in text


def test_the_answer_to_parallel_calls_tells_each_result_and_each_failure() -> None:
    asked = AssistantMessage((ToolCall("c1", "get_weather", '{"city": "Paris"}'), ToolCall("c2", "calculate", "{")))
    failed = ToolMessage("c2", "not valid JSON", is_error=True)
    text = results(asked, ToolMessage("c1", '{"temperature": 8, "sky": ["a", "b"]}'), failed)
    assert "- get_weather (city: Paris) says: temperature: 8, sky: (a, b)\n- calculate failed: not valid JSON" in text


def test_a_second_question_gets_ids_that_the_first_had_not() -> None:
    first = (UserMessage("what is 1+1?"), AssistantMessage((ToolCall("call_demo_0", "calculate", "{}"),)))
    messages = (
        *first,
        ToolMessage("call_demo_0", "2"),
        AssistantMessage((TextPart("It is 2."),)),
        UserMessage("what is 2+2?"),
    )
    collector = Collector()
    collector.feed(demo.answer(ModelRequest(messages, EXAMPLES)))
    assert [call.id for call in collector.tool_calls] == ["call_demo_1"]


def test_the_caller_decides_about_tools() -> None:
    assert calls("what is 12*7?", tool_choice="none") == []
    assert calls("hello", tool_choice="required") == [("get_weather", {})]
    assert calls("hello", tool_choice={"name": "get_time"}) == [("get_time", {})]
    assert len(calls("weather in Paris and what is 1+1", parallel_tool_calls=False)) == 1
    assert calls("what is 12*7?", ()) == []


def test_reasoning_is_given_when_it_is_asked_for() -> None:
    assert ask("what is 12*7?").reasoning == ""
    assert ask("what is 12*7?", reasoning_effort="low").reasoning == "These words ask for calculate."
    request = ModelRequest((UserMessage("hello"),))
    assert any(isinstance(event, ReasoningDelta) for event in demo.answer(request, reasoning=True))


def test_usage_is_always_reported_before_the_finish() -> None:
    for text in ("hello", "what is 12*7?"):
        *_, report, finish = demo.answer(ModelRequest((UserMessage(text),), EXAMPLES))
        assert isinstance(finish, Finish)
        assert isinstance(report, UsageReport)
        assert report.usage.input > 0
        assert report.usage.output > 0


def test_an_output_limit_cuts_the_answer() -> None:
    collector = ask("hello", max_completion_tokens=3)
    assert collector.text == "I am Turnstream"
    assert collector.finish == Finish("length")
    assert collector.usage is not None
    assert collector.usage.output == 3


async def test_it_streams_token_by_token() -> None:
    model: RequestModel = demo.Model(delay=0)
    batches = []
    async with model.stream(ModelRequest((UserMessage("hello"),))) as stream:
        async for batch in stream:
            batches.append(batch)
    assert all(len(batch) == 1 for batch in batches)
    assert sum(isinstance(batch[0], TextDelta) for batch in batches) > 10
    assert model.name == "demo"


async def test_a_slow_stream_can_be_left_in_mid_token() -> None:
    async with demo.Model(delay=3600).stream(ModelRequest((UserMessage("hello"),))) as stream:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.__anext__(), 0.01)


schemas = st.recursive(
    st.sampled_from([{"type": kind} for kind in ("string", "integer", "number", "boolean", "null")])
    | st.fixed_dictionaries({"enum": st.lists(st.text(max_size=3) | st.integers(), max_size=3)})
    | st.just({"$ref": "#/$defs/A"})
    | st.just({}),
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.fixed_dictionaries({"anyOf": st.lists(inner, max_size=2)})
        | st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(st.text(max_size=4), inner, max_size=3)}
        )
    ),
    max_leaves=6,
)
sentences = st.text(st.sampled_from("Aab in to 12*7(),.?!\n\"'") | st.characters(), max_size=60)


@settings(deadline=None, max_examples=150)
@given(sentences, st.dictionaries(st.sampled_from(["a", "b", "to", "in", "expression"]), schemas, max_size=4))
def test_any_message_and_any_schema_get_a_whole_answer(text: str, properties: dict[str, Any]) -> None:
    definitions = {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]}}
    parameters = {"properties": properties, "required": list(properties), "$defs": definitions}
    request = ModelRequest(
        (UserMessage(text),), (ToolSpec("a_b", "Aab", parameters),), ModelOptions(tool_choice="required")
    )
    events = demo.answer(request)
    assert events == demo.answer(request)
    collector = Collector()
    collector.feed(events)
    assert collector.finish == Finish("tool_calls")
    assert all(isinstance(json.loads(call.arguments), dict) for call in collector.tool_calls)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", [" ", "( ", "1 + ", "in ", "A ", "'", "-", "in A and ", "a, ", "x\n", "1"])
def test_a_very_long_message_is_answered_soon(piece: str) -> None:
    assert ask(piece * 100_000).finish is not None
