from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from turnstream import providers
from turnstream.events import Finish, ModelEvent, TextDelta, Usage, UsageReport
from turnstream.providers import catalogue, prices
from turnstream.providers.prices import Price
from turnstream.providers.transport.http import HttpModel

FLAT = Price(1.0, 10.0, 0.1, 1.25, 1000, flat_to=500_000)


def test_each_kind_of_token_has_its_price() -> None:
    usage = Usage(input=100_000, output=20_000, cached=50_000, cache_write=10_000, reasoning=5_000)
    assert prices.cost(FLAT, usage) == pytest.approx(0.04 + 0.2 + 0.005 + 0.0125)


@pytest.mark.parametrize(
    ("price", "usage"),
    [
        (FLAT, Usage(input=500_001)),
        (Price(1, 1, None, 1, 1), Usage(10, 10, cached=1)),
        (Price(1, 1, 1, None, 1), Usage(10, 10, cache_write=1)),
        (FLAT, Usage(10, 10, cache_write=1, raw={"cache_creation": {"ephemeral_1h_input_tokens": 1}})),
    ],
)
def test_a_cost_of_which_a_part_is_not_known_is_not_known(price: Price, usage: Usage) -> None:
    assert prices.cost(price, usage) is None


@pytest.mark.parametrize("name", ["openai:gpt-5-mini", "openai:gpt-5-mini-2025-08-07", "openai-responses:gpt-5-mini"])
def test_a_dated_model_has_the_price_of_its_name(name: str) -> None:
    assert prices.price(name) == prices.PRICES["openai:gpt-5-mini"]


def test_a_dated_model_may_have_a_price_of_its_own() -> None:
    assert prices.price("openai:gpt-4o-2024-05-13") != prices.price("openai:gpt-4o-2024-08-06")


@pytest.mark.parametrize("name", ["ollama:qwen3", "openai:gpt-17", "azure:gpt-5-mini"])
def test_what_is_not_in_the_table_has_no_price(name: str) -> None:
    assert prices.price(name) is None


def test_the_table_has_a_date_and_only_providers_that_there_are() -> None:
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", prices.DATE)
    assert {name.partition(":")[0] for name in prices.PRICES} <= catalogue.PROVIDERS.keys()


def test_reports_of_usage_get_their_cost_and_nothing_else_changes() -> None:
    batch: list[ModelEvent] = [TextDelta("a"), UsageReport(Usage(1_000_000, 0)), Finish("stop")]
    assert prices.with_costs(Price(2, 3, None, None, 1), batch) == [
        TextDelta("a"),
        UsageReport(Usage(1_000_000, 0, cost=2.0)),
        Finish("stop"),
    ]


@pytest.mark.parametrize(("base_url", "known"), [(None, True), (None, False), ("http://gateway/v1", False)])
def test_a_gateways_price_is_not_the_vendors(base_url: str | None, known: bool) -> None:
    key: Mapping[str, str] = {"OPENAI_API_KEY": "k"}
    environ = key if known else {**key, "OPENAI_BASE_URL": "http://gateway/v1"}
    model = providers.model("openai:gpt-5-mini", base_url=base_url, environ=environ)
    assert isinstance(model, HttpModel)
    assert (model.price is not None) is known


def test_a_sum_has_a_cost_if_all_of_it_has() -> None:
    assert (Usage() + Usage(1, 1, cost=0.5)).cost == 0.5
    assert (Usage(1, 1, cost=0.25) + Usage(1, 1, cost=0.5)).cost == 0.75
    assert (Usage(1, 1) + Usage(1, 1, cost=0.5)).cost is None
    assert (Usage() + Usage()).cost is None
