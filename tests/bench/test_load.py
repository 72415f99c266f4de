"""The load generator must find every answer that is not wholly what was asked for, or the bench proves nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from bench.rig.load import Answer, latencies_of
from bench.rig.plan import Plan, token
from bench.rig.upstream import HEAD, ROLE, chunk, ending, token_event

PLAN = Plan("burst", "s1", 3)


def whole(*tokens: str, end: bytes | None = None) -> bytes:
    return HEAD + ROLE + b"".join(map(token_event, tokens)) + (ending("stop", 3, True) if end is None else end)


GOOD = whole(token("s1", 0, 5), token("s1", 1, 6), token("s1", 2, 7))


def latencies(*pieces: bytes) -> list[int]:
    return latencies_of(Answer(PLAN, list(pieces), [100] * len(pieces)))


def test_a_token_s_latency_is_from_its_sending_to_its_arrival() -> None:
    assert latencies(GOOD) == [95, 94, 93]


@settings(deadline=None, max_examples=50)
@given(st.integers(min_value=20, max_value=len(GOOD) - 1))
def test_where_an_answer_is_cut_never_matters(cut: int) -> None:
    assert latencies(GOOD[:cut], GOOD[cut:]) == latencies(GOOD)


@pytest.mark.parametrize(
    "bad",
    [
        whole(token("s1", 0, 5), token("s2", 1, 6), token("s1", 2, 7)),
        whole(token("s1", 0, 5), token("s1", 2, 7), token("s1", 1, 6)),
        whole(token("s1", 0, 5), token("s1", 1, 6)),
        whole(token("s1", 0, 5), token("s1", 1, 6), token("s1", 2, 7), "more"),
        whole(token("s1", 0, 5), token("s1", 1, 6), token("s1", 2, 7), end=chunk(b"data: [DONE]\n\n")),
        whole(end=chunk(b'data: {"error":{"message":"no"}}\n\n')),
        b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
    ],
    ids=["mixed up", "reordered", "short", "long", "unfinished", "failed", "refused"],
)
def test_an_answer_that_is_not_what_was_asked_for_is_an_error(bad: bytes) -> None:
    with pytest.raises(ValueError):
        latencies(bad)
