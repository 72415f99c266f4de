from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

from turnstream import providers
from turnstream.events import Finish, ModelEvent, TextDelta, Usage, UsageReport
from turnstream.providers import catalogue, prices
from turnstream.providers.transport.http import HttpModel

NOVEMBER = 1_795_000_000.0
SONNET = "anthropic:claude-sonnet-4-5"
"""$3 in, $15 out, $0.30 read from and $3.75 written to the cache, for a million tokens; twice that above 200,000."""


def test_each_kind_of_token_has_its_price() -> None:
    usage = Usage(input=100_000, output=20_000, cached=50_000, cache_write=10_000, reasoning=5_000)
    assert prices.cost(SONNET, usage, NOVEMBER) == pytest.approx(0.12 + 0.3 + 0.015 + 0.0375)


def test_a_long_prompt_has_the_price_of_long_prompts() -> None:
    cheap, dear = (prices.cost("gemini:gemini-2.5-pro", Usage(input=size), NOVEMBER) for size in (200_000, 200_001))
    assert cheap is not None
    assert dear is not None
    assert dear > 1.9 * cheap


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("openai:gpt-4-turbo", Usage(10, 10, cached=1)),
        ("openai:gpt-5-mini", Usage(10, 10, cache_write=1)),
        (SONNET, Usage(10, 10, cache_write=1, raw={"cache_creation": {"ephemeral_1h_input_tokens": 1}})),
    ],
)
def test_a_cost_of_which_a_part_is_not_known_is_not_known(name: str, usage: Usage) -> None:
    assert prices.cost(name, Usage(10, 10), NOVEMBER) is not None
    assert prices.cost(name, usage, NOVEMBER) is None


@pytest.mark.parametrize("name", ["openai:gpt-5-mini-2025-08-07", "openai-responses:gpt-5-mini"])
def test_a_dated_model_has_the_price_of_its_name(name: str) -> None:
    assert prices.find(name) is prices.find("openai:gpt-5-mini") is not None


def test_a_dated_model_may_have_a_price_of_its_own() -> None:
    assert prices.find("openai:gpt-4o-2024-05-13") is not prices.find("openai:gpt-4o-2024-08-06")


@pytest.mark.parametrize("name", ["ollama:qwen3", "openai:gpt-17", "azure:gpt-5-mini", "openrouter:openai/gpt-5-mini"])
def test_what_is_not_listed_has_no_price(name: str) -> None:
    assert prices.find(name) is None
    assert prices.cost(name, Usage(1, 1), NOVEMBER) is None


def test_the_providers_are_ours() -> None:
    assert prices.VENDORS.keys() <= catalogue.PROVIDERS.keys()


def test_reports_of_usage_get_their_cost_and_nothing_else_changes() -> None:
    batch: list[ModelEvent] = [TextDelta("a"), UsageReport(Usage(1_000_000, 0)), Finish("stop")]
    assert prices.add_costs("openai:gpt-5-mini", batch, NOVEMBER) == [
        TextDelta("a"),
        UsageReport(Usage(1_000_000, 0, cost=0.25)),
        Finish("stop"),
    ]


@pytest.mark.parametrize(("base_url", "known"), [(None, True), (None, False), ("http://gateway/v1", False)])
def test_a_gateways_price_is_not_the_vendors(base_url: str | None, known: bool) -> None:
    key: Mapping[str, str] = {"OPENAI_API_KEY": "k"}
    environ = key if known else {**key, "OPENAI_BASE_URL": "http://gateway/v1"}
    model = providers.model("openai:gpt-5-mini", base_url=base_url, environ=environ)
    assert isinstance(model, HttpModel)
    assert model.priced is known


def test_the_table_is_loaded_by_the_first_call_and_not_before() -> None:
    code = (
        "import sys; from turnstream import providers\n"
        "providers.model('openai:gpt-5-mini', environ={'OPENAI_API_KEY': 'k'})\n"
        "print('genai_prices' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


def test_a_sum_has_a_cost_if_all_of_it_has() -> None:
    assert (Usage() + Usage(1, 1, cost=0.5)).cost == 0.5
    assert (Usage(1, 1, cost=0.25) + Usage(1, 1, cost=0.5)).cost == 0.75
    assert (Usage(1, 1) + Usage(1, 1, cost=0.5)).cost is None
    assert (Usage() + Usage()).cost is None
