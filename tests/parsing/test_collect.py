from __future__ import annotations

import pytest

from turnstream import events, messages
from turnstream.parsing.collect import Collector


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
