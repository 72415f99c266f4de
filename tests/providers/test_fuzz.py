"""No input makes a decoder raise anything but its declared errors, whatever bytes, and whatever JSON, a stream has."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import msgspec
import pytest

from tests.providers.stories import (
    anthropic as anthropic_stories,
    azure as azure_stories,
    bedrock as bedrock_stories,
    cohere as cohere_stories,
    gemini as gemini_stories,
    mistral as mistral_stories,
    ollama as ollama_stories,
    openai_responses as responses_stories,
    watsonx as watsonx_stories,
    watsonx_generation as generation_stories,
)
from tests.providers.streams import decoded
from turnstream.events import ProtocolError, ProviderError
from turnstream.providers import (
    anthropic,
    azure,
    bedrock,
    cohere,
    gemini,
    mistral,
    ollama,
    openai_responses,
    watsonx,
    watsonx_generation,
)
from turnstream.providers.base import Decoder
from turnstream.providers.decode import invoke_stream

ROUNDS = 400 * int(os.environ.get("FUZZ", "1"))
SEED = os.environ.get("FUZZ_SEED", "")
NOISE: list[Any] = [
    None,
    True,
    -1,
    2**70,
    1.5,
    "",
    "x",
    [],
    {},
    [None],
    [[]],
    {"a": None},
    {"type": "text"},
    "\ud7ff",
    "stop",
]

STREAMS: dict[str, tuple[Callable[[], Decoder], dict[str, bytes]]] = {
    "anthropic": (anthropic.PROVIDER.decoder, anthropic_stories.STORIES),
    "gemini": (gemini.PROVIDER.decoder, gemini_stories.STORIES),
    "openai-responses": (openai_responses.PROVIDER.decoder, responses_stories.STORIES),
    "bedrock": (bedrock.PROVIDER.decoder, bedrock_stories.STORIES),
    "azure": (azure.PROVIDER.decoder, azure_stories.STORIES),
    "cohere": (cohere.PROVIDER.decoder, cohere_stories.STORIES),
    "mistral": (mistral.PROVIDER.decoder, mistral_stories.STORIES),
    "ollama": (ollama.PROVIDER.decoder, ollama_stories.STORIES),
    "watsonx": (watsonx.PROVIDER.decoder, watsonx_stories.STORIES),
    "watsonx-generation": (watsonx_generation.PROVIDER.decoder, generation_stories.STORIES),
}
BINARY = {"bedrock"}
LINES = {"ollama"}  # newline-delimited JSON

decoders = pytest.mark.parametrize("name", STREAMS)


def survives(new: Callable[[], Decoder], body: bytes, cut: int) -> None:
    """Whole and cut it says the same, and every error is a `ProviderError`, or this raises."""
    whole, error = decoded(new(), [body])
    again, same = decoded(new(), [body[:cut], body[cut:]])
    assert again == whole
    assert type(same) is type(error)
    assert error is None or isinstance(error, ProviderError)


@decoders
def test_noise_among_the_bytes(name: str) -> None:
    new, stories = STREAMS[name]
    draw = random.Random(name + SEED)
    for _ in range(ROUNDS):
        body = bytearray(draw.choice(list(stories.values())))
        for _ in range(draw.randint(1, 5)):
            body[draw.randrange(len(body))] = draw.choice(b'{}[]",:\n\r \x00\xff0an')
        survives(new, bytes(body), draw.randrange(len(body)))


def mutations(payloads: list[Any], draw: random.Random) -> Iterator[list[Any]]:
    """The same JSON events with some values replaced by others, some events twice, some missing."""
    for _ in range(ROUNDS):
        changed = msgspec.json.decode(msgspec.json.encode(payloads))
        for _ in range(draw.randint(1, 3)):
            _replace(changed[draw.randrange(len(changed))], draw)
        if draw.random() < 0.3:
            changed.insert(draw.randrange(len(changed)), deepcopy(draw.choice(changed)))
        if draw.random() < 0.3:
            del changed[draw.randrange(len(changed))]
        yield changed


def _replace(value: Any, draw: random.Random) -> None:
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not keys:
        return
    key = draw.choice(keys)
    if isinstance(value[key], dict | list) and draw.random() < 0.75:
        _replace(value[key], draw)
    else:
        value[key] = deepcopy(draw.choice(NOISE))


@pytest.mark.parametrize("name", [name for name in STREAMS if name not in BINARY])
def test_other_json_than_the_vendor_would_send(name: str) -> None:
    new, stories = STREAMS[name]
    draw = random.Random(name + SEED)
    before, after = (b"", b"\n") if name in LINES else (b"data: ", b"\n\n")
    for story in stories.values():
        lines = story.replace(b"\r", b"").split(b"\n")
        payloads = [msgspec.json.decode(line[len(before) :]) for line in lines if line.startswith(before + b"{")]
        for changed in mutations(payloads, draw):
            body = b"".join(before + msgspec.json.encode(event) + after for event in changed)
            survives(new, body, draw.randrange(len(body)))


def test_other_json_than_bedrock_would_send() -> None:
    draw = random.Random("bedrock" + SEED)
    start = {"toolUse": {"toolUseId": "a", "name": "n", "type": "server_tool_use"}}
    payloads: list[Any] = [
        ["contentBlockStart", {"contentBlockIndex": 0, "start": start}],
        ["contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{}"}}}],
        ["contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolResult": [{"text": "x"}, {"json": {}}]}}],
        ["contentBlockDelta", {"contentBlockIndex": 2, "delta": {"reasoningContent": {"redactedContent": "eA=="}}}],
        ["contentBlockDelta", {"contentBlockIndex": 3, "delta": {"citation": {"location": {"web": {"url": "u"}}}}}],
        *(["contentBlockStop", {"contentBlockIndex": at}] for at in range(4)),
        ["messageStop", {"stopReason": "end_turn"}],
        ["metadata", {"usage": {"inputTokens": 1}}],
    ]
    for changed in mutations(payloads, draw):
        events = [event for event in changed if isinstance(event, list) and len(event) == 2]
        frames = [
            bedrock_stories.frame(msgspec.json.encode(body), event_type=str(kind), message_type="event")
            for kind, body in events
        ]
        survives(bedrock.PROVIDER.decoder, b"".join(frames), 11)


def test_other_json_than_an_invoked_model_would_send() -> None:
    draw = random.Random("invoke" + SEED)
    payloads: list[Any] = [
        {"messageStart": {"role": "assistant"}, "contentBlockDelta": {"delta": {"text": "x"}, "contentBlockIndex": 0}},
        {"outputs": [{"text": "x", "stop_reason": "stop"}], "generation": "x"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
        {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}},
    ]
    for changed in mutations(payloads, draw):
        draw.shuffle(changed)
        frames = [
            bedrock_stories.frame(msgspec.json.encode({"bytes": msgspec.json.encode(chunk)}), message_type="event")
            for chunk in changed
        ]
        survives(invoke_stream.Decoder, b"".join(frames), 11)


@pytest.mark.parametrize("name", [name for name in STREAMS if name not in BINARY])
def test_deeply_nested_json_is_a_protocol_error(name: str) -> None:
    before = b"" if name in LINES else b"data: "
    nested = before + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n\n"
    error = decoded(STREAMS[name][0](), [nested])[1]
    assert isinstance(error, ProviderError)


def test_thinking_without_end_is_an_error_before_it_fills_the_memory() -> None:
    decoder = anthropic.PROVIDER.decoder()
    decoder.feed(b'data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking"}}\n\n')
    delta = {"type": "thinking_delta", "thinking": "x" * 1_000_000}
    more = b"data: " + msgspec.json.encode({"type": "content_block_delta", "index": 0, "delta": delta}) + b"\n\n"
    error = decoded(decoder, [more] * 20)[1]
    assert isinstance(error, ProtocolError)


def test_a_plan_without_end_is_an_error_before_it_fills_the_memory() -> None:
    plan = {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "x" * 1_000_000}}}
    error = decoded(cohere.PROVIDER.decoder(), [b"data: " + msgspec.json.encode(plan) + b"\n\n"] * 20)[1]
    assert isinstance(error, ProtocolError)


def test_a_line_without_end_is_an_error_before_it_fills_the_memory() -> None:
    error = decoded(ollama.PROVIDER.decoder(), [b'{"a":"', *[b"x" * 1_000_000] * 20])[1]
    assert isinstance(error, ProtocolError)


@pytest.mark.parametrize(
    "delta",
    [
        {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "x" * 1_000_000}}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x" * 1_000_000}]},
    ],
    ids=["arguments", "reasoning details"],
)
def test_what_a_chat_stream_keeps_is_bounded(delta: dict[str, Any]) -> None:
    more = b"data: " + msgspec.json.encode({"choices": [{"index": 0, "delta": delta}]}) + b"\n\n"
    error = decoded(azure.PROVIDER.decoder(), [more] * 20)[1]
    assert isinstance(error, ProtocolError)
