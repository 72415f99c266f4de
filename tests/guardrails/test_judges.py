from __future__ import annotations

import asyncio
import json
import threading

import pytest

from turnstream import errors, messages, requests
from turnstream.guardrails import judges
from turnstream.testing.models import ScriptedModel

RUN = requests.RunContext()


@pytest.mark.parametrize(("text", "fits"), [('{"a": 1}', True), ('{"a": "1"}', False), ("no JSON", False), ("", False)])
async def test_an_answer_fits_its_schema_or_not(text: str, fits: bool) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    assert await judges.fits_schema(schema)(text, RUN) is fits


def test_a_schema_that_is_not_valid_is_refused() -> None:
    with pytest.raises(errors.ConfigurationError, match="not a valid JSON schema"):
        judges.fits_schema({"type": "nonsense"})


async def test_a_pattern_of_a_schema_takes_time_in_proportion_to_the_answer() -> None:
    fits = judges.fits_schema({"type": "string", "pattern": "^(a+)+$"})
    async with asyncio.timeout(10):
        assert await fits('"' + "a" * 50_000 + 'b"', RUN) is False
        assert await fits('"aaa"', RUN) is True


async def test_items_that_must_differ_are_told_apart_in_linear_time() -> None:
    fits = judges.fits_schema({"uniqueItems": True, "patternProperties": {"^n": {"type": "integer"}}})
    async with asyncio.timeout(10):
        assert await fits(json.dumps([{"a": n} for n in range(20_000)]), RUN) is True
        assert await fits('[{"a": 1}, {"a": 1.0}]', RUN) is False
        assert await fits('{"name": "x"}', RUN) is False


async def test_names_are_held_against_patterns_in_linear_time() -> None:
    fits = judges.fits_schema({"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False})
    async with asyncio.timeout(10):
        assert await fits(json.dumps({"a" * 50_000 + "!": 1}), RUN) is False
        assert await fits('{"aa": 1}', RUN) is True


def test_members_that_nobody_looked_at_cannot_be_told_by_patterns() -> None:
    with pytest.raises(errors.ConfigurationError, match="use `additionalProperties`"):
        judges.fits_schema({"patternProperties": {"a": {}}, "unevaluatedProperties": False})


def test_a_pattern_that_cannot_be_bounded_is_refused() -> None:
    with pytest.raises(errors.ConfigurationError, match="not one that RE2 can run"):
        judges.fits_schema({"properties": {"a": {"pattern": "(a)\\1"}}})


async def test_nothing_but_true_is_a_yes_of_a_function() -> None:
    assert await judges.calls(lambda text: text == "fine")("fine", RUN) is True
    assert await judges.calls(lambda text: "yes")("fine", RUN) is False


async def test_a_function_may_be_async_and_may_want_the_context() -> None:
    async def of_ann(text: str, context: requests.RunContext) -> bool:
        return context.user == "ann"

    assert await judges.calls(of_ann)("hello", requests.RunContext(user="ann")) is True


async def test_a_function_that_is_not_async_runs_in_a_thread() -> None:
    threads = []

    def note(text: str) -> bool:
        threads.append(threading.current_thread())
        return True

    await judges.calls(note)("hello", RUN)
    assert threads[0] is not threading.main_thread()


@pytest.mark.parametrize(
    ("answer", "safe"), [("safe", True), ("Safe.", True), ("unsafe\nS1", False), ("**Unsafe**: violence", False)]
)
async def test_a_model_says_safe_or_unsafe(answer: str, safe: bool) -> None:
    model = ScriptedModel([answer])
    assert await judges.Moderation(model)("some text", RUN) is safe
    assert model.requests[0].messages == (messages.SystemMessage(judges.QUESTION), messages.UserMessage("some text"))


async def test_any_other_answer_of_a_model_is_a_failure() -> None:
    with pytest.raises(ValueError, match="neither safe nor unsafe"):
        await judges.Moderation(ScriptedModel(["I cannot say"]), "")("some text", RUN)
