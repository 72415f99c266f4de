"""Markers that are cut off, doubled, misspelt or in capitals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parsing.text_calls.kinds import reading
from turnstream.parsing.text_calls import parse

WEATHER = ("weather", {"city": "Oslo"})
NOW: tuple[str, Any] = ("now", {})


@pytest.mark.parametrize(
    ("format", "text", "left", "calls", "malformed"),
    [
        ("hermes", 'A<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</', "A", [WEATHER], 0),
        ("hermes", 'A<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</t', "A", [WEATHER], 0),
        ("hermes", 'A<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</to', "A", [WEATHER], 0),
        ("hermes", 'A<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</too', "A", [WEATHER], 0),
        ("hermes", 'A<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool', "A", [WEATHER], 0),
        ("hermes", 'A<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_', "A", [WEATHER], 0),
        ("hermes", 'A<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_c', "A", [WEATHER], 0),
        ("hermes", 'A<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_ca', "A", [WEATHER], 0),
        ("hermes", 'A<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_cal', "A", [WEATHER], 0),
        ("hermes", 'A<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call', "A", [WEATHER], 0),
        (
            "qwen3_coder_xml",
            "<tool_call><function=weather><parameter=city>Oslo</parameter></function></tool_call",
            "",
            [WEATHER],
            0,
        ),
        (
            "qwen3_coder_xml",
            "<tool_call><function=weather><parameter=city>Oslo</parameter></function></tool_cal",
            "",
            [WEATHER],
            0,
        ),
        (
            "qwen3_coder_xml",
            "<tool_call><function=weather><parameter=city>Oslo</parameter></function></tool_ca",
            "",
            [WEATHER],
            0,
        ),
        (
            "qwen3_coder_xml",
            "<tool_call><function=weather><parameter=city>Oslo</parameter></function></tool_c",
            "",
            [WEATHER],
            0,
        ),
        (
            "qwen3_coder_xml",
            "<tool_call><function=weather><parameter=city>Oslo</parameter></function></tool_",
            "",
            [WEATHER],
            0,
        ),
        (
            "qwen3_coder_xml",
            "<tool_call><function=weather><parameter=city>Oslo</parameter></function></tool",
            "",
            [WEATHER],
            0,
        ),
        (
            "qwen3_coder_xml",
            "<tool_call><function=weather><parameter=city>Oslo</parameter></function></too",
            "",
            [WEATHER],
            0,
        ),
        (
            "qwen3_coder_xml",
            "<tool_call><function=weather><parameter=city>Oslo</parameter></function></to",
            "",
            [WEATHER],
            0,
        ),
        ("qwen3_coder_xml", "<tool_call><function=weather><parameter=city>Oslo</parameter></fun", "", [WEATHER], 0),
        (
            "minimax_m2",
            '<minimax:tool_call><invoke name="weather"><parameter name="city">Oslo</parameter></inv',
            "",
            [WEATHER],
            0,
        ),
        (
            "kimi_k2",
            (
                "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0"
                '<|tool_call_argument_begin|>{"city": "Oslo"}<|tool_c'
            ),
            "",
            [WEATHER],
            0,
        ),
        (
            "deepseek_v3",
            ('<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{"city": "Oslo"}\n``'),
            "",
            [WEATHER],
            0,
        ),
        ("pythonic", '[weather(city="Oslo")', "", [WEATHER], 0),
        ("pythonic", '[weather(city="Oslo"', "", [], 1),
        ("tool_tags", "<weather>\n<city>Oslo</city>\n</weat", "", [WEATHER], 0),
    ],
)
def test_a_stream_that_ends_within_the_closer_has_a_whole_call(
    format: str, text: str, left: str, calls: list[tuple[str, Any]], malformed: int
) -> None:
    assert reading(text, format) == (left, calls, malformed)


@pytest.mark.parametrize(
    ("format", "text", "left", "calls", "malformed"),
    [
        (
            "hermes",
            ('<tool_call>\n<tool_call>\n<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>\n</tool_call>Bye'),
            "Bye",
            [NOW],
            0,
        ),
        ("hermes", '<tool_call>{"name": "now", "arguments": {}}</toolcall>Bye', "Bye", [NOW], 0),
        ("hermes", '<tool_call>{"name": "now", "arguments": {}}</function_call>Bye', "Bye", [NOW], 0),
        ("glm47", "<tool_call>now</tool_calls>Bye", "Bye", [NOW], 0),
        (
            "qwen3_coder_xml",
            ("<TOOL_CALL>\n<FUNCTION=weather>\n<PARAMETER=city>\nOslo\n</PARAMETER>\n</FUNCTION>\n</TOOL_CALL>Bye"),
            "Bye",
            [WEATHER],
            0,
        ),
        (
            "glm45",
            "<TOOL_CALL>weather<arg_key>city</arg_key><arg_value>Oslo</arg_value></TOOL_CALL>Bye",
            "Bye",
            [WEATHER],
            0,
        ),
    ],
)
def test_marks_that_are_doubled_misspelt_or_in_capitals_are_no_text(
    format: str, text: str, left: str, calls: list[tuple[str, Any]], malformed: int
) -> None:
    assert reading(text, format) == (left, calls, malformed)


@pytest.mark.parametrize("said", ["", "Let me see.\n", "Let me see."])
@pytest.mark.parametrize("piece", ["<tool_ca", "<function_cal", "[TOOL_CA"])
def test_a_piece_of_an_opener_that_stands_apart_at_the_very_end_is_not_shown(said: str, piece: str) -> None:
    for cut in (None, 1, 3):
        assert parse(said + piece, "auto", cut=cut).text == said


@pytest.mark.parametrize("text", ["Write <tool_ca", "`<tool_ca", "a <b", "<too", "x\n<functio"])
def test_what_may_be_a_word_about_it_or_an_element_is_shown(text: str) -> None:
    assert parse(text, "auto").text == text
