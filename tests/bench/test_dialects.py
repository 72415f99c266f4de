from __future__ import annotations

from bench.dialects import batches, encoders, measure
from turnstream.dialects import DIALECTS


def test_every_dialect_is_measured_and_writes_something() -> None:
    costs = measure(encoders(), 64, 1)
    assert set(costs) == {dialect.name for dialect in DIALECTS}
    assert all(cost.size > 10 and cost.nanoseconds > 0 for cost in costs.values())


def test_each_token_is_an_event_of_its_own() -> None:
    for name, make in encoders().items():
        encoder = make()
        written = b"".join(encoder.feed(batch) for batch in batches(16))
        assert written.count(b'"forty-two"') + written.count(b'" forty-two"') == 2, name
