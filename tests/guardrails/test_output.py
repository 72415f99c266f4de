"""The law of cuts for a whole run: how its deltas were cut decides nothing of what is shown, kept or stopped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from turnstream import conversation, events, messages, toolspec, usage
from turnstream.guardrails import patterns, texts
from turnstream.guardrails.matching import PatternRule
from turnstream.guardrails.output import Output
from turnstream.guardrails.rules import Judge, LengthRule
from turnstream.testing.pieces import cut, cuts, joined

KEY = "sk-proj-abcdefghijklmnopqrstuvwx"
CALL = messages.ToolCall("c1", "look_up", f'{{"q": "say \\"{KEY}\\""}}')
MASK = PatternRule("secrets", patterns.find_secrets(), "[#]")
STOP = PatternRule("secrets", patterns.find_secrets(), None)
WORDS = PatternRule("words", patterns.find_words(["fool"]), "f***")
PIECES = ("a fool", " ", "sk-", "proj-", KEY, "key", ". ", "bad", "s")
said = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


async def judge(text: str, context: object) -> bool:
    raise AssertionError("the machine asks nobody itself")


def never(every: int | None = None, replacement: str | None = None) -> Judge:
    return Judge("judge", judge, replacement, every)


def step(parts: Sequence[Any], number: int = 1, finish: events.FinishReason = "stop") -> list[events.RunEvent]:
    """The step's events; its message is the whole of them, as a run tells it."""
    of: dict[type, Any] = {
        events.TextDelta: messages.TextPart,
        events.RefusalDelta: messages.TextPart,
        events.ReasoningDelta: messages.ReasoningPart,
    }
    together: list[Any] = [*joined(parts)]
    whole = tuple(
        of[type(part)](part.text) if type(part) in of else part
        for part in together
        if type(part) in of or isinstance(part, messages.ToolCall | messages.ProviderItem)
    )
    shown: list[Any] = [part for part in parts if not isinstance(part, messages.ToolCall | messages.ProviderItem)]
    told = events.StepFinished(number, messages.AssistantMessage(whole), finish, usage.Usage(1, 1), "m", 0.5)
    return [events.StepStarted(number), *shown, told]


def watch(output: Output, batches: Sequence[Sequence[events.RunEvent]], bad: str = "\0") -> list[events.RunEvent]:
    """What is shown, if whoever is asked says no to a text with a bad word in it."""
    shown: list[events.RunEvent] = []
    for batch in batches:
        shown += output.feed(batch)
        while (question := output.question) is not None:
            shown += output.answer(bad not in question.text)
        if output.stopped:
            break
    return shown


def text_of(
    shown: Sequence[events.RunEvent], kind: type[events.TextDelta | events.ReasoningDelta] = events.TextDelta
) -> str:
    return "".join(event.text for event in shown if isinstance(event, kind))


def message_of(shown: Sequence[events.RunEvent]) -> messages.AssistantMessage:
    fold = conversation.Fold()
    fold.feed(shown)
    message = fold.messages[-1]
    assert isinstance(message, messages.AssistantMessage)
    return message


def cut_step(data: st.DataObject, said: str, thought: str) -> list[list[events.RunEvent]]:
    """Some text, some reasoning, more text, in deltas and batches of any size."""
    half = data.draw(st.integers(0, len(said)))
    parts: list[Any] = []
    for kind, text in (
        (events.TextDelta, said[:half]),
        (events.ReasoningDelta, thought),
        (events.TextDelta, said[half:]),
    ):
        parts += [kind(piece) for piece in data.draw(cuts(text)) if piece]
    run = step(parts)
    at = data.draw(st.lists(st.integers(0, len(run)), max_size=4))
    return [list(batch) for batch in _split(run, sorted(at))]


def _split(run: list[events.RunEvent], at: list[int]) -> list[list[events.RunEvent]]:
    return [run[start:end] for start, end in zip([0, *at], [*at, len(run)], strict=True)]


@settings(deadline=None)
@given(data=st.data(), text=said, thought=said)
def test_what_is_kept_is_what_was_shown_however_it_was_cut(data: st.DataObject, text: str, thought: str) -> None:
    shown = watch(Output([MASK, WORDS]), cut_step(data, text, thought))
    assert text_of(shown) == texts.apply([MASK, WORDS], text)
    assert text_of(shown, events.ReasoningDelta) == texts.apply([MASK, WORDS], thought)
    if text or thought:
        assert message_of(shown).text == text_of(shown)
        assert message_of(shown).reasoning == text_of(shown, events.ReasoningDelta)


@settings(deadline=None)
@given(data=st.data(), text=said, thought=said)
def test_a_stop_shows_nothing_that_it_should_have_held(data: st.DataObject, text: str, thought: str) -> None:
    output = Output([WORDS, STOP])
    shown = watch(output, cut_step(data, text, thought))
    finds = [texts.apply([WORDS, MASK], each) for each in (text, thought)]
    for all_of_it, seen in zip(finds, (text_of(shown), text_of(shown, events.ReasoningDelta)), strict=True):
        assert all_of_it.partition("[#]")[0].startswith(seen)
    assert (output.stopped is not None) == any("[#]" in each for each in finds)
    if output.stopped and output.in_step:
        assert output.message().text == text_of(shown)


@settings(deadline=None)
@given(data=st.data(), text=said, every=st.sampled_from([None, 1, 5]))
def test_a_judge_is_asked_the_same_however_the_text_is_cut(data: st.DataObject, text: str, every: int | None) -> None:
    once = watch(Output([MASK], (), [never(every)]), [step([events.TextDelta(text)])], "bad")
    shown = watch(Output([MASK], (), [never(every)]), cut_step(data, text, ""), "bad")
    assert text_of(shown) == text_of(once)
    assert "bad" not in text_of(shown)


def test_nothing_of_an_answer_is_shown_before_its_judge_has_seen_it_whole() -> None:
    output = Output((), (), [never()])
    assert output.feed([events.StepStarted(1), events.TextDelta("a bad answer")]) == [events.StepStarted(1)]
    shown = watch(output, [step([events.TextDelta("a bad answer")])[2:]], "bad")
    assert text_of(shown) == ""
    assert isinstance(shown[-1], events.StepFinished)
    assert (shown[-1].finish, shown[-1].message.parts) == ("content_filter", ())


def test_an_answer_can_be_replaced_by_another_which_is_kept_in_its_stead() -> None:
    shown = watch(Output((), (), [never(replacement="No.")]), [step([events.TextDelta("a bad answer")])], "bad")
    assert text_of(shown) == message_of(shown).text == "No."


def test_text_before_a_tool_call_is_no_answer_and_is_not_judged() -> None:
    shown = watch(Output((), (), [never()]), [step([events.TextDelta("bad"), CALL])], "bad")
    assert text_of(shown) == "bad"


def test_a_length_ends_the_answer_with_the_reason_length() -> None:
    output = Output((), [LengthRule("length", 5)])
    shown = watch(output, [step([events.ReasoningDelta("reasoning is not counted"), events.TextDelta("1234567")])])
    assert text_of(shown) == "12345"
    assert output.stopped is not None
    assert output.stopped.reason == "length"


def test_what_was_not_changed_stays_the_same_object() -> None:
    told = step([events.TextDelta("hello"), CALL, messages.ProviderItem("openai", {"id": 1})])
    [*_, shown] = watch(Output([WORDS]), [told])
    assert shown is told[-1]


def test_items_of_a_provider_are_left_out_of_a_changed_answer() -> None:
    told = step([events.TextDelta("fool"), messages.ProviderItem("openai", {"text": "fool"})])
    assert message_of(watch(Output([WORDS]), [told])).parts == (messages.TextPart("f***"),)


def test_calls_are_masked_wherever_they_are_told_and_stay_json() -> None:
    arguments = [events.ToolCallArguments("c1", piece) for piece in cut(CALL.arguments, 3)]
    started = events.ToolCallStarted(1, 0, "c1", "look_up")
    result = events.ToolResult(1, CALL, toolspec.ToolOutput(f"found {KEY}", data={"key": [KEY]}, shown=KEY), 0.1)
    told = [*step([started, *arguments, CALL]), events.ToolCallsDetected(1, (CALL,)), result]
    shown = watch(Output([MASK]), [told, [events.ToolsExecuted(1, (result,))]])
    assert KEY not in repr(shown)
    assert [event.arguments for event in shown if isinstance(event, events.ToolCallArguments)] == [
        message_of(shown[:-1]).tool_calls[0].arguments
    ]
    assert '{"q": "say \\"[#]\\""}' in repr(shown).replace("\\\\", "\\")


def test_a_result_that_a_rule_stops_is_withheld_and_the_run_goes_on() -> None:
    result = events.ToolResult(1, messages.ToolCall("c1", "f", "{}"), toolspec.ToolOutput(KEY), 0.1)
    output = Output([STOP])
    [shown] = output.feed([result])
    assert isinstance(shown, events.ToolResult)
    assert shown.output.content == "Withheld by the guardrail 'secrets'."
    assert output.stopped is None


@pytest.mark.parametrize("end", [events.RunFailed("x", "x", 500, usage.Usage()), events.RunCancelled(usage.Usage())])
def test_a_run_that_fails_shows_first_what_was_held_back(end: events.RunEvent) -> None:
    shown = Output([MASK]).feed([events.StepStarted(1), events.TextDelta("ends in sk-"), end])
    assert (text_of(shown), shown[-1]) == ("ends in sk-", end)


def test_what_nobody_has_judged_is_not_shown_by_a_failure() -> None:
    failed = events.RunFailed("x", "x", 500, usage.Usage())
    output = Output((), (), [never(every=100)])
    assert output.feed([events.TextDelta("bad"), failed]) == [failed]
    assert output.question is None


def test_a_long_answer_in_small_pieces_is_held_in_linear_time() -> None:
    output = Output((), (), [never()])
    began = time.process_time()
    for _ in range(100_000):
        output.feed([events.TextDelta("piece ")])
    assert time.process_time() - began < 5
    assert output.stopped is None


def test_an_answer_that_is_too_long_to_be_held_is_stopped() -> None:
    output = Output((), (), [never()])
    output.feed([events.TextDelta("x" * 1_000_001)])
    assert output.stopped is not None
    assert output.message().parts == ()
