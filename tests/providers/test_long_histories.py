"""A conversation's cost grows with its length and no faster: a client may send any."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType

import pytest

from turnstream import messages, requests
from turnstream.providers import anthropic, bedrock, mistral, openai, openai_responses
from turnstream.providers.base import Settings

COUNT = 20_000


def rounds() -> list[messages.Message]:
    calls = [messages.AssistantMessage((messages.ToolCall(f"c!{n}", "f", "{}"),)) for n in range(COUNT)]
    results = [messages.ToolMessage(f"c!{n}", "r", "f") for n in range(COUNT)]
    return [message for pair in zip(calls, results, strict=True) for message in pair]


def neighbours() -> list[messages.Message]:
    return [messages.UserMessage("word " * 40) for _ in range(4 * COUNT)]


def words_of_one_answer() -> list[messages.Message]:
    return [messages.AssistantMessage(tuple(messages.TextPart("word " * 40) for _ in range(4 * COUNT)))]


@pytest.mark.parametrize(
    ("provider", "model", "history"),
    [
        (anthropic, "claude-sonnet-4-5", rounds),
        (bedrock, "amazon.nova-lite-v1:0", rounds),
        (openai_responses, "gpt-5", rounds),
        (mistral, "mistral-large", neighbours),
        (openai, "gemma-3", neighbours),
        (openai, "gpt-4.1", words_of_one_answer),
    ],
)
def test_a_long_conversation_is_written_in_time(
    provider: ModuleType, model: str, history: Callable[[], list[messages.Message]]
) -> None:
    request = requests.ModelRequest((messages.UserMessage("hi"), *history(), messages.UserMessage("so?")))
    began = time.thread_time()
    provider.request(Settings(model), request)
    assert time.thread_time() - began < 3  # with the square of its length it was 5 to 30
