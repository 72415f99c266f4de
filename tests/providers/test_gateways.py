"""What gateways make of chat completions and Gemini of its own: pictures, signatures, fake streams, bad ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.providers.streams import decoded
from tests.providers.test_openai import DONE, STOP, collected, data, delta, events, failure
from turnstream import errors
from turnstream.events import Finish, ModelEvent, TextDelta
from turnstream.messages import ProviderItem
from turnstream.providers import gemini, openai

IMAGE = "data:image/png;base64,AAAA"


def item(*parts: bytes) -> dict[str, Any]:
    (found,) = [part.data for part in collected(*parts).message().parts if isinstance(part, ProviderItem)]
    return found


def test_blocks_of_thinking_are_put_together_and_stay_apart() -> None:
    pieces = [
        {"type": "thinking", "thinking": "A"},
        {"type": "thinking", "thinking": "B"},
        {"type": "thinking", "thinking": "", "signature": "S"},
        {"type": "redacted_thinking", "data": "R"},
    ]
    found = item(*(delta(thinking_blocks=[piece]) for piece in pieces), delta("stop"))
    assert found["thinking_blocks"] == [{"type": "thinking", "thinking": "AB", "signature": "S"}, pieces[-1]]


def test_an_opaque_text_is_kept() -> None:
    assert item(delta(reasoning_text="Hm", reasoning_opaque="x"), delta("stop")) == {"reasoning_opaque": "x"}


def test_empty_reasoning_before_a_call_is_kept_and_real_reasoning_needs_nothing() -> None:
    call = delta("tool_calls", tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}])
    assert item(delta(reasoning_content=""), call) == {"reasoning_content": ""}
    assert len(collected(delta(reasoning_content=""), delta(reasoning_content="a"), call).message().parts) == 2


def test_the_name_of_the_field_is_kept_where_it_is_another_and_a_call_follows() -> None:
    call = delta("tool_calls", tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}])
    assert item(delta(reasoning="Hm"), call) == {"field": "reasoning"}


def test_a_picture_is_shown_as_markdown() -> None:
    images = [{"type": "image_url", "image_url": {"url": IMAGE}}, {"image_url": IMAGE}, "odd"]
    assert collected(delta("stop", images=images)).text.count(f"![image]({IMAGE})") == 2


def test_lines_that_are_each_a_chunk_are_read_one_by_one() -> None:
    lines = delta(content="a") + delta(content="b") + delta("stop") + DONE
    for body in (lines.replace(b"\n\n", b"\n"), lines.replace(b"\n\n", b"\r\n")):
        assert events(body) == [TextDelta("a"), TextDelta("b"), STOP]


def test_one_chunk_over_two_lines_is_one_chunk() -> None:
    assert events(delta("stop", content="a").replace(b', "finish', b',\ndata: "finish')) == [TextDelta("a"), STOP]


def test_a_message_without_a_delta_is_the_answer() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}
    assert events(data({"choices": [choice]}), DONE) == [TextDelta("a"), STOP]


def test_usage_may_stand_in_the_choice() -> None:
    choice = {"index": 0, "delta": {}, "finish_reason": "stop", "usage": {"prompt_tokens": 3}}
    found = collected(data({"choices": [choice]})).usage
    assert found is not None
    assert found.input == 3


@pytest.mark.parametrize(("status", "code"), [(1002, "rate_limit_exceeded"), (1004, "provider_authentication")])
def test_minimax_reports_errors_in_a_member_of_its_own(status: int, code: str) -> None:
    body = {"choices": None, "base_resp": {"status_code": status, "status_msg": "x"}}
    assert failure(data(body))[1].code == failure(json.dumps(body).encode())[1].code == code
    assert events(data({"base_resp": {"status_code": 0}}), delta("stop")) == [STOP]


@given(st.integers(1, 60))
def test_how_the_bytes_are_cut_changes_nothing(size: int) -> None:
    body = delta(content="a", thinking_blocks=[{"type": "thinking", "thinking": "A"}]).replace(b"\n\n", b"\n")
    body += delta("stop", content="b", images=[{"image_url": IMAGE}]) + DONE
    whole = decoded(openai.PROVIDER.decoder(), [body])
    assert decoded(openai.PROVIDER.decoder(), [body[at : at + size] for at in range(0, len(body), size)]) == whole


def answer(**candidate: Any) -> tuple[list[ModelEvent], errors.ProviderError | None]:
    return decoded(gemini.PROVIDER.decoder(), [data({"candidates": [candidate]})])


def test_what_gemini_draws_is_shown() -> None:
    parts = [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]
    found, _ = answer(content={"parts": parts}, finishReason="STOP")
    assert TextDelta(f"\n\n![image]({IMAGE})\n\n") in found


@pytest.mark.parametrize("reason", ["MISSING_THOUGHT_SIGNATURE", "TOO_MANY_TOOL_CALLS", "OTHER", "NEW_ONE"])
def test_nothing_at_all_for_an_odd_reason_is_an_error(reason: str) -> None:
    assert answer(content={}, finishReason=reason)[1] is not None
    found, error = answer(content={"parts": [{"text": "a"}]}, finishReason=reason)
    assert (found[-1], error) == (Finish("unknown", reason), None)


def test_an_empty_stop_is_geminis_slip() -> None:
    decoder = gemini.PROVIDER.decoder()
    decoded(decoder, [data({"candidates": [{"content": {}, "finishReason": "STOP"}]})])
    assert decoder.blank
    assert not openai.PROVIDER.decoder().blank
