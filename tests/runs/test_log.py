"""What a log says about its run, and what an owner writes into it."""

from __future__ import annotations

from hypothesis import given, strategies as st

from tests.stores import ANSWERED, WAITING, finished, new_run, started, step
from turnstream import events, messages, protocols, toolspec
from turnstream.runs import log

NEW = new_run(id="run_1")
CALL = messages.ToolCall("c1", "pay", '{"to": "bob"}')
OTHER = messages.ToolCall("c2", "look", "{}")
DETECTED = events.ToolCallsDetected(1, (CALL, OTHER))
ASKED = events.StepFinished(
    1, messages.AssistantMessage((CALL, OTHER)), "tool_calls", finished().usage, "scripted", 0.1
)


def result(call: messages.ToolCall) -> events.ToolResult:
    return events.ToolResult(1, call, toolspec.ToolOutput(f"{call.name} is done"), 0.1)


def numbered(*batch: events.LogEvent) -> protocols.NumberedEvents:
    return list(enumerate(batch, 1))


def test_what_was_shown_of_an_unfinished_step_is_void_from_its_first_event() -> None:
    begun = numbered(started(NEW), events.StepStarted(1), step(1, "a"), events.StepStarted(2), events.TextDelta("b"))
    resumed = log.fold(begun).resume()
    assert resumed == events.RunResumed(2, 2, 4)
    whole = [*begun, (6, resumed), (7, step(2, "c")), (8, finished())]
    assert log.fold(whole).void == [(4, 6)]
    assert [seq for seq, _ in log.without_void(whole)] == [1, 2, 3, 6, 7, 8]


def test_a_step_that_is_finished_is_not_void() -> None:
    whole = numbered(started(NEW), events.StepStarted(1), events.TextDelta("a"), step(1, "a"))
    assert log.fold(whole).resume() == events.RunResumed(2, 2, 5)
    assert log.fold([*whole, (5, events.RunResumed(2, 2, 5))]).void == []


def test_calls_without_a_result_are_pending_and_the_others_are_answered() -> None:
    folded = log.fold(numbered(started(NEW), events.StepStarted(1), ASKED, DETECTED, result(OTHER)))
    progress = folded.progress
    assert (progress.calls, progress.results, progress.executed) == ((CALL, OTHER), {"c2": result(OTHER)}, False)
    assert (progress.last, progress.messages) == (ASKED, (ASKED.message,))
    assert folded.resume().void_from == 6


def test_executed_tools_are_part_of_the_conversation() -> None:
    executed = events.ToolsExecuted(1, (result(CALL), result(OTHER)))
    folded = log.fold(numbered(started(NEW), ASKED, DETECTED, result(OTHER), result(CALL), executed))
    assert folded.progress.executed
    assert [type(each) for each in folded.messages] == [messages.AssistantMessage, *[messages.ToolMessage] * 2]


def test_a_call_that_was_begun_and_has_no_result_is_known() -> None:
    begun = numbered(started(NEW), ASKED, DETECTED, events.ToolBegan("c1", "once"))
    assert log.fold(begun).progress.begun == {"c1"}
    assert log.fold([*begun, (5, result(CALL))]).progress.begun == set()


def test_a_run_waits_until_it_is_answered() -> None:
    waiting = numbered(started(NEW), step(1, "may I?"), WAITING)
    assert (log.fold(waiting).ending, log.fold(waiting).ended) == (WAITING, False)
    answered = log.fold([*waiting, (4, ANSWERED)])
    assert answered.ending is None
    assert answered.messages == [step(1, "may I?").message, *ANSWERED.results]
    assert answered.progress.answered == WAITING.tool_calls


def test_calls_that_the_run_did_not_take_were_left_to_the_client() -> None:
    progress = log.fold(numbered(started(NEW), ASKED, events.ToolCallsDetected(1, (OTHER,)))).progress
    assert progress.client_calls == (CALL,)


def test_tries_are_the_owners_since_the_last_finished_step() -> None:
    resumed = events.RunResumed(2, 1, 2)
    assert log.fold(numbered(started(NEW), resumed, resumed)).tries == 3
    assert log.fold(numbered(started(NEW), resumed, step(1, "a"), resumed)).tries == 1


def test_the_status_is_that_of_the_last_event_which_changes_it() -> None:
    assert log.status([events.TextDelta("a")]) is None
    assert log.status([started(NEW), events.TextDelta("a")]) == "running"
    assert log.status([started(NEW), WAITING]) == "waiting"
    assert log.status([step(1, "a"), finished()]) == "finished"


EVENTS = st.lists(
    st.sampled_from(
        [
            started(NEW),
            events.StepStarted(1),
            events.TextDelta("a"),
            ASKED,
            DETECTED,
            events.ToolBegan("c1", "once"),
            result(CALL),
            events.ToolsExecuted(1, (result(CALL),)),
            events.RunResumed(2, 1, 1),
            WAITING,
            ANSWERED,
            finished(),
        ]
    ),
    max_size=12,
)


@given(EVENTS, st.lists(st.integers(0, 12)))
def test_however_the_log_is_read_it_says_the_same(batch: list[events.LogEvent], places: list[int]) -> None:
    whole, pieces = log.fold(numbered(*batch)), log.Fold()
    for start, stop in zip([0, *sorted(places)], [*sorted(places), len(batch)], strict=True):
        pieces.feed(numbered(*batch)[start:stop])
    assert {**vars(whole), "_said": whole.messages} == {**vars(pieces), "_said": pieces.messages}
