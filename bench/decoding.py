"""What reading a vendor's stream costs per event, beside finding its frames and decoding their JSON.

The floor is the framing of `turnstream.parsing` and decoding into the fields that are needed; the target is at most 1.5
times that, and the same cost per event for a stream that is four times as long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from rich.table import Table

from bench.rig.tables import wide_console
from tests.providers.stories import (
    anthropic as anthropic_story,
    bedrock as bedrock_story,
    chat as chat_story,
    cohere as cohere_story,
    gemini as gemini_story,
    mistral as mistral_story,
    ollama as ollama_story,
    openai_responses as responses_story,
    watsonx as watsonx_story,
    watsonx_generation as generation_story,
)
from turnstream.parsing import aws_event_stream, ndjson, sse
from turnstream.providers import (
    anthropic,
    bedrock,
    cohere,
    gemini,
    mistral,
    ollama,
    openai,
    openai_responses,
    watsonx,
    watsonx_generation,
)
from turnstream.providers.decode import (
    anthropic_stream,
    chat_chunks,
    cohere_stream,
    converse_stream,
    gemini_stream,
    ollama_stream,
    responses_stream,
)

TARGET = 1.5
READ = 4096

CHAT_END = chat_story.data(chat_story.chunk({}, "stop", usage=chat_story.USAGE))

# vendor -> the stream that says these words, its decoder, the framing, the fields that are needed
VENDORS: dict[str, tuple[Callable[[list[str]], bytes], Any, Any, type[msgspec.Struct]]] = {
    "anthropic": (
        lambda words: anthropic_story.stream(*anthropic_story.text(0, *words)),
        anthropic.PROVIDER.decoder,
        sse.Decoder,
        anthropic_stream.Event,
    ),
    "gemini": (
        lambda words: gemini_story.texts(*words) + gemini_story.END,
        gemini.PROVIDER.decoder,
        sse.Decoder,
        gemini_stream.Chunk,
    ),
    "openai-responses": (
        lambda words: responses_story.stream(responses_story.message(*words)),
        openai_responses.PROVIDER.decoder,
        sse.Decoder,
        responses_stream.Event,
    ),
    "bedrock": (
        lambda words: bedrock_story.stream(bedrock_story.texts(0, *words)),
        bedrock.PROVIDER.decoder,
        aws_event_stream.Decoder,
        converse_stream.Event,
    ),
    "openai": (
        lambda words: chat_story.texts(*words) + CHAT_END,
        openai.PROVIDER.decoder,
        sse.Decoder,
        chat_chunks.Chunk,
    ),
    "mistral": (
        lambda words: mistral_story.BEGIN + chat_story.texts(*words) + CHAT_END,
        mistral.PROVIDER.decoder,
        sse.Decoder,
        chat_chunks.Chunk,
    ),
    "watsonx": (
        lambda words: watsonx_story.BEGIN + watsonx_story.texts(*words) + watsonx_story.STOP,
        watsonx.PROVIDER.decoder,
        sse.Decoder,
        chat_chunks.Chunk,
    ),
    "watsonx-generation": (
        lambda words: (
            b"".join(generation_story.piece(word, 1) for word in words)
            + generation_story.piece("", 1, reason="eos_token")
        ),
        watsonx_generation.PROVIDER.decoder,
        sse.Decoder,
        watsonx_generation.Chunk,
    ),
    "ollama": (
        lambda words: ollama_story.texts(*words) + ollama_story.END,
        ollama.PROVIDER.decoder,
        ndjson.Decoder,
        ollama_stream.Line,
    ),
    "cohere": (
        lambda words: cohere_story.BEGIN + cohere_story.said("text", *words) + cohere_story.end("COMPLETE"),
        cohere.PROVIDER.decoder,
        sse.Decoder,
        cohere_stream.Event,
    ),
}


def best(work: Callable[[], None], repeat: int) -> float:
    """Seconds of this process, the best of some."""
    took = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return min(took)


def read(decoder: Any, pieces: list[bytes]) -> None:
    for piece in pieces:
        decoder.feed(piece)
    decoder.close()


def floor(framing: Any, decode: Callable[[bytes], Any], pieces: list[bytes]) -> None:
    if isinstance(framing, ndjson.Decoder):
        for piece in pieces:
            for line in framing.feed(piece):
                decode(line)
        return
    for piece in pieces:
        for frame in framing.feed(piece):
            decode(frame.data if isinstance(frame, sse.Event) else frame.payload)


def cost(vendor: str, events: int, repeat: int) -> tuple[float, float]:
    """Microseconds per event: ours, and the floor."""
    stream, decoder, framing, fields = VENDORS[vendor]
    body = stream([f"word {at} " for at in range(events)])
    pieces = [body[at : at + READ] for at in range(0, len(body), READ)]
    decode = msgspec.json.Decoder(fields).decode
    ours = best(lambda: read(decoder(), pieces), repeat)
    least = best(lambda: floor(framing(), decode, pieces), repeat)
    return ours / events * 1e6, least / events * 1e6


def run(quick: bool = False) -> None:
    events, repeat = (2_000, 3) if quick else (20_000, 15)
    table = Table("vendor", "µs per event", "floor", "ratio", "4 × as long")
    for vendor in VENDORS:
        ours, least = cost(vendor, events, repeat)
        longer, _ = cost(vendor, 4 * events, max(repeat // 4, 1))
        over = "" if ours / least <= TARGET else "  over"
        table.add_row(vendor, f"{ours:.2f}", f"{least:.2f}", f"{ours / least:.2f}{over}", f"{longer:.2f}")
    wide_console().print(table)


if __name__ == "__main__":
    run()
