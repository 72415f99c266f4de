"""What a model call costs, by the prices that `genai-prices` collects of the vendors' own pages.

Where any part of the price is not known there is no cost, rather than a wrong one. Batch, priority and regional prices
are others, and so is what a gateway asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from turnstream import events, usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, TieredPrices

VENDORS: Mapping[str, str] = {
    "anthropic": "anthropic",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "gemini": "google",
    "groq": "groq",
    "minimax": "minimax",
    "mistral": "mistral",
    "moonshot": "moonshotai",
    "novita": "novita",
    "openai": "openai",
    "openai-responses": "openai",
    "perplexity": "perplexity",
    "together": "together",
    "xai": "x-ai",
    "zai": "zai",
}
"""Our provider, and the vendor whose prices hold at its own address."""


def is_listed(name: str) -> bool:
    """Whether the model's provider has prices at all; loads nothing."""
    return name.partition(":")[0] in VENDORS


def is_loaded() -> bool:
    return find.cache_info().currsize > 0


@cache
def find(name: str) -> ModelInfo | None:
    """What is known of the model ``provider:model``. The first call loads the table: half a second, 22 MB."""
    provider, _, model = name.partition(":")
    if provider not in VENDORS:
        return None
    from genai_prices import data_snapshot

    try:
        _, found = data_snapshot.get_snapshot().find_provider_model(model, None, VENDORS[provider], None)
    except LookupError:
        return None
    return found


def source() -> str:
    """Whose prices these are."""
    from genai_prices import __version__

    return f"genai-prices {__version__}"


def cost(name: str, tokens: usage.Usage, time: float) -> float | None:
    """Of one call of the model, in US dollars; None where part of it is not known. ``time`` is when it was asked, in
    seconds since the epoch: prices change, and some with the hour.
    """
    model = find(name)
    if model is None or _is_kept_for_an_hour(tokens):
        return None
    prices = model.get_prices(datetime.fromtimestamp(time, UTC))
    fresh = max(0, tokens.input - tokens.cached - tokens.cache_write)
    parts = (
        (fresh, prices.input_mtok),
        (tokens.output, prices.output_mtok),
        (tokens.cached, prices.cache_read_mtok),
        (tokens.cache_write, prices.cache_write_mtok),
    )
    dollars = 0.0
    for count, price in parts:
        if price is None:
            if count:
                return None
            continue
        dollars += count * _rate(price, tokens.input)
    return round(dollars / 1e6, 12) if prices.input_mtok is not None else None


def _rate(price: object, prompt: int) -> float:
    """Of a million tokens. Above a threshold the whole of a prompt has another price."""
    tiers: TieredPrices | None = price if hasattr(price, "tiers") else None  # type: ignore[assignment]
    if tiers is None:
        return float(price)  # type: ignore[arg-type]
    return float(next((tier.price for tier in reversed(tiers.tiers) if prompt > tier.start), tiers.base))


def _is_kept_for_an_hour(tokens: usage.Usage) -> bool:
    """Claude's cache has a second price for that."""
    created = (tokens.raw or {}).get("cache_creation")
    return isinstance(created, dict) and bool(created.get("ephemeral_1h_input_tokens"))


def add_costs(name: str, batch: list[events.ModelEvent], time: float) -> list[events.ModelEvent]:
    """The events, their reports of usage with what that cost."""
    for at, event in enumerate(batch):
        if event.__class__ is events.UsageReport:
            batch[at] = events.UsageReport(msgspec.structs.replace(event.usage, cost=cost(name, event.usage, time)))
    return batch
