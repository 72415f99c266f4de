"""What waits for a person: the law of cuts, and nothing shown that nobody has agreed to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.guardrails.test_output import CALL, KEY, MASK, STOP, cut_step, message_of, said, step, text_of
from turnstream import events, messages, requests, toolspec, usage
from turnstream.guardrails import patterns
from turnstream.guardrails.agent import Guard
from turnstream.guardrails.holding import Holding
from turnstream.guardrails.matching import PatternRule
from turnstream.guardrails.output import Output
from turnstream.guardrails.review import AskingRule, Reviewer
from turnstream.guardrails.rules import Judge, LengthRule

ASK = AskingRule(STOP, mask=MASK)
WORD = AskingRule(PatternRule("words", patterns.find_words(["fool"]), None), Reviewer("group:reviewers"))


def hold(rules: list[AskingRule], batches: list[list[Any]], approved: bool | None = None) -> tuple[Holding, list[Any]]:
    """What is shown, and after the answer, if there is one."""
    holding = Holding(rules)
    shown: list[Any] = []
    for batch in batches:
        shown += holding.feed(batch)
    if approved is not None and holding.reviews:
        shown += holding.decide(approved)
    return holding, shown


@settings(deadline=None)
@given(data=st.data(), text=said, thought=said)
def test_what_is_shown_before_and_after_a_yes_is_the_text_however_it_was_cut(
    data: st.DataObject, text: str, thought: str
) -> None:
    holding, before = hold([ASK, WORD], cut_step(data, text, thought))
    finds = ASK.finds(text) or WORD.finds(text) or ASK.finds(thought) or WORD.finds(thought)
    assert bool(holding.reviews) == finds
    kinds: list[Any] = [events.TextDelta, events.ReasoningDelta]
    for kind in kinds:
        assert not ASK.finds(text_of(before, kind))
        assert not WORD.finds(text_of(before, kind))
    shown = [*before, *(holding.decide(True) if finds else [])]
    assert (text_of(shown), text_of(shown, events.ReasoningDelta)) == (text, thought)
    if text or thought:
        assert message_of(shown).text == text


@settings(deadline=None)
@given(data=st.data(), text=said)
def test_after_a_no_the_step_is_what_was_shown_of_it(data: st.DataObject, text: str) -> None:
    holding, shown = hold([ASK, WORD], cut_step(data, text, ""), approved=False)
    if holding.stopped is not None:
        assert isinstance(shown[-1], events.StepFinished)
        assert (shown[-1].finish, shown[-1].message.text) == ("content_filter", text_of(shown))
        assert not ASK.finds(text_of(shown))


@settings(deadline=None)
@given(data=st.data(), text=said)
def test_how_much_is_held_does_not_depend_on_how_it_was_cut(data: st.DataObject, text: str) -> None:
    _, once = hold([WORD, ASK], [step([events.TextDelta(text)] if text else [])])
    _, shown = hold([WORD, ASK], cut_step(data, text, ""))
    assert text_of(shown) == text_of(once)


def test_each_reviewer_has_a_question_and_sees_all_that_is_held() -> None:
    holding, _ = hold([ASK, WORD], [step([events.TextDelta(f"It is {KEY}, you fool. Bye.")])])
    assert [(each.guardrail, each.by) for each in holding.reviews] == [("secrets", ""), ("words", "group:reviewers")]
    assert {each.held for each in holding.reviews} == {f"{KEY}, you fool. Bye."}


def test_arguments_of_calls_are_asked_about_before_anything_of_the_call_is_shown() -> None:
    started = events.ToolCallStarted(1, 0, "c1", "look_up")
    told = [*step([events.TextDelta("Wait."), started, CALL]), events.ToolCallsDetected(1, (CALL,))]
    holding, shown = hold([ASK], [told])
    assert [type(event).__name__ for event in shown] == ["StepStarted", "TextDelta"]
    assert [type(event).__name__ for event in holding.held()] == [
        "ToolCallStarted",
        "StepFinished",
        "ToolCallsDetected",
    ]
    assert [type(event).__name__ for event in holding.decide(True)] == [
        "ToolCallStarted",
        "StepFinished",
        "ToolCallsDetected",
    ]


def test_a_result_of_a_tool_is_masked_and_nobody_is_asked() -> None:
    result = events.ToolResult(1, messages.ToolCall("c1", "f", "{}"), toolspec.ToolOutput(f"has {KEY}"), 0.1)
    holding, [shown] = hold([ASK], [[result]])
    assert shown.output.content == "has [#]"
    assert not holding.reviews


@pytest.mark.parametrize("end", [events.RunFailed("x", "x", 500, usage.Usage()), events.RunCancelled(usage.Usage())])
def test_what_nobody_has_agreed_to_is_not_shown_by_a_failure(end: events.RunEvent) -> None:
    holding, shown = hold([WORD], [[events.StepStarted(1), events.TextDelta("you fool, and more"), end]])
    assert (text_of(shown), shown[-1]) == ("you ", end)
    assert not holding.reviews


def test_more_than_can_be_held_is_stopped() -> None:
    holding, shown = hold([WORD], [[events.StepStarted(1), *[events.TextDelta("fool " * 100)] * 2_001]])
    assert holding.stopped is not None
    assert "fool" not in text_of(shown)


def test_a_length_asks_about_what_is_longer() -> None:
    holding, shown = hold([AskingRule(LengthRule("length", 5))], [step([events.TextDelta("1234567")])])
    assert (text_of(shown), holding.reviews[0].held) == ("12345", "67")


async def test_another_guardrail_that_stops_waits_for_nobody() -> None:
    guard = Guard(Output([STOP]), requests.RunContext(), Holding([WORD]))
    shown: list[Any] = [
        each async for batch in guard.feed(step([events.TextDelta(f"you fool, {KEY} ")])) for each in batch
    ]
    assert (guard.stopped, guard.reviews) == ("content_filter", ())
    assert text_of(shown) == shown[-1].message.text == "you "


async def test_a_judge_may_leave_the_last_word_to_a_person() -> None:
    async def no(text: str, context: requests.RunContext) -> bool:
        return "bad" not in text

    asking = Judge("moderation", no, every=4, reviewer=Reviewer())
    guard = Guard(Output((), (), [asking]), requests.RunContext(), Holding(()))
    parts = [events.TextDelta(piece) for piece in ("goo", "d an", "d ba", "d, and so on")]
    shown: list[Any] = [each async for batch in guard.feed(step(parts)) for each in batch]
    assert text_of(shown) == "good and"
    assert [each.held for each in guard.reviews] == [" bad, and so on"]
    assert text_of([*shown, *guard.decide(True)]) == "good and bad, and so on"


async def test_a_person_s_yes_is_none_of_another_judge() -> None:
    async def no(text: str, context: requests.RunContext) -> bool:
        return False

    judges = [Judge("asks", no, reviewer=Reviewer()), Judge("stops", no)]
    guard = Guard(Output((), (), judges), requests.RunContext(), Holding(()))
    shown: list[Any] = [each async for batch in guard.feed(step([events.TextDelta("anything")])) for each in batch]
    assert (guard.stopped, guard.reviews, text_of(shown)) == ("content_filter", (), "")
