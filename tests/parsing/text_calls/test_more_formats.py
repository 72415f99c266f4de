"""The formats of the second catalogue, and how the schema decides types."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parsing.text_calls.kinds import reading

WEATHER = ("weather", {"city": "Oslo"})
NOW: tuple[str, Any] = ("now", {})


@pytest.mark.parametrize(
    ("format", "text", "left", "calls", "malformed"),
    [
        (
            "auto",
            (
                '<antml:function_calls>\n<antml:invoke name="weather">\n<antml:parameter '
                'name="city">Oslo</antml:parameter>\n</antml:invoke>\n</antml:function_calls>ok'
            ),
            "ok",
            [WEATHER],
            0,
        ),
        (
            "auto",
            '<antml:invoke name="weather">\n<parameter name="city">Oslo</parameter>\n</invoke>ok',
            "ok",
            [WEATHER],
            0,
        ),
        ("auto", '<function_calls>\n<invoke name="weather">\n<parameter name="city">Oslo', "", [], 1),
        (
            "auto",
            ('<function_calls><invoke name="nope"><parameter name="a">1</parameter></invoke></function_calls>'),
            "",
            [("nope", {"a": "1"})],
            0,
        ),
        (
            "auto",
            '<invoke name="nope"><parameter name="a">1</parameter></invoke>',
            '<invoke name="nope"><parameter name="a">1</parameter></invoke>',
            [],
            0,
        ),
        ("auto", "<function_calls>\n[now()]\n</function_calls>", "", [NOW], 0),
        (
            "auto",
            (
                "<use_mcp_tool><server_name>s</server_name><tool_name>weather</tool_name>"
                '<arguments>{"city": "Oslo"}</arguments></use_mcp_tool>.'
            ),
            ".",
            [WEATHER],
            0,
        ),
        (
            "auto",
            (
                '<use_mcp_tool>\n<tool_name>weather</tool_name>\n<arguments>\n{"city": "Oslo"\n'
                "</arguments>\n</use_mcp_tool>."
            ),
            ".",
            [WEATHER],
            0,
        ),
        (
            "auto",
            "ok\n<weather>\n<city>\nOslo\n</city>\n<days>2</days>\n</weather>\nend",
            "ok end",
            [("weather", {"city": "Oslo", "days": 2})],
            0,
        ),
        (
            "auto",
            "<save>\n<file>a.html</file>\n<body>\n<p>\n<file>x</file>\n</p>\n</body>\n</save>",
            "",
            [("save", {"file": "a.html", "body": "<p>\n<file>x</file>\n</p>"})],
            0,
        ),
        ("auto", "<now></now>", "", [NOW], 0),
        ("auto", '<tool_use>{"name": "weather", "input": {"city": "Oslo"}}</tool_use>ok', "ok", [WEATHER], 0),
        (
            "auto",
            ('<tool_use>\n{"id": "x", "type": "tool_use", "name": "weather", "input": {"city": "Oslo"}}\n</tool_use>'),
            "",
            [WEATHER],
            0,
        ),
        ("auto", '<tool: function>\nweather {"city": "Oslo"}\n</tool>', "", [WEATHER], 0),
        ("auto", "<tool: x>now</tool>ok", "ok", [NOW], 0),
        (
            "auto",
            (
                '[TOOL_CALL]\n{"tool": "weather", "args": {"city": '
                '"Oslo"}}\n[/TOOL_CALL][TOOL_CALL]{"tool": "now", "args": {}}[/TOOL_CALL]ok'
            ),
            "ok",
            [WEATHER, NOW],
            0,
        ),
        ("auto", '[TOOL_CALL]{"tool": "weather", "args": {"city": "Os', "", [], 1),
        ("auto", '[unused11][{"name": "weather", "arguments": {"city": "Oslo"}}][unused12]ok', "ok", [WEATHER], 0),
        ("auto", '<tool_call>weather>{"city": "Oslo"}\n<tool_call>now>{}', "", [WEATHER, NOW], 0),
        ("glm47", '<tool_call>a/b/weather>{"city": "Oslo"}</tool_call>ok', "ok", [WEATHER], 0),
        (
            "auto",
            ('<tool_call>function\nweather\n{"city": "Oslo"}\n</tool_call>\n<tool_call>function\nnow\n{}</tool_call>'),
            "",
            [WEATHER, NOW],
            0,
        ),
        (
            "auto",
            ('Ok.\n\n**Tool Call:**\n```json\n{"name": "weather", "arguments": "{\\"city\\": \\"Oslo\\"}"}\n```\n'),
            "Ok.",
            [WEATHER],
            0,
        ),
        ("auto", "**Tool Call:** is a heading.", "**Tool Call:** is a heading.", [], 0),
        (
            "auto",
            ('<function_call>\n<name>weather</name>\n<arguments>{"city": "Oslo"}</arguments>\n</function_call>ok'),
            "ok",
            [WEATHER],
            0,
        ),
        (
            "deepseek_v4_dsml",
            (
                '<function>\n<name>weather</name>\n<parameter name="city" string="true">Oslo'
                "</parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>ok"
            ),
            "ok",
            [WEATHER],
            0,
        ),
        (
            "auto",
            (
                "<|tool_call:start|>weather\n<|tool_arg:start|>city<|tool_arg:value|>Oslo"
                "<|tool_arg:start|>days<|tool_arg:value|>2<|tool_arg:end|><|tool_call:end|>ok"
            ),
            "ok",
            [("weather", {"city": "Oslo", "days": 2})],
            0,
        ),
        (
            "auto",
            ("<|tool_call:start|>tag\n<|tool_arg:start|>note<|tool_arg:value|>null<|tool_arg:end|><|tool_call:end|>"),
            "",
            [("tag", {"note": None})],
            0,
        ),
        (
            "gigachat35_gcml",
            (
                '<｜GCML｜invoke name="weather"><｜GCML｜parameter name="city">Oslo</｜GCML｜parameter>'
                "</｜GCML｜invoke></s>"
            ),
            "",
            [WEATHER],
            0,
        ),
        ("lfm2_pythonic", "Ok.\n[now()]\n", "Ok.", [NOW], 0),
        (
            "kimi_k2",
            (
                "<|tool_calls_section_begin|><|tool_call_begin|>functions.functions.weather:0"
                '<|tool_call_argument_begin|>{"city": "Oslo"}<|tool_call_end|>'
                "<|tool_calls_section_end|>"
            ),
            "",
            [WEATHER],
            0,
        ),
        (
            "kimi_k2",
            (
                "<|tool_calls_section_begin|><|tool_call_begin|>functionsweather0"
                '<|tool_call_argument_begin|>{"city": "Oslo"}<|tool_call_end|>'
                "<|tool_calls_section_end|>"
            ),
            "",
            [WEATHER],
            0,
        ),
        (
            "kimi_k2",
            (
                "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0:1"
                '<|tool_call_argument_begin|>{"city": "Oslo"}<|tool_call_end|>'
                "<|tool_calls_section_end|>"
            ),
            "",
            [WEATHER],
            0,
        ),
    ],
)
def test_a_format_of_the_second_catalogue_is_read(
    format: str, text: str, left: str, calls: list[tuple[str, Any]], malformed: int
) -> None:
    assert reading(text, format) == (left, calls, malformed)


@pytest.mark.parametrize(
    ("format", "text", "left", "calls", "malformed"),
    [
        (
            "qwen3_coder_xml",
            "<tool_call><function=tag><parameter=note>None</parameter></function></tool_call>",
            "",
            [("tag", {"note": "None"})],
            0,
        ),
        (
            "qwen3_coder_xml",
            (
                "<tool_call><function=dial><parameter=number>0047</parameter><parameter=extension>007"
                "</parameter><parameter=loud>True</parameter></function></tool_call>"
            ),
            "",
            [("dial", {"number": "0047", "extension": 7, "loud": True})],
            0,
        ),
        (
            "gemma4",
            ('<|tool_call>call:dial{number:+47,extension:<|"|>5<|"|>,loud:<|"|>true<|"|>}<tool_call|>'),
            "",
            [("dial", {"number": "+47", "extension": 5, "loud": True})],
            0,
        ),
        (
            "gemma4",
            '<|tool_call>call:tag{words:[a,<|"|>b<|"|>,01],note:null}<tool_call|>',
            "",
            [("tag", {"words": ["a", "b", "01"], "note": None})],
            0,
        ),
        (
            "hermes",
            ('<tool_call>{"name": "dial", "arguments": {"number": 0047, "extension": 05}}</tool_call>'),
            "",
            [("dial", {"number": "0047", "extension": 5})],
            0,
        ),
        (
            "seed_oss_xml",
            (
                "<seed:tool_call><function=save><parameter=file>\na\n</parameter><parameter=body>b\n"
                "</parameter></function></seed:tool_call>"
            ),
            "",
            [("save", {"file": "a", "body": "b\n"})],
            0,
        ),
        (
            "qwen3_coder_xml",
            "<tool_call><function=open door><parameter=room>x</parameter></function></tool_call>",
            "",
            [("open door", {"room": "x"})],
            0,
        ),
        (
            "glm47",
            "<tool_call>open door\n<arg_key>room</arg_key><arg_value>x</arg_value></tool_call>",
            "",
            [("open door", {"room": "x"})],
            0,
        ),
        (
            "kimi_k2",
            ('<|tool_call_begin|>functions.open door:0<|tool_call_argument_begin|>{"room": "x"}<|tool_call_end|>'),
            "",
            [("open door", {"room": "x"})],
            0,
        ),
        ("mistral_v11", '[TOOL_CALLS]open door[ARGS]{"room": "x"}', "", [("open door", {"room": "x"})], 0),
        ("gemma4", '<|tool_call>call:open door{room:<|"|>x<|"|>}<tool_call|>', "", [("open door", {"room": "x"})], 0),
    ],
)
def test_the_schema_decides_types_and_names(
    format: str, text: str, left: str, calls: list[tuple[str, Any]], malformed: int
) -> None:
    assert reading(text, format) == (left, calls, malformed)


@pytest.mark.parametrize(
    ("format", "text", "left", "calls", "malformed"),
    [
        ("hermes", "Hello.<|im_end|>", "Hello.", [], 0),
        ("auto", "Hello.<|im_end|>", "Hello.", [], 0),
        ("qwen3_coder_xml", "<tool_call><function=now></function></tool_call><|im_end|>", "", [NOW], 0),
        ("hermes", "Hello.<|eot_id|>", "Hello.", [], 0),
        ("auto", "Hello.<|eot_id|>", "Hello.", [], 0),
        ("qwen3_coder_xml", "<tool_call><function=now></function></tool_call><|eot_id|>", "", [NOW], 0),
        ("hermes", "Hello.<|im_end|><|endoftext|>", "Hello.", [], 0),
        ("auto", "Hello.<|im_end|><|endoftext|>", "Hello.", [], 0),
        ("qwen3_coder_xml", "<tool_call><function=now></function></tool_call><|im_end|><|endoftext|>", "", [NOW], 0),
        ("hermes", "Hello.<|im_end|>\n", "Hello.", [], 0),
        ("auto", "Hello.<|im_end|>\n", "Hello.", [], 0),
        ("qwen3_coder_xml", "<tool_call><function=now></function></tool_call><|im_end|>\n", "", [NOW], 0),
        ("hermes", "Hello.</s>", "Hello.", [], 0),
        ("auto", "Hello.</s>", "Hello.", [], 0),
        ("qwen3_coder_xml", "<tool_call><function=now></function></tool_call></s>", "", [NOW], 0),
        ("hermes", "Hello.<end_of_turn>", "Hello.", [], 0),
        ("auto", "Hello.<end_of_turn>", "Hello.", [], 0),
        ("qwen3_coder_xml", "<tool_call><function=now></function></tool_call><end_of_turn>", "", [NOW], 0),
        ("hermes", "Hello.<|end|>", "Hello.", [], 0),
        ("auto", "Hello.<|end|>", "Hello.", [], 0),
        ("qwen3_coder_xml", "<tool_call><function=now></function></tool_call><|end|>", "", [NOW], 0),
        ("hermes", "Hello.[|endofturn|]", "Hello.", [], 0),
        ("auto", "Hello.[|endofturn|]", "Hello.", [], 0),
        ("qwen3_coder_xml", "<tool_call><function=now></function></tool_call>[|endofturn|]", "", [NOW], 0),
    ],
)
def test_the_token_that_ends_a_turn_is_no_text_at_the_end(
    format: str, text: str, left: str, calls: list[tuple[str, Any]], malformed: int
) -> None:
    assert reading(text, format) == (left, calls, malformed)


@pytest.mark.parametrize(
    ("format", "text", "left", "calls", "malformed"),
    [
        (
            "harmony",
            (
                "<|channel|>analysis<|message|>The <|channel|> token.<|end|><|start|>assistant"
                "<|channel|>final<|message|>Hi<|return|>"
            ),
            "Hi",
            [],
            0,
        ),
        ("harmony", "<|channel|>analysis<|message|>x<|end|>Hi", "Hi", [], 0),
        ("harmony", '<|channel|>commentary<|constrain|>json<|message|>{"a": 1}<|call|>', "", [], 1),
        (
            "harmony",
            (
                "<|start|>assistant<|channel|>commentary to=functions.weather<|constrain|>json"
                '<|message|>{"city": "Oslo"}}<|call|>'
            ),
            "",
            [WEATHER],
            0,
        ),
        ("deepseek_v3", "<｜tool▁outputs▁begin｜>x<｜tool▁outputs▁end｜>Hi", "Hi", [], 0),
        (
            "hermes",
            (
                '<tool_call>{"name": "now", "arguments": {}}</tool_call>\n<tool_response>\n{"t": 5}\n'
                "</tool_response>\nIt is 5."
            ),
            "It is 5.",
            [NOW],
            0,
        ),
        ("hermes", "The tag <tool_response> holds results.", "The tag <tool_response> holds results.", [], 0),
    ],
)
def test_messages_and_results_that_the_model_makes_up(
    format: str, text: str, left: str, calls: list[tuple[str, Any]], malformed: int
) -> None:
    assert reading(text, format) == (left, calls, malformed)
