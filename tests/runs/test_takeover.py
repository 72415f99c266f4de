"""What a protocol that cannot take anything back is shown of a run that another process has taken over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stores import finished, step
from turnstream import events, protocols
from turnstream.runs import takeover

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
