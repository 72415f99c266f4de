"""Whatever a conversation holds, a request is a body that follows its vendor's rules, or a `RequestError`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.providers.conversations import PDF, PIXEL
from tests.providers.stories import TIME, WEATHER
from tests.providers.test_fuzz import ROUNDS, SEED
from tests.providers.test_vendor_rules import follows_anthropic, follows_bedrock, follows_gemini
from turnstream.agent.history import repair
from turnstream.events import (
    AssistantMessage,
    AssistantPart,
    AudioPart,
    Content,
    FilePart,
    ImagePart,
    Message,
    ModelOptions,
    ModelRequest,
    ProviderItem,
    ReasoningPart,
    RequestError,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from turnstream.providers import anthropic, bedrock, gemini, openai_responses
from turnstream.providers.base import Settings

TEXTS = ["", " ", "\n", "Hello", "x" * 300, "\ud83d", "\0", "½ 😀", '{"a":1}', "<b>"]
URLS = [
    PIXEL,
    PDF,
    "data:,plain",
    "data:text/plain;base64,###",
    "data:",
    "https://a.example/b.png",
    "s3://a/b.pdf",
    "nonsense",
]
ARGUMENTS = ["", "{}", '{"a":1}', "[]", "{", "null", '"x"', '{"a":"\\ud800"}', "not json"]

VENDORS: dict[str, tuple[Any, Callable[[dict[str, Any]], None]]] = {
    "claude-sonnet-4-5": (anthropic, follows_anthropic),
    "gemini-3.1-pro-preview": (gemini, follows_gemini),
    "gpt-5-mini": (openai_responses, lambda body: None),
    "us.amazon.nova-lite-v1:0": (bedrock, follows_bedrock),
}


def conversation(draw: random.Random) -> tuple[Message, ...]:
    messages: list[Message] = []
    calls: list[ToolCall] = []
    for at in range(draw.randint(1, 8)):
        kind = draw.choice(["user", "user", "assistant", "system", "tools"])
        if kind == "user":
            messages.append(UserMessage(content(draw)))
        elif kind == "system":
            messages.append(SystemMessage(draw.choice(TEXTS)))
        else:
            calls = [
                ToolCall(f"{draw.choice(['c', 'é:', 'x' * 70])}{at}{n}", "get_time", draw.choice(ARGUMENTS))
                for n in range(draw.randint(0, 3))
            ]
            said: list[AssistantPart] = [
                TextPart(draw.choice(TEXTS)),
                ReasoningPart("Hm."),
                ProviderItem("nobody", {"a": 1}),
            ]
            messages.append(AssistantMessage((*draw.sample(said, draw.randint(0, 3)), *calls)))
            for call in draw.sample(calls, draw.randint(0, len(calls))) if kind == "tools" else ():
                messages.append(ToolMessage(call.id, content(draw), is_error=draw.random() < 0.3))
    return tuple(messages)


def content(draw: random.Random) -> Content:
    return draw.choice(TEXTS) if draw.random() < 0.5 else tuple(media(draw) for _ in range(draw.randint(0, 2)))


def media(draw: random.Random) -> TextPart | ImagePart | FilePart | AudioPart:
    kind = draw.random()
    if kind < 0.4:
        return TextPart(draw.choice(TEXTS))
    if kind < 0.7:
        return ImagePart(draw.choice(URLS))
    return (
        FilePart(draw.choice([None, *URLS]), filename=draw.choice([None, "", "ä/b.c.pdf"]))
        if kind < 0.95
        else AudioPart("", "")
    )


@pytest.mark.parametrize("model", VENDORS)
def test_any_conversation_is_a_lawful_body_or_a_request_error(model: str) -> None:
    vendor, follows = VENDORS[model]
    draw = random.Random(model + SEED)
    made = 0
    for _ in range(ROUNDS):
        options = ModelOptions(
            reasoning_effort=draw.choice([None, "low", "odd"]), temperature=draw.choice([None, 0.0, 2.0])
        )
        tools = draw.choice([(), (WEATHER, TIME)])
        request = ModelRequest(ordered(repair(conversation(draw))), tools, options)
        try:
            body = msgspec.json.decode(vendor.request(Settings(model, "https://x.invalid"), request).body)
        except RequestError:
            continue
        follows(body)
        made += 1
    assert made > 50


def ordered(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Results in the order of their calls, as a run gives them."""
    place = {
        call.id: at
        for at, call in enumerate(
            call for message in messages if isinstance(message, AssistantMessage) for call in message.tool_calls
        )
    }
    whole: list[Message] = []
    results: list[ToolMessage] = []

    def settle() -> None:
        results.sort(key=lambda result: place[result.tool_call_id])
        whole.extend(results)
        results.clear()

    for message in messages:
        if isinstance(message, ToolMessage):
            results.append(message)
        else:
            settle()
            whole.append(message)
    settle()
    return tuple(whole)
