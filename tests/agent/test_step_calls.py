from __future__ import annotations

from hypothesis import given, strategies as st

from turnstream.agent.step_calls import StepCalls, visible_of
from turnstream.events import (
    Finish,
    ModelEvent,
    TextDelta,
    ToolCallArguments,
    ToolCallDelta,
    ToolCallStart,
    ToolCallStarted,
)

indices = st.integers(0, 2)
ids = st.sampled_from(["", "a", "b"])
model_events = st.lists(
    st.one_of(
        st.builds(TextDelta, st.just("t")),
        st.builds(ToolCallStart, indices, ids, st.just("f")),
        st.builds(ToolCallDelta, indices, st.sampled_from(["", "{", "}"])),
        st.builds(Finish, st.just("stop")),
    )
)


def feed(batches: list[list[ModelEvent]]) -> tuple[list[object], list[object]]:
    calls = StepCalls(1, "call", lambda: {"b"})
    fed = [calls.feed(batch) for batch in batches]
    return [event for named, _ in fed for event in named], [event for _, visible in fed for event in visible]


@given(model_events, st.integers(0, 10))
def test_how_the_answer_is_cut_does_not_matter(whole: list[ModelEvent], at: int) -> None:
    assert feed([whole]) == feed([whole[:at], whole[at:]])


@given(model_events)
def test_what_is_shown_without_calls_is_the_text(whole: list[ModelEvent]) -> None:
    assert visible_of(whole) == [event for event in whole if isinstance(event, TextDelta)]


@given(model_events)
def test_each_call_gets_one_id_that_no_other_call_has(whole: list[ModelEvent]) -> None:
    named, visible = feed([whole])
    started = [event for event in visible if isinstance(event, ToolCallStarted)]
    own = [event.tool_call_id for event in started]
    assert len(set(own)) == len(own) == len({event.index for event in named if isinstance(event, ToolCallStart)})
    assert "b" not in own
    assert {event.tool_call_id for event in visible if isinstance(event, ToolCallArguments)} <= set(own)
