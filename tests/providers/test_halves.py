"""A character that a vendor cuts in two, each half in a delta of its own, arrives whole."""

from __future__ import annotations

import base64
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.providers.stories import bedrock as bedrock_story
from tests.providers.streams import collected, decoded
from tests.providers.test_stories import VENDORS
from turnstream.events import Finish, ModelEvent, TextDelta
from turnstream.providers import openai, openai_completions, watsonx_generation
from turnstream.providers.base import Decoder
from turnstream.providers.decode import invoke_stream
from turnstream.providers.decode.lenient import Surrogates

FACE = "\U0001f600"
HIGH, LOW = b"\\ud83d", b"\\ude00"


def text(decoder: Decoder, body: bytes) -> str:
    events, error = decoded(decoder, [body])
    assert error is None, error.detail
    for at in range(0, len(body), 7):
        assert decoded(decoder.__class__(), [body[:at], body[at:]])[0] == events
    return str(collected(events)["text"])


@pytest.mark.parametrize("vendor", [name for name in VENDORS if name != "bedrock"])
def test_every_vendors_halves_are_one_character(vendor: str) -> None:
    module: ModuleType = VENDORS[vendor]
    story = module.STORIES["text"]
    assert b'Hello"' in story
    cut = story.replace(b'Hello"', b"Hello" + HIGH + b'"').replace(b'", world.', b'"' + LOW + b", world.")
    assert text(module.PROVIDER.decoder(), cut) == f"Hello{FACE}, world."


def framed(event_type: str, *payloads: bytes) -> bytes:
    return b"".join(bedrock_story.frame(one, event_type=event_type, message_type="event") for one in payloads)


def chunk(json: bytes) -> bytes:
    return b'{"bytes":"' + base64.b64encode(json) + b'"}'


def test_bedrocks_halves_are_one_character() -> None:
    deltas = [b'{"contentBlockIndex":0,"delta":{"text":"' + half + b'"}}' for half in (b"a" + HIGH, LOW + b"b")]
    body = framed("contentBlockDelta", *deltas) + framed("messageStop", b'{"stopReason":"end_turn"}')
    assert text(VENDORS["bedrock"].PROVIDER.decoder(), body) == f"a{FACE}b"


@pytest.mark.parametrize(
    "form",
    [
        b'{"generation":"%s","stop_reason":"stop"}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}',
        b'{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"text":"%s"}},"messageStop":{"stopReason":"end_turn"}}',
    ],
)
def test_so_are_those_of_invoked_models(form: bytes) -> None:
    body = framed("chunk", *(chunk(form % half) for half in (b"a" + HIGH, LOW + b"b")))
    events, _ = decoded(invoke_stream.Decoder(), [body])
    assert collected(events)["text"] == f"a{FACE}b"


@pytest.mark.parametrize(
    ("decoder", "form"),
    [
        (
            watsonx_generation.PROVIDER.decoder,
            b'data: {"results":[{"generated_text":"%s","stop_reason":"eos_token"}]}\n\n',
        ),
        (openai_completions.PROVIDER.decoder, b'data: {"choices":[{"text":"%s","finish_reason":"stop"}]}\n\n'),
    ],
)
def test_so_are_those_of_text_completions(decoder: Callable[[], Decoder], form: bytes) -> None:
    assert text(decoder(), form % (b"a" + HIGH) + form % (LOW + b"b")) == f"a{FACE}b"


def chat(*contents: bytes) -> list[ModelEvent]:
    frames = [b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % content for content in contents]
    body = b"".join(frames) + b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    events, error = decoded(openai.PROVIDER.decoder(), [body])
    assert error is None
    return events


def test_the_text_before_a_half_does_not_wait_for_it() -> None:
    assert chat(b"a" + HIGH, LOW + b"b") == [TextDelta("a"), TextDelta(FACE + "b"), Finish("stop", "stop")]


def test_what_comes_between_two_halves_does_not_part_them() -> None:
    assert collected(chat(HIGH, b"", LOW))["text"] == FACE


def test_a_half_without_another_is_no_character() -> None:
    assert collected(chat(b"a" + HIGH))["text"] == "a"
    assert collected(chat(LOW + b"b"))["text"] == "\ufffdb"
    assert collected(chat(b"a" + HIGH + b"b", LOW))["text"] == "a\ufffdb\ufffd"


def test_a_backslash_before_the_letters_is_no_half() -> None:
    halves = Surrogates()
    for data in (b'{"a":"\\\\ud83d"}', b'{"a":"\\\\ude00"}', b'{"a":"\\"\\\\\\\\ud83d"}'):
        assert halves.join(data) == data
    assert halves.join(b'{"a":"\\\\' + HIGH + b'"}') == b'{"a":"\\\\"}'


@given(st.lists(st.binary(max_size=20) | st.sampled_from([b'"' + LOW, HIGH + b'"', b"\\", b'"']), max_size=8))
def test_no_bytes_break_it(pieces: list[bytes]) -> None:
    halves = Surrogates()
    joined: list[Any] = [halves.join(piece) for piece in pieces]
    assert sum(map(len, joined)) <= sum(map(len, pieces)) * (1 + len(HIGH))
