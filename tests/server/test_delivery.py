"""What is sent of a run's stream, and when: the table, without a socket."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import pytest
from hypothesis import given, strategies as st

from turnstream.dialects.openai_chat import Encoder
from turnstream.events import (
    RunCancelled,
    RunEvent,
    RunFailed,
    RunFinished,
    RunStarted,
    StepStarted,
    TextDelta,
    Usage,
)
from turnstream.server.delivery import Abort, Action, Delivery, Refuse, State, Write
from turnstream.testing.pieces import cuts

START: list[RunEvent] = [RunStarted("run_1", "agent", None), StepStarted(1)]
FINISHED = RunFinished("stop", Usage(), 1)
FAILED = RunFailed("overloaded", "Too busy.", 429, Usage(), 7)


class Letters:
    """One letter an event, so that a test reads what was sent."""

    def feed(self, events: Sequence[RunEvent]) -> bytes:
        return b"".join(event.text.encode() if isinstance(event, TextDelta) else b"." for event in events)

    def heartbeat(self) -> bytes:
        return b"~"

    def close(self) -> bytes:
        return b"$"

    def snapshot(self) -> bytes:
        return b""


class Broken(Letters):
    """Raises when it is fed a text, or whatever ``name`` says."""

    def __init__(self, *names: str) -> None:
        for name in names:
            setattr(self, name, self.fail)

    def fail(self, *_: object) -> bytes:
        raise RuntimeError("broken")


def delivery() -> Delivery:
    return Delivery(Letters())


def opened(encoder: Letters | None = None) -> Delivery:
    made = Delivery(encoder or Letters())
    made.tick()
    return made


# ---------------------------------------------------------------------------------------------------------------- held


def test_what_the_model_has_not_said_is_held() -> None:
    one = delivery()
    assert one.batch(START) is None
    assert one.state is State.HELD


def test_the_first_word_opens_the_stream_with_all_that_was_held() -> None:
    one = delivery()
    one.batch(START)
    assert one.batch([TextDelta("a")]) == Write(b"..a", first=True)
    assert one.state is State.OPEN


def test_a_failure_before_the_first_word_is_refused() -> None:
    one = delivery()
    one.batch(START[:1])
    assert one.batch([*START[1:], FAILED]) == Refuse(FAILED)
    assert one.state is State.CLOSED


def test_a_failure_behind_a_word_of_the_same_batch_is_an_event_of_the_stream() -> None:
    assert delivery().batch([TextDelta("a"), FAILED]) == Write(b"a.", first=True)


def test_a_cancellation_before_the_first_word_is_refused() -> None:
    action = delivery().batch([RunCancelled(Usage())])
    assert isinstance(action, Refuse)
    assert (action.failure.code, action.failure.status) == ("cancelled", 503)


def test_the_clock_opens_the_stream() -> None:
    one = delivery()
    one.batch(START)
    assert one.tick() == Write(b"..", first=True)
    assert one.batch([FAILED]) == Write(b".")


def test_a_run_ended_from_outside_before_its_first_word_is_refused() -> None:
    assert delivery().fail(FAILED) == Refuse(FAILED)


def test_a_run_without_a_word_is_sent_at_its_end() -> None:
    one = delivery()
    one.batch(START)
    assert one.end() == Write(b"..$", first=True, last=True)


# ---------------------------------------------------------------------------------------------------------------- open


def test_an_open_stream_gets_each_batch_as_it_comes() -> None:
    one = opened()
    assert one.batch([TextDelta("a"), TextDelta("b")]) == Write(b"ab")
    assert one.batch(START) == Write(b"..")


def test_what_shows_nothing_is_not_written() -> None:
    assert opened().batch([TextDelta("")]) is None


def test_silence_is_a_heartbeat() -> None:
    assert opened().tick() == Write(b"~")


def test_the_end_closes_the_stream() -> None:
    one = opened()
    assert one.end() == Write(b"$", last=True)
    assert one.state is State.CLOSED


def test_a_run_ended_from_outside_ends_its_stream_with_the_failure() -> None:
    assert opened().fail(FAILED) == Write(b".", last=True)


# -------------------------------------------------------------------------------------------------------------- closed


def test_nothing_follows_the_end() -> None:
    one = opened()
    one.end()
    assert [one.batch([TextDelta("a")]), one.tick(), one.end(), one.fail(FAILED)] == [None] * 4


# ----------------------------------------------------------------------------------------------------- broken encoders


@pytest.mark.parametrize("one", [delivery(), opened()], ids=["held", "open"])
def test_an_encoder_that_raises_moves_nothing(one: Delivery) -> None:
    state, one._encoder = one.state, Broken("feed", "close")
    with pytest.raises(RuntimeError):
        one.batch([TextDelta("a")])
    with pytest.raises(RuntimeError):
        one.end()
    assert one.state is state


def test_an_encoder_that_raises_before_the_start_is_an_http_status() -> None:
    one = Delivery(Broken("feed"))
    with pytest.raises(RuntimeError):
        one.batch(START)
    assert one.fail(FAILED) == Refuse(FAILED)


def test_an_encoder_that_cannot_write_the_failure_either_is_cut_off() -> None:
    one = opened(Broken("feed"))
    assert one.fail(FAILED) == Abort()
    assert one.state is State.CLOSED


# ---------------------------------------------------------------------------------------------------------------- cuts


def sent(one: Delivery, batches: list[list[RunEvent]], tick_at: int | None = None) -> list[Action]:
    """All that is to be done, heartbeats left out."""
    actions: list[Action | None] = []
    for index, batch in enumerate(batches):
        if index == tick_at and one.state is State.HELD:
            actions.append(one.tick())
        actions.append(one.batch(batch))
    return [action for action in (*actions, one.end()) if action is not None]


WORDS: list[RunEvent] = [*START, TextDelta("He"), TextDelta("llo"), StepStarted(2), TextDelta("!"), FINISHED]


def cuts_of(run: list[RunEvent]) -> st.SearchStrategy[list[list[RunEvent]]]:
    return cuts("x" * len(run)).map(lambda pieces: split(run, pieces))


def split(run: list[RunEvent], pieces: Sequence[str]) -> list[list[RunEvent]]:
    rest = iter(run)
    return [list(islice(rest, len(piece))) for piece in pieces]


@given(cuts_of(WORDS), st.integers(0, 9))
def test_however_the_events_are_cut_and_whenever_the_clock_ticks_the_bytes_are_the_same(
    batches: list[list[RunEvent]], tick_at: int
) -> None:
    encoder = Encoder("chatcmpl-1", 0, "agent")
    whole = encoder.feed(WORDS) + encoder.close()
    actions = sent(Delivery(Encoder("chatcmpl-1", 0, "agent")), batches, tick_at)
    writes = [action for action in actions if isinstance(action, Write)]
    assert b"".join(write.data for write in writes) == whole
    assert [write.first for write in writes] == [True] + [False] * (len(writes) - 1)
    assert [write.last for write in writes] == [False] * (len(writes) - 1) + [True]


@given(cuts_of([*START, FAILED]))
def test_a_failure_before_the_first_word_is_refused_however_it_is_cut(batches: list[list[RunEvent]]) -> None:
    assert sent(delivery(), batches) == [Refuse(FAILED)]
