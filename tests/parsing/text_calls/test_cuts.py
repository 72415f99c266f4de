"""The law of cuts where a text is damaged: what is read does not depend on how the stream was cut, nor is it lost."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.parsing.text_calls.kinds import TOOLS
from turnstream.events import ModelEvent
from turnstream.parsing.text_calls import Decoder, Parsed, parse
from turnstream.parsing.text_calls.decoder import gather


def cut_at(text: str, format: str, *at: int) -> tuple[Any, ...]:
    decoder = Decoder(format, TOOLS)
    said: list[ModelEvent] = []
    for start, end in zip((0, *at), (*at, len(text)), strict=True):
        said += decoder.feed(text[start:end])
    return _compared(gather(said + decoder.close()))


def _compared(found: Parsed) -> tuple[Any, ...]:
    return found.text, found.reasoning, found.tool_calls, tuple((one.name, one.reason) for one in found.malformed)


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("qwen3_coder_xml", "<tool_call>x<tool_call><parameter="),
        ("deepseek_v4_dsml", "<｜DSML｜tool_calls>x<｜DSML｜tool_calls><｜DSML｜parameter"),
        ("minimax_m2", '<minimax:tool_call><invoke "<minimax:tool_call>Hello'),
        ("hermes", '<tool_call>{""""}\n]<|Over to you'),
        ("gemma4", '<|tool_call>call:save{file:""r", body:"x"}<tool_call|>'),
        ("gemma4", '<|tool_call>call:save{file:"a"<|"|>, body:"x"}<tool_call|>'),
        ("fenced_json", "Look:\n```json\n[\n```\nso."),
        ("xlam", '{"name":"",""""""}```\nso'),
        ("auto", "<think>So <|channel|>final<|message|>Hello there"),
    ],
)
def test_it_does_not_matter_where_damaged_text_is_cut(format: str, text: str) -> None:
    whole = _compared(parse(text, format, TOOLS))
    assert [cut_at(text, format, at) for at in range(1, len(text))] == [whole] * (len(text) - 1)
    assert cut_at(text, format, *range(1, len(text))) == whole


@pytest.mark.parametrize("after", ["[see] the clock", "<b>soon</b>", '{"a": 1}', "<tool_call> is the tag"])
def test_a_call_in_thoughts_that_never_close_outlives_what_looks_like_another(after: str) -> None:
    text = '<think>So <tool_call>{"name": "now", "arguments": {}}</tool_call>\n' + after
    for found in (parse(text, "auto", TOOLS, cut=1), parse(text, "auto", cut=1)):
        assert (found.text, found.reasoning, [call.name for call in found.tool_calls]) == (after, "So", ["now"])


def test_text_behind_a_call_in_thoughts_keeps_its_order() -> None:
    text = "<think>So <|channel|>final<|message|>Hello there"
    assert parse(text, "auto", TOOLS, cut=1).text == "Hello there"


@pytest.mark.parametrize("open", ["<think>Let me look. ", "I use "])
def test_a_call_within_a_line_that_is_cut_off_is_not_left_open(open: str) -> None:
    found = parse(f'{open}<invoke name="weather"><parameter na', "auto", TOOLS)
    assert ([one.name for one in found.malformed], found.tool_calls) == (["weather"], ())


@pytest.mark.parametrize(
    ("format", "text", "shown"),
    [
        ("deepseek_v31", "Let me see. <｜tool▁calls▁begin｜>", "Let me see."),
        ("gigachat3", "Yes.<|message_sep|>\n\nfunction ca", "Yes."),
        ("gemma4", "<|tool_call>call:now{}<tool_call|><|tool_response>resp", ""),
        ("inkling", "<|message_model|>weath", ""),
        ("muse_atem", ' to=dial<|message|><atem:function_calls>\n<atem:invoke name="dial">\n<atem:para', ""),
    ],
)
def test_no_word_of_the_protocol_with_which_an_answer_breaks_off_is_shown(format: str, text: str, shown: str) -> None:
    assert parse(text, format, TOOLS).text == shown


def test_a_call_that_breaks_off_in_its_next_parameter_is_not_a_call() -> None:
    text = ' to=dial<|message|><atem:invoke name="dial">\n<atem:parameter name="number">1</atem:parameter>\n<a'
    found = parse(text, "muse_atem", TOOLS)
    assert ([one.name for one in found.malformed], found.tool_calls) == (["dial"], ())


def test_a_parameter_behind_the_whole_arguments_makes_the_call_malformed() -> None:
    text = '<function=save>\n{"file": "a"}\n<parameter=body>x</parameter>\n</function>'
    found = parse(text, "qwen3_coder_xml", TOOLS)
    assert ([one.name for one in found.malformed], found.tool_calls) == (["save"], ())


def test_a_declared_string_without_quotes_is_valid_json_whatever_stands_in_it() -> None:
    (call,) = parse('[TOOL_CALLS]dial[ARGS]{"number": 003\\}', "mistral_v11", TOOLS).tool_calls
    assert json.loads(call.arguments) == {"number": "003\\"}


def test_a_list_that_a_fence_closes_before_a_call_begins_is_text() -> None:
    text = "Look:\n```json\n[\n```\nso."
    assert parse(text, "fenced_json", TOOLS).text == text


@pytest.mark.parametrize(
    ("format", "call"),
    [
        ("hermes", '<tool_call>{"name": "now", "arguments": {}}</tool_call'),
        ("qwen3_coder_xml", "<tool_call><function=now></function></tool_"),
        (
            "kimi_k2",
            "<|tool_calls_section_begin|><|tool_call_begin|>now:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_sec",
        ),
        (
            "deepseek_v31",
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁e",
        ),
        ("k2_horizon", "<ifm|tool_calls><ifm|tool_call>now</ifm|tool_call>"),
        ("gemma4", "<|tool_call>call:now{}"),
        ("json_array", '[{"name": "now", "arguments": {}}'),
        ("mistral_json_array", '[TOOL_CALLS] {"name": "now", "arguments": {}}'),
    ],
)
def test_text_behind_a_call_whose_closer_is_damaged_or_missing_is_given_and_no_more(format: str, call: str) -> None:
    found = parse(call + "\n\nDone: it is 1 < 2.", format, TOOLS, cut=1)
    assert (found.text, [one.name for one in found.tool_calls], found.malformed) == ("Done: it is 1 < 2.", ["now"], ())


def test_calls_behind_a_second_marker_are_calls_as_well() -> None:
    text = '[TOOL_CALLS] {"name": "now", "arguments": {}}\n[TOOL_CALLS] {"name": "dial", "arguments": {}}'
    assert [call.name for call in parse(text, "mistral_json_array", TOOLS, cut=1).tool_calls] == ["now", "dial"]


def test_a_tag_of_thoughts_that_is_text_has_a_closer_that_is_text() -> None:
    text = "The words<think>are</think> a tag."
    found = parse('<tool_call>{"name": "now", "arguments": {}}</tool_call>' + text, "hermes", TOOLS, cut=1)
    assert (found.text, found.reasoning) == (text, "")


def test_under_auto_a_call_in_a_fence_without_a_language_is_a_call_and_the_fence_is_not_shown() -> None:
    text = 'So.\n```\n{"name": "now", "arguments": {}}\n```\nDone.'
    found = parse(text, "auto", TOOLS, cut=1)
    assert (found.text, [call.name for call in found.tool_calls]) == ("So.\n\nDone.", ["now"])


def test_the_end_of_a_fence_begins_no_call() -> None:
    text = 'So:\n```js\nf()\n```\n{"name": "now", "arguments": {}}'
    assert parse(text, "auto", TOOLS, cut=1).text == "So:\n```js\nf()\n```"
    assert parse(text, "fenced_json", TOOLS, cut=1).text == text


@pytest.mark.parametrize("flood", [" ", ")", " )"])
def test_a_flood_behind_a_bracket_or_a_quote_costs_each_character_once(flood: str) -> None:
    decoder, began = Decoder("lfm2_pythonic", TOOLS), time.thread_time()
    decoder.feed("<|tool_call_start|>[" + "weather(city='a'" * (flood != " ") + flood * 400_000)
    decoder.close()
    assert time.thread_time() - began < 2  # it was half a minute
