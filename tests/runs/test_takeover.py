"""What a protocol that cannot take anything back is shown of a run that another process has taken over."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.agent.scripted import Scripted
from tests.stores import Place, event_of, finished, new_run, step, whole
from turnstream import Agent, events, messages, protocols, requests
from turnstream.providers import base, openai
from turnstream.runs import log, takeover
from turnstream.runs.keeper import Keeper

LOG: protocols.NumberedEvents = list(
    enumerate(
        [
            events.RunStarted("r", "a"),
            events.StepStarted(1),
            events.TextDelta("kept. "),
            step(1, "kept. "),
            events.StepStarted(2),
            events.TextDelta("lost"),
            events.RunResumed(2, 2, 5),
            events.StepStarted(2),
            events.TextDelta("whole."),
            step(2, "whole."),
            finished(),
        ],
        1,
    )
)


def text(shown: list[events.RunEvent]) -> str:
    return "".join(event.text for event in shown if isinstance(event, events.TextDelta))


def test_a_step_is_made_anew_behind_a_line_that_its_reader_sees() -> None:
    assert text(takeover.OneWay().feed(LOG)) == f"kept. lost{takeover.SEPARATOR}whole."


def test_with_hold_nothing_is_shown_that_becomes_void() -> None:
    assert text(takeover.OneWay(hold=True).feed(LOG)) == "kept. whole."


@given(st.data(), st.booleans())
def test_how_the_log_is_cut_never_matters(data: st.DataObject, hold: bool) -> None:
    places = data.draw(st.lists(st.integers(0, len(LOG)), max_size=4).map(sorted))
    pieces = [LOG[start:stop] for start, stop in zip([0, *places], [*places, len(LOG)], strict=True)]
    one = takeover.OneWay(hold=hold)
    assert [event for piece in pieces for event in one.feed(piece)] == takeover.OneWay(hold=hold).feed(LOG)


def test_a_takeover_between_steps_shows_nothing_of_itself() -> None:
    log: protocols.NumberedEvents = [(1, events.TextDelta("a")), (2, step(1, "a")), (3, events.RunResumed(2, 2, 3))]
    assert text(takeover.OneWay().feed(log)) == "a"


def test_a_failed_run_shows_what_was_held_back() -> None:
    failed = events.RunFailed("x", "x", 500, finished().usage)
    assert text(takeover.OneWay(hold=True).feed([(1, events.TextDelta("a")), (2, failed)])) == "a"


def test_half_a_call_of_the_client_is_never_begun_again() -> None:
    call = events.ToolCallStarted(1, 0, "c1", "pay", client=True)
    with pytest.raises(takeover.LostCallError):
        takeover.OneWay().feed([(1, call), (2, events.RunResumed(2, 1, 1))])
    assert takeover.OneWay(hold=True).feed([(1, call), (2, events.RunResumed(2, 1, 1))]) == []


class Continuing(Scripted):
    continues = True


async def take_over(place: Place, begun: list[Any], second: Scripted, **options: Any) -> protocols.NumberedEvents:
    """A run of chat completions that another process goes on with, in the middle of its first step."""
    new = new_run("hi", dialect="openai_chat", thread="t")
    for model in (Continuing([*begun, asyncio.Event()]), second):
        agents = {"helper": Agent(model, name="helper", **options)}
        async with place.open() as store, Keeper(store.runs, store.threads, agents, one_way=["openai_chat"]):
            if model is not second:
                await store.runs.submit(new)
                await event_of(store, new.id, type(begun[-1]))
                continue
            numbered = await whole(store, new.id)
            kept = await store.threads.read(protocols.ThreadKey("ann", "helper", "t"))
            assert [each.text for each in kept if isinstance(each, messages.AssistantMessage)] == [said(numbered)]
    return numbered


def said(numbered: protocols.NumberedEvents) -> str:
    return "".join(e.text for _, e in log.without_void(numbered) if isinstance(e, events.TextDelta))


async def test_a_model_that_can_goes_on_with_its_own_words(place: Place) -> None:
    second = Continuing([events.TextDelta(" world"), events.Finish("stop", "stop")])
    numbered = await take_over(place, [events.TextDelta("Hello")], second)
    assert text(takeover.OneWay().feed(numbered)) == "Hello world"
    assert log.fold(numbered).void == []
    assert [each.step for _, each in numbered if isinstance(each, events.StepStarted)] == [1]
    last = second.requests[0].messages[-1]
    assert isinstance(last, messages.AssistantMessage)
    assert last.text == "Hello"


@pytest.mark.parametrize(
    ("begun", "options"),
    [
        ([events.TextDelta("Hello")], {"on_takeover": "restart"}),
        ([events.TextDelta("Hello ")], {}),
        ([events.ReasoningDelta("Hm."), events.TextDelta("Hello")], {}),
    ],
)
async def test_elsewhere_the_step_is_made_anew(place: Place, begun: list[Any], options: dict[str, Any]) -> None:
    second = Continuing([events.TextDelta("Hello world"), events.Finish("stop", "stop")])
    numbered = await take_over(place, begun, second, **options)
    assert text(takeover.OneWay().feed(numbered)).endswith(f"{takeover.SEPARATOR}Hello world")
    assert said(numbered) == "Hello world"


async def test_a_model_that_cannot_go_on_makes_the_step_anew(place: Place) -> None:
    second = Scripted([events.TextDelta("Hello world"), events.Finish("stop", "stop")])
    assert said(await take_over(place, [events.TextDelta("Hello")], second)) == "Hello world"


def test_vllm_is_told_to_go_on_with_an_answer_that_the_conversation_ends_with() -> None:
    settings = base.Settings("m", "http://127.0.0.1:8000/v1", quirks={"continues": True})
    begun = (messages.UserMessage("hi"), messages.AssistantMessage((messages.TextPart("Hello"),)))
    body = json.loads(openai.request(settings, requests.ModelRequest(begun)).body)
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert "continue_final_message" not in json.loads(openai.request(settings, requests.ModelRequest(begun[:1])).body)
