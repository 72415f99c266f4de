"""Prices and context windows: one table, with its date.

A model is in it where two independent public collections of the vendors' price pages agreed when they were compared, on
`DATE`, or where one agreed with the page itself. What is not in it has no known price, and its calls have no cost.
Batch, priority and regional prices are others, and so is what a gateway asks.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Struct

from turnstream import events, usage

DATE = "2026-11-22"


class Price(Struct, frozen=True):
    """US dollars for a million tokens. ``cached`` is what prompt tokens from a cache cost, ``cache_write`` what those
    cost that are put into one; None if nothing is known of it. ``context`` is the window, in tokens. Prompts of more
    than ``flat_to`` tokens have other prices.
    """

    input: float
    output: float
    cached: float | None
    cache_write: float | None
    context: int
    flat_to: int | None = None


PRICES: dict[str, Price] = {
    "anthropic:claude-fable-5": Price(10, 50, 1, 12.5, 1_000_000),
    "anthropic:claude-fable-5-1": Price(10, 50, 0.25, 12.5, 1_000_000),
    "anthropic:claude-haiku-4-5": Price(1, 5, 0.1, 1.25, 200_000),
    "anthropic:claude-haiku-5-5": Price(0.1, 0.5, 0.01, 0.125, 1_000_000, 100_000),
    "anthropic:claude-opus-4-5": Price(5, 25, 0.5, 6.25, 200_000),
    "anthropic:claude-opus-4-6": Price(5, 25, 0.5, 6.25, 1_000_000),
    "anthropic:claude-opus-4-7": Price(5, 25, 0.5, 6.25, 1_000_000),
    "anthropic:claude-opus-4-8": Price(5, 25, 0.5, 6.25, 1_000_000),
    "anthropic:claude-opus-5": Price(5, 25, 0.5, 6.25, 1_000_000),
    "anthropic:claude-opus-5-5": Price(4, 20, 0.2, 5, 1_000_000),
    "anthropic:claude-sonnet-4-5": Price(3, 15, 0.3, 3.75, 200_000, 200_000),
    "anthropic:claude-sonnet-4-6": Price(3, 15, 0.3, 3.75, 1_000_000),
    "anthropic:claude-sonnet-5-5": Price(2, 10, 0.1, 2.5, 1_000_000),
    "cohere:command-r7b-12-2024": Price(0.0375, 0.15, None, None, 128_000),
    "gemini:gemini-2.5-flash": Price(0.3, 2.5, 0.03, None, 1_048_576),
    "gemini:gemini-2.5-flash-lite": Price(0.1, 0.4, 0.01, None, 1_048_576),
    "gemini:gemini-2.5-pro": Price(1.25, 10, 0.125, None, 1_048_576, 200_000),
    "gemini:gemini-3-flash-preview": Price(0.5, 3, 0.05, None, 1_048_576),
    "gemini:gemini-3.1-flash-lite": Price(0.25, 1.5, 0.025, None, 1_048_576),
    "gemini:gemini-3.1-pro-preview": Price(2, 12, 0.2, None, 1_048_576, 200_000),
    "gemini:gemini-3.5-flash": Price(1.5, 9, 0.15, None, 1_048_576),
    "gemini:gemini-3.5-flash-lite": Price(0.3, 2.5, 0.03, None, 1_048_576),
    "mistral:codestral-2508": Price(0.3, 0.9, 0.03, None, 128_000),
    "mistral:ministral-14b-2512": Price(0.2, 0.2, 0.02, None, 262_144),
    "mistral:ministral-3b-2512": Price(0.1, 0.1, 0.01, None, 131_072),
    "mistral:mistral-large-2512": Price(0.5, 1.5, 0.05, None, 262_144),
    "mistral:mistral-small-2603": Price(0.15, 0.6, 0.015, None, 262_144),
    "moonshot:kimi-k2.5": Price(0.6, 3, 0.1, None, 262_144),
    "moonshot:kimi-k2.6": Price(0.95, 4, 0.16, None, 262_144),
    "moonshot:kimi-k2.7-code": Price(0.95, 4, 0.19, None, 262_144),
    "moonshot:kimi-k3": Price(3, 15, 0.3, None, 1_048_576),
    "openai:gpt-3.5-turbo": Price(0.5, 1.5, None, None, 16_385),
    "openai:gpt-4.1": Price(2, 8, 0.5, None, 1_047_576),
    "openai:gpt-4.1-mini": Price(0.4, 1.6, 0.1, None, 1_047_576),
    "openai:gpt-4.1-nano": Price(0.1, 0.4, 0.025, None, 1_047_576),
    "openai:gpt-4o": Price(2.5, 10, 1.25, None, 128_000),
    "openai:gpt-4o-2024-05-13": Price(5, 15, None, None, 128_000),
    "openai:gpt-4o-mini": Price(0.15, 0.6, 0.075, None, 128_000),
    "openai:gpt-5": Price(1.25, 10, 0.125, None, 400_000),
    "openai:gpt-5-mini": Price(0.25, 2, 0.025, None, 400_000),
    "openai:gpt-5-nano": Price(0.05, 0.4, 0.005, None, 400_000),
    "openai:gpt-5.1": Price(1.25, 10, 0.125, None, 400_000),
    "openai:gpt-5.2": Price(1.75, 14, 0.175, None, 400_000),
    "openai:gpt-5.4": Price(2.5, 15, 0.25, None, 1_050_000, 272_000),
    "openai:gpt-5.4-mini": Price(0.75, 4.5, 0.075, None, 400_000),
    "openai:gpt-5.4-nano": Price(0.2, 1.25, 0.02, None, 400_000),
    "openai:gpt-5.5": Price(5, 30, 0.5, None, 1_050_000, 272_000),
    "openai:gpt-5.6-luna": Price(0.2, 1.2, 0.02, 0.25, 1_050_000, 272_000),
    "openai:gpt-5.6-terra": Price(2, 12, 0.2, 2.5, 1_050_000, 272_000),
    "openai:o1": Price(15, 60, 7.5, None, 200_000),
    "openai:o3": Price(2, 8, 0.5, None, 200_000),
    "openai:o3-mini": Price(1.1, 4.4, 0.55, None, 200_000),
    "openai:o4-mini": Price(1.1, 4.4, 0.275, None, 200_000),
    "xai:grok-4.20": Price(1.25, 2.5, 0.2, None, 1_000_000, 200_000),
    "xai:grok-4.3": Price(1.25, 2.5, 0.2, None, 1_000_000, 200_000),
    "zai:glm-5.2": Price(1.4, 4.4, 0.26, None, 1_000_000),
    "zai:glm-5.3": Price(1.4, 4.4, 0.26, None, 1_000_000),
}

_DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")
_SAME_VENDOR = {"openai-responses": "openai"}


def price(name: str) -> Price | None:
    """Of the model ``provider:model``; a name that ends in a date has the price of the one without."""
    provider, _, model = name.partition(":")
    whole = f"{_SAME_VENDOR.get(provider, provider)}:{model}"
    return PRICES.get(whole) or PRICES.get(_DATED.sub("", whole))


def cost(known: Price, usage: usage.Usage) -> float | None:
    """Of one model call, in US dollars; None where part of it is not known."""
    if known.flat_to is not None and usage.input > known.flat_to:
        return None
    if (usage.cached and known.cached is None) or (usage.cache_write and known.cache_write is None):
        return None
    if _kept_for_an_hour(usage):
        return None
    fresh = max(0, usage.input - usage.cached - usage.cache_write)
    dollars = fresh * known.input + usage.output * known.output
    dollars += usage.cached * (known.cached or 0.0) + usage.cache_write * (known.cache_write or 0.0)
    return round(dollars / 1e6, 12)


def _kept_for_an_hour(usage: usage.Usage) -> bool:
    """Claude's cache has a second price for that."""
    created = (usage.raw or {}).get("cache_creation")
    return isinstance(created, dict) and bool(created.get("ephemeral_1h_input_tokens"))


def with_costs(known: Price, batch: list[events.ModelEvent]) -> list[events.ModelEvent]:
    """The events, their reports of usage with what that cost."""
    for at, event in enumerate(batch):
        if event.__class__ is events.UsageReport:
            batch[at] = events.UsageReport(msgspec.structs.replace(event.usage, cost=cost(known, event.usage)))
    return batch
