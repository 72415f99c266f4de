"""Reasoning in chat completions where no field has it as a plain text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.events import ItemAdded, ModelEvent, ReasoningDelta, TextDelta
from turnstream.providers import openai


def stream(*deltas: dict[str, Any]) -> bytes:
    last: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": "stop"}
    choices = [*({"index": 0, "delta": delta} for delta in deltas), last]
    return b"".join(b"data: " + json.dumps({"choices": [one]}).encode() + b"\n\n" for one in choices)


def decoded(body: bytes, size: int = 1 << 20) -> list[ModelEvent]:
    decoder, out = openai.PROVIDER.decoder(), list[ModelEvent]()
    for at in range(0, len(body), size):
        out += decoder.feed(body[at : at + size])
    return out + decoder.close()


def said(*deltas: dict[str, Any], size: int = 1 << 20) -> tuple[str, str]:
    found = decoded(stream(*deltas), size)
    thought = "".join(event.text for event in found if isinstance(event, ReasoningDelta))
    return thought, "".join(event.text for event in found if isinstance(event, TextDelta))


def marked(content: str) -> dict[str, Any]:
    return {"content": content, "extra_content": {"google": {"thought": True}}}


@pytest.mark.parametrize(
    "delta",
    [
        {"thinking": "I see"},
        {"thought": "I see"},
        {"thinking": {"content": "I see"}},
        {"reasoning": {"thinking": "I see", "signature": "s"}},
        {"reasoning": [{"type": "text", "text": "I see"}]},
        {"reasoning_content": [{"type": "text", "text": "I "}, {"type": "text", "text": "see"}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "I see", "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "I see"}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "I see"}]},
        {"content": "I see", "thought": True},
        marked("<thought>I see"),
        marked("<thought>I see</thought>"),
    ],
)
def test_reasoning_is_shown_wherever_it_stands(delta: dict[str, Any]) -> None:
    assert said(delta, {"content": "hi"}) == ("I see", "hi")


def test_details_beside_a_plain_text_are_not_shown_again() -> None:
    details = [{"type": "reasoning.text", "text": "I see", "index": 0}]
    assert said({"reasoning": "I see", "reasoning_details": details}, {"content": "hi"}) == ("I see", "hi")


def test_details_that_are_shown_go_back_as_they_came() -> None:
    pieces = [{"reasoning_details": [{"type": "reasoning.text", "text": text, "index": 0}]} for text in ("I ", "see")]
    items = [event.item.data for event in decoded(stream(*pieces)) if isinstance(event, ItemAdded)]
    assert items == [{"reasoning_details": [{"type": "reasoning.text", "text": "I see", "index": 0}]}]


@pytest.mark.parametrize("texts", [("The user", "The user asks", "The user asks why"), ("I", "I see", "I see it")])
def test_details_that_repeat_all_so_far_are_shown_and_kept_once(texts: tuple[str, ...]) -> None:
    pieces = [{"reasoning_details": [{"type": "reasoning.text", "text": text, "index": 0}]} for text in texts]
    found = decoded(stream(*pieces))
    assert "".join(event.text for event in found if isinstance(event, ReasoningDelta)) == texts[-1]
    assert [event.item.data["reasoning_details"][0]["text"] for event in found if isinstance(event, ItemAdded)] == [
        texts[-1]
    ]


def test_pieces_that_begin_alike_by_chance_are_kept_whole() -> None:
    pieces = [{"reasoning_details": [{"type": "reasoning.text", "text": text}]} for text in ("a", "and", " so")]
    assert said(*pieces) == ("aand so", "")


GEMINI = (marked("<thought>**Plan**"), marked(" more"), {"content": "</thought>It is"}, {"content": " 3."})


def test_the_thoughts_of_gemini_are_reasoning_and_their_tags_are_nothing() -> None:
    assert said(*GEMINI) == ("**Plan** more", "It is 3.")


def test_a_closing_tag_in_pieces_is_one() -> None:
    assert said(marked("<thought>a"), {"content": "</thou"}, {"content": "ght>b"}, {"content": "c"}) == ("a", "bc")


def test_what_looked_like_a_closing_tag_and_was_none_is_said() -> None:
    assert said(marked("a"), {"content": "</th"}, {"content": "> b"}) == ("a", "</th> b")
    assert said(marked("a"), {"content": "</th"}) == ("a", "</th")


def test_behind_the_answers_first_words_a_tag_is_text() -> None:
    assert said(*GEMINI, {"content": "</thought>"}) == ("**Plan** more", "It is 3.</thought>")


def test_an_answer_that_was_not_streamed_is_parted_at_its_tag() -> None:
    message = {"role": "assistant", **marked("<thought>a</thought>b")}
    found = decoded(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode())
    assert found[:2] == [ReasoningDelta("a"), TextDelta("b")]


@settings(deadline=None, max_examples=50)
@given(st.permutations([*GEMINI, {"content": "x"}, {"content": "y"}, {"thinking": "z"}]), st.integers(1, 300))
def test_how_the_bytes_are_cut_never_matters(deltas: list[dict[str, Any]], size: int) -> None:
    assert said(*deltas, size=size) == said(*deltas)
