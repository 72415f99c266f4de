"""Repairs never change a value, crash a parse or hold it up; what is not certain is a malformed call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from turnstream.parsing.text_calls import Parsed, parse

TOOLS = [{"type": "function", "function": {"name": "p", "parameters": {"type": "object"}}}]
SHAPES = {
    "hermes": '<tool_call>{"name": "p", "arguments": %s}</tool_call>tail',
    "auto": '<tool_call>{"name": "p", "arguments": %s}</tool_call>tail',
    "bare_json": '{"name": "p", "arguments": %s}tail',
    "deepseek_v31": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>p<｜tool▁sep｜>%s"
    "<｜tool▁call▁end｜><｜tool▁calls▁end｜>tail",
    "kimi_k2": "<|tool_call_begin|>functions.p:0<|tool_call_argument_begin|>%s<|tool_call_end|>tail",
    "mistral_v11": "[TOOL_CALLS]p[ARGS]%stail",
    "llama3_json": '<|python_tag|>{"name": "p", "parameters": %s}tail',
    "xlam": '[{"name": "p", "arguments": %s}]tail',
    "glm47": "<tool_call>p\n%s</tool_call>tail",
}


def read(format: str, arguments: str) -> Parsed:
    return parse(SHAPES[format] % arguments, format, TOOLS)


@pytest.mark.parametrize(
    "value",
    [
        *("...", '{"x"}', '{"a" "b"}', 'b"x"', "1j", "set()", "[1, 2, ...]", "{(1,2): 3}", "Ellipsis"),
        *("−5.2", "1 000", "~5", "$5", "[-123.123foo]", "-Infinity", "NaN", "[NaN]", "1e", "[0.3e]", "--5", "+-2"),
        *("", "*", "-", "１２", "[１]", "[*]", "[1+2]", '"x" + "y"', '"x" * 3', "<user_id>", "[1 2]", "1.2.3"),
        *("1,000", "10%", "12:30", "-12.5€", "5kg", "1/2", "undefined", "[1e400, nope]", "0x" + "9" * 5000, "“x”"),
        "[" * 1000 + "]" * 1000,
    ],
)
def test_a_value_that_is_none_is_never_filled_in(value: str) -> None:
    found = {format: read(format, '{"a": ' + value + "}") for format in SHAPES}
    assert {f: (r.text, r.tool_calls, len(r.malformed)) for f, r in found.items()} == dict.fromkeys(
        SHAPES, ("tail", (), 1)
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('{"a": {"b": 1]}}', {"a": {"b": 1}}),
        ('{"a": [1, 2}', {"a": [1, 2]}),
        ('{"a": [1, [2}}', {"a": [1, [2]]}),
        ('{"a": "x"]}', {"a": "x"}),
        ('{"a": +5, "b": .5, "c": 0x1F}', {"a": 5, "b": 0.5, "c": 31}),
    ],
)
def test_brackets_and_numbers_that_mean_one_thing_only_are_mended(written: str, meant: Any) -> None:
    for format in SHAPES:
        (call,) = read(format, written).tool_calls
        assert json.loads(call.arguments) == meant


@pytest.mark.parametrize("value", ["+-2", "0x1F" + "9" * 5000, "--1", "1e999"])
def test_a_number_that_is_none_does_not_stop_the_parse(value: str) -> None:
    tools = [{"name": "p", "parameters": {"properties": {"a": {"type": "integer"}}}}]
    text = f"<tool_call>p<arg_key>a</arg_key><arg_value>{value}</arg_value></tool_call>"
    (call,) = parse(text, "glm45", tools).tool_calls
    assert json.loads(call.arguments) == {"a": json.loads(value) if value == "1e999" else value}
