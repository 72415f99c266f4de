"""Encoders remember nothing and know no clock: the same events are the same bytes, whoever asks again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.dialects.sequences import runs
from tests.dialects.wires import EVERY
from turnstream.dialects import DIALECTS
from turnstream.dialects.base import Dialect
from turnstream.events import RunEvent


def test_each_dialect_has_a_request_in_tests_dialects_wires() -> None:
    assert {dialect.name for dialect in DIALECTS} == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
@given(run=runs())
@settings(deadline=None, max_examples=50)
def test_the_same_events_give_the_same_bytes_twice(name: str, run: list[RunEvent]) -> None:
    one = EVERY[name].exchange()
    streams = []
    for encoder in (one.encoder("a"), one.encoder("a"), EVERY[name].exchange().encoder("a")):
        encoder.heartbeat()
        streams.append((encoder.feed(run) + encoder.close(), encoder.snapshot()))
    assert streams[0] == streams[1] == streams[2]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_dialect_holds_nothing(dialect: type[Dialect]) -> None:
    one = dialect()
    one.decode(EVERY[dialect.name].request())
    assert vars(one) == {}
