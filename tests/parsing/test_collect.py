from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from turnstream import events, messages, usage
from turnstream.parsing.collect import Collector

said = st.sampled_from(["", "a", " b", "€"])
model_events = st.lists(
    st.one_of(
        *(st.builds(kind, said) for kind in (events.TextDelta, events.ReasoningDelta, events.RefusalDelta)),
        st.builds(events.TextDelta, said),
        st.builds(events.ToolCallStart, st.integers(0, 1), st.just("id"), st.just("f")),
        st.builds(events.ToolCallDelta, st.integers(0, 1), st.sampled_from(["{", "}"])),
        st.builds(events.ToolCallMalformed, st.integers(0, 1), st.just("broken"), said),
        st.builds(events.ItemAdded, st.just(messages.ProviderItem("openai", {"id": "1"}))),
        st.builds(events.UsageReport, st.builds(usage.Usage, st.integers(0, 2))),
        st.builds(events.Finish, st.sampled_from(["stop", "length"])),
    )
)


def collect(batches: list[list[events.ModelEvent]]) -> tuple[object, ...]:
    collector = Collector()
    for batch in batches:
        collector.feed(batch)
    calls = collector.message(), collector.tool_calls, collector.size, collector.usage, collector.finish
    return (*calls, collector.text, collector.reasoning, collector.refusal)


@given(model_events, st.integers(0, 20))
def test_how_the_answer_is_cut_does_not_matter(whole: list[events.ModelEvent], at: int) -> None:
    assert collect([whole]) == collect([whole[:at], whole[at:]]) == collect([[event] for event in whole])


@pytest.mark.parametrize(
    ("delta", "part"),
    [(events.TextDelta, messages.TextPart), (events.ReasoningDelta, messages.ReasoningPart)],
)
@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_a_long_answer_is_the_same_however_it_came(
    delta: type[events.TextDelta | events.ReasoningDelta],
    part: type[messages.TextPart | messages.ReasoningPart],
    batch: int,
) -> None:
    tokens = [f" {n}" for n in range(1000)]
    collector = Collector()
    for at in range(0, len(tokens), batch):
        collector.feed([delta(token) for token in tokens[at : at + batch]])
    assert collector.message() == messages.AssistantMessage((part("".join(tokens)),))
    assert collector.size == len("".join(tokens))


def test_the_loose_tokens_of_an_answer_are_few() -> None:
    collector = Collector()
    for _ in range(1000):
        collector.feed([events.TextDelta(" a")])
    assert len(collector._parts[0].texts) < 100
    assert collector.text == " a" * 1000
