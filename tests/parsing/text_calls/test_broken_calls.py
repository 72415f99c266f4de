"""Broken calls: nothing is run that was not understood, and one broken call costs only itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.parsing.text_calls.kinds import TOOLS, reading
from turnstream.parsing import text_calls

WEATHER = ("weather", {"city": "Oslo"})
NOW: tuple[str, Any] = ("now", {})


@pytest.mark.parametrize(
    ("format", "text", "left", "calls", "malformed"),
    [
        (
            "hermes",
            '<tool_call>{"name": "weather", "city": "Oslo", "days": 2}</tool_call>',
            "",
            [("weather", {"city": "Oslo", "days": 2})],
            0,
        ),
        ("hermes", '<tool_call>{"city": "Oslo", "name": "weather"}</tool_call>', "", [WEATHER], 0),
        ("auto", '<tool_call>{"name": "weather", "town": "Oslo"}</tool_call>ok', "ok", [], 1),
        (
            "deepseek_v3",
            (
                '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{"city": '
                '"Oslo"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>'
            ),
            "",
            [WEATHER],
            0,
        ),
        ("xlam", '[{"name": "weather", "func_args": {"city": "Oslo"}}]', "", [WEATHER], 0),
        (
            "hermes",
            ('<tool_call>{"name": "weather", "function_args": "{\\"city\\": \\"Oslo\\"}"}</tool_call>'),
            "",
            [WEATHER],
            0,
        ),
        (
            "hermes",
            '<tool_call>{"function": {"name": "weather", "args": {"city": "Oslo"}}}</tool_call>',
            "",
            [WEATHER],
            0,
        ),
        ("hermes", '<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}, "days": 3}</tool_call>', "", [], 1),
        ("hermes", '<tool_call>{"name": "weather" "arguments" {"city": "Oslo"}}</tool_call>x', "x", [], 1),
    ],
)
def test_arguments_that_were_there_are_never_run_as_an_empty_object(
    format: str, text: str, left: str, calls: list[tuple[str, Any]], malformed: int
) -> None:
    assert reading(text, format) == (left, calls, malformed)


@pytest.mark.parametrize(
    ("format", "text", "left", "calls", "malformed"),
    [
        (
            "qwen3_coder_xml",
            "<tool_call>\n<function=weather>\n<city>Oslo</city>\n</function>\n</tool_call>",
            "",
            [WEATHER],
            0,
        ),
        (
            "qwen3_coder_xml",
            ('<tool_call>\n<function=weather>\n<arg name="city">Oslo</arg>\n</function>\n</tool_call>'),
            "",
            [WEATHER],
            0,
        ),
        ("qwen3_coder_xml", "<tool_call>\n<function=weather>\ncity: Oslo\n</function>\n</tool_call>z", "z", [], 1),
        (
            "qwen3_coder_xml",
            '<tool_call>\n<function=weather>\n{"city": "Oslo"}\n</function>\n</tool_call>z',
            "z",
            [WEATHER],
            0,
        ),
        (
            "qwen3_coder_xml",
            (
                "<tool_call>\n<function=weather>\n<parameter=city>Oslo</parameter>\n<town>x</town>\n"
                "</function>\n</tool_call>z"
            ),
            "z",
            [],
            1,
        ),
        (
            "minimax_m2",
            ('<minimax:tool_call><invoke name="weather"><parameter=city>Oslo</parameter></invoke></minimax:tool_call>'),
            "",
            [WEATHER],
            0,
        ),
        ("glm47", "<tool_call>weather<arg_key>city</arg_key>Oslo</arg_value></tool_call>", "", [WEATHER], 0),
        (
            "glm47",
            ("<tool_call>weather<arg_key>city</arg_key><arg_value>Oslo</arg_value><arg_key>days</tool_call>q"),
            "q",
            [],
            1,
        ),
        ("glm47", '<tool_call>weather\n{"city": "Oslo"}}\n</tool_call>q', "q", [WEATHER], 0),
        ("glm47", '<tool_call>weather(city="Oslo")</tool_call>q', "q", [], 1),
        (
            "hy_v3",
            (
                "<tool_calls><tool_call>weather<tool_sep><arg_key>city</arg_key></tool_call>"
                "<tool_call>now<tool_sep></tool_call></tool_calls>k"
            ),
            "k",
            [NOW],
            1,
        ),
        ("auto", "<tool_call>weather</tool_call>", "", [("weather", {})], 0),
    ],
)
def test_parameters_in_other_tags_are_read_or_the_call_is_malformed(
    format: str, text: str, left: str, calls: list[tuple[str, Any]], malformed: int
) -> None:
    assert reading(text, format) == (left, calls, malformed)


@pytest.mark.parametrize(
    ("format", "text", "left", "calls", "malformed"),
    [
        (
            "pythonic",
            '[weather(city="Oslo", **{"days": 2}), now()]',
            "",
            [("weather", {"city": "Oslo", "days": 2}), NOW],
            0,
        ),
        ("pythonic", '[weather("Oslo")]x', "x", [], 1),
        ("pythonic", '[weather(city="Oslo",), now()]', "", [WEATHER, NOW], 0),
        ("olmo3_pythonic", '<function_calls>\nweather(city="Oslo"\nnow()\n</function_calls>x', "x", [NOW], 1),
        ("lfm2_pythonic", '<|tool_call_start|>[weather(city=f"{x}"), now()]<|tool_call_end|>', "", [NOW], 1),
        (
            "lfm2_pythonic",
            '<|tool_call_start|>[weather(city="Os" "lo"), now()]<|tool_call_end|>',
            "",
            [WEATHER, NOW],
            0,
        ),
        ("pythonic", '[tag(words={"b", "a"}), now()]', "", [("tag", {"words": ["b", "a"]}), NOW], 0),
        ("pythonic", "[dial(number=0047, extension=05)]", "", [("dial", {"number": "0047", "extension": 5})], 0),
        ("llama4_pythonic", '[weather(city="Oslo" if x else "Rome"), now()]t', "t", [NOW], 1),
    ],
)
def test_python_arguments_are_read_whole_or_not_at_all(
    format: str, text: str, left: str, calls: list[tuple[str, Any]], malformed: int
) -> None:
    assert reading(text, format) == (left, calls, malformed)


@pytest.mark.parametrize(
    ("format", "text", "left", "calls", "malformed"),
    [
        (
            "kimi_k2",
            (
                "<|tool_calls_section_begin|><|tool_call_begin|>functions.shell:0"
                '<|tool_call_argument_begin|>{"cmd": "ls<|tool_call_end|>'
                "<|tool_call_begin|>functions.now:1<|tool_call_argument_begin|>{}<|tool_call_end|>"
                "<|tool_calls_section_end|>x"
            ),
            "x",
            [NOW],
            1,
        ),
        (
            "hermes",
            (
                '<tool_call>{"name": "shell", "arguments": {"cmd": "ls}</tool_call>\n'
                '<tool_call>{"name": "now", "arguments": {}}</tool_call>x'
            ),
            "x",
            [NOW],
            1,
        ),
        (
            "hermes",
            (
                '<tool_call>{"name": "shell", "argu</tool_call>\n<tool_call>{"name": "now", '
                '"arguments": {}}</tool_call>x'
            ),
            "x",
            [NOW],
            1,
        ),
        (
            "auto",
            (
                '<tool_call>\n{"name": "shell", "arguments": {"cmd": "ls"}\n\n<tool_call>\n{"name": '
                '"now", "arguments": {}}\n</tool_call>'
            ),
            "",
            [("shell", {"cmd": "ls"}), NOW],
            0,
        ),
        ("mistral_v11", '[TOOL_CALLS]shell[ARGS]{"cmd": ls}[TOOL_CALLS]now[ARGS]{}', "", [NOW], 1),
        (
            "harmony",
            (
                '<|channel|>commentary to=functions.shell<|message|>{"cmd": "ls}<|call|>'
                "<|start|>assistant<|channel|>final<|message|>Bye.<|return|>"
            ),
            "Bye.",
            [],
            1,
        ),
        ("llama3_json", '{"name": "shell", "parameters": {"cmd": "ls}}\nBye.', "Bye.", [], 1),
        (
            "llama3_json",
            '{"name": "shell", "parameters": {"cmd": ls}}; {"name": "now", "parameters": {}}',
            "",
            [NOW],
            1,
        ),
        (
            "granite3",
            ('<|tool_call|>[{"name": "shell", "arguments": {"cmd": ls}}, {"name": "now", "arguments": {}}] Bye'),
            "Bye",
            [NOW],
            1,
        ),
        (
            "cohere_command",
            (
                '<|START_ACTION|>[{"tool_name": "shell", "parameters": {"cmd": "ls}}, {"tool_name": '
                '"now", "parameters": {}}]<|END_ACTION|>Bye'
            ),
            "Bye",
            [NOW],
            1,
        ),
        ("gemma4", '<|tool_call>call:shell{cmd:<|"|>ls<|"|>,wait:}<tool_call|>Bye', "Bye", [], 1),
        ("gemma4", '<|tool_call>call:shell{cmd:<|"|>a}b<|"|>}<tool_call|>Bye', "Bye", [("shell", {"cmd": "a}b"})], 0),
        ("gemma4", '<|tool_call>call:shell{cmd:<|"|>a {b}} <tool_call|>Bye', "Bye", [("shell", {"cmd": "a {b"})], 0),
    ],
)
def test_a_broken_call_ends_at_its_own_end(
    format: str, text: str, left: str, calls: list[tuple[str, Any]], malformed: int
) -> None:
    assert reading(text, format) == (left, calls, malformed)


@pytest.mark.parametrize(
    ("format", "text", "left", "calls", "malformed"),
    [
        (
            "deepseek_v31",
            ('<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>shell<｜tool▁sep｜>{"cmd": "ls"<｜tool▁calls▁end｜>Bye'),
            "Bye",
            [("shell", {"cmd": "ls"})],
            0,
        ),
        (
            "hermes",
            '<tool_call>{"name": "tag", "arguments": {"words": ["a", "b"}}</tool_call>Bye',
            "Bye",
            [("tag", {"words": ["a", "b"]})],
            0,
        ),
        (
            "hermes",
            (
                '<tool_call>[{"name": "now", "arguments": {}}, {"name": "weather", "arguments": '
                '{"city": "Oslo"}}</tool_call>Bye'
            ),
            "Bye",
            [NOW, WEATHER],
            0,
        ),
        (
            "nemotron_toolcall_tag",
            '<TOOLCALL>[{"name": "weather", "arguments": {"city": "Oslo"}}]]</TOOLCALL>Bye',
            "Bye",
            [WEATHER],
            0,
        ),
        ("fenced_json", '```json\n{"name": "weather", "arguments": {"city": "Oslo"}}}\n```\nBye', "Bye", [WEATHER], 0),
        ("pythonic", '[weather(city="Oslo"))]Bye', "Bye", [WEATHER], 0),
        ("hermes", 'A<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}<', "A", [WEATHER], 0),
    ],
)
def test_a_bracket_too_few_or_too_many_is_mended(
    format: str, text: str, left: str, calls: list[tuple[str, Any]], malformed: int
) -> None:
    assert reading(text, format) == (left, calls, malformed)


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("glm47", '<tool_call>{"nlo. <tool_call>{"name": "now"<tool_call>{"name"now"<tool_call>{"a'),
        ("granite3", '<tool_call>{"name<tool_call>{"name": "now",: "now", "arguments": {#x": "hi", "n": 0}}'),
        ("openpangu1", 'Hm. [unused11]{"name": "no. [unused11]{ "arg": "now", "ar": "no. sed11]rgum.weather"un"x'),
    ],
)
def test_where_a_call_with_an_open_string_ends_is_the_same_for_every_cut(format: str, text: str) -> None:
    whole = text_calls.parse(text, format, TOOLS)
    assert all(text_calls.parse(text, format, TOOLS, cut=size) == whole for size in range(1, len(text)))


@pytest.mark.parametrize("space", ["\x1f", "\u00a0", "\u2028", "\u3000", "\x0b \n"])
def test_white_space_that_is_none_in_json_stays_out_of_the_arguments(space: str) -> None:
    call = '{"name" : "weather" , "arguments" : { "city" : "Oslo" , "days" : [ 1 , 2 ] } }'
    [made] = text_calls.parse(f"<tool_call>{call.replace(' ', space)}</tool_call>", "hermes", TOOLS).tool_calls
    assert json.loads(made.arguments) == {"city": "Oslo", "days": [1, 2]}
