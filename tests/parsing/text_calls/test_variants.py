"""Small variants of what the families write, whole and damaged."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parsing.text_calls.kinds import reading

WEATHER = ("weather", {"city": "Oslo"})
NOW: tuple[str, Any] = ("now", {})


@pytest.mark.parametrize(
    ("format", "text", "left", "calls", "malformed"),
    [
        ("hermes", '<tool_call>{"name": "weather", "arguments": {"city": "Oslo", }}</tool_call>x', "x", [WEATHER], 0),
        (
            "hermes",
            '<tool_call>{"name": "weather", "arguments": {"city": "Oslo"} // done\n}</tool_call>x',
            "x",
            [WEATHER],
            0,
        ),
        ("hermes", "<tool_call>{'name': 'weather', 'arguments': {'city': 'Oslo'}}</tool_call>x", "x", [WEATHER], 0),
        (
            "hermes",
            '<tool_call>{"name": "weather", "arguments": {"city": null}}</tool_call>x',
            "x",
            [("weather", {"city": None})],
            0,
        ),
        ("hermes", '<tool_call>{"name": "", "arguments": {"city": "Oslo"}}</tool_call>x', "x", [], 1),
        ("hermes", '<tool_call>{"arguments": {"city": "Oslo"}}</tool_call>x', "x", [], 1),
        ("hermes", '<tool_call>"weather"</tool_call>x', "x", [], 1),
        ("hermes", "<tool_call>{}</tool_call>x", "x", [], 1),
        ("hermes", "<tool_call>null</tool_call>x", "x", [], 1),
        ("hermes", '<tool_call>{"name": "weather", "arguments": [{"city": "Oslo"}]}</tool_call>x', "x", [], 1),
        ("hermes", '<tool_call>{"name": "weather", "arguments": "city=Oslo"}</tool_call>x', "x", [], 1),
        ("hermes", '<tool_call>{"name": "weather", "arguments": "{\\"city\\": \\"Oslo\\""}</tool_call>x', "x", [], 1),
        (
            "deepseek_v31",
            ('<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>{"city": "Oslo"}<｜tool▁call▁end｜>Bye'),
            "Bye",
            [WEATHER],
            0,
        ),
        (
            "deepseek_v31",
            (
                "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>city: Oslo<｜tool▁call▁end｜>"
                "<｜tool▁calls▁end｜>Bye"
            ),
            "Bye",
            [],
            1,
        ),
        (
            "deepseek_v3",
            (
                '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{"city": '
                '"Oslo"\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>Bye'
            ),
            "Bye",
            [WEATHER],
            0,
        ),
        (
            "kimi_k2",
            (
                "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0"
                '<|tool_call_argument_begin|>{"city": "Oslo"}<|tool_call_end|>'
                "<|tool_call_begin|>functions.now:1<|tool_call_argument_begin|><|tool_call_end|>"
                "<|tool_calls_section_end|>"
            ),
            "",
            [WEATHER, NOW],
            0,
        ),
        ("mistral_v11", '[TOOL_CALLS]weather[CALL_ID]abc123456[ARGS]{"city": "Oslo"}', "", [WEATHER], 0),
        ("mistral_v11", '[TOOL_CALLS]weather{"city": "Oslo"}[TOOL_CALLS]now{}', "", [WEATHER, NOW], 0),
        (
            "harmony",
            (
                "<|start|>assistant<|channel|>analysis<|message|>hm<|end|><|start|>assistant "
                'to=functions.weather<|channel|>commentary <|constrain|>json<|message|>{"city": "Oslo"'
                "<|call|>"
            ),
            "",
            [WEATHER],
            0,
        ),
        (
            "harmony",
            (
                '<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": Oslo}'
                "<|call|><|start|>assistant<|channel|>commentary to=functions.now<|message|>{}<|call|>"
            ),
            "",
            [NOW],
            1,
        ),
        (
            "harmony",
            '<|channel|>commentary to=functions.weather code<|message|>{"city": "Oslo"}<|call|>',
            "",
            [WEATHER],
            0,
        ),
        (
            "cohere_command",
            (
                '<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "weather", "parameters": {"city": '
                '"Oslo"}},]<|END_ACTION|>Bye'
            ),
            "Bye",
            [WEATHER],
            0,
        ),
        (
            "internlm2",
            ('Hi<|action_start|><|plugin|>{"name": "weather", "parameters": {"city": "Oslo"}}<|action_end|>Bye'),
            "HiBye",
            [WEATHER],
            0,
        ),
        ("functionary_v31", '<function=weather>{"city": "Oslo"</function>x', "x", [WEATHER], 0),
        ("functionary_v31", "<function=weather>city Oslo</function>x", "x", [], 1),
        ("functionary_v32", 'all\nHi.>>>weather\n{"city": Oslo}>>>now\n{}', "Hi.", [NOW], 1),
        (
            "minicpm5_xml",
            '<function name="weather"><param name="city"><![CDATA[Oslo]]></param></function>x',
            "x",
            [WEATHER],
            0,
        ),
        (
            "minimax_m2",
            (
                '<minimax:tool_call><invoke name="weather"><parameter name="city">Oslo</parameter>'
                '</invoke><invoke name="now"></invoke></minimax:tool_call>x'
            ),
            "x",
            [WEATHER, NOW],
            0,
        ),
        (
            "step3",
            (
                "<｜tool_calls_begin｜><｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke "
                'name="weather"><steptml:parameter name="city">Oslo</steptml:parameter>'
                "</steptml:invoke><｜tool_call_end｜><｜tool_call_begin｜>function<｜tool_sep｜>"
                '<steptml:invoke name="now"></steptml:invoke><｜tool_call_end｜><｜tool_calls_end｜>x'
            ),
            "x",
            [WEATHER, NOW],
            0,
        ),
        (
            "apertus",
            ('<|tools_prefix|>[{"weather": {"city": "Oslo"}}, {"now": {}}]<|tools_suffix|><|assistant_end|>'),
            "",
            [WEATHER, NOW],
            0,
        ),
        ("apertus", '<|tools_prefix|>[{"weather": "Oslo"}]<|tools_suffix|>x', "x", [], 1),
        ("phi4_mini", 'functools[{"name": "weather", "arguments": {"city": "Oslo"}}]<|end|>', "", [WEATHER], 0),
        (
            "command_r_plus",
            'Action:\n```json\n[{"tool_name": "weather", "parameters": {"city": "Oslo"}}]\n```',
            "",
            [WEATHER],
            0,
        ),
        ("granite3", '<tool_call>[{"name": "weather", "arguments": {"city": "Oslo"}}]</tool_call>x', "x", [WEATHER], 0),
        (
            "muse_atem",
            (
                ' to=weather<|message|><atem:function_calls><atem:invoke name="weather.weather">'
                '<atem:parameter name="city">Oslo</atem:parameter></atem:invoke></atem:function_calls>'
                "<|eom|>"
            ),
            "",
            [WEATHER],
            0,
        ),
        (
            "kimi_k3",
            (
                '<|open|>tools<|sep|><|open|>call tool="weather"<|sep|><|open|>argument key="city" '
                'type="string"<|sep|>Oslo<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools'
                "<|sep|>"
            ),
            "",
            [WEATHER],
            0,
        ),
        (
            "plamo3",
            (
                "<|plamo:begin_tool_requests:plamo|><|plamo:begin_tool_request:plamo|>"
                "<|plamo:begin_tool_name:plamo|>weather<|plamo:end_tool_name:plamo|>"
                '<|plamo:begin_tool_arguments:plamo|><|plamo:constrain|>json<|plamo:msg|>{"city": '
                '"Oslo"}}<|plamo:end_tool_arguments:plamo|><|plamo:end_tool_request:plamo|>'
                "<|plamo:end_tool_requests:plamo|>x"
            ),
            "x",
            [WEATHER],
            0,
        ),
        ("telechat4", "<tool_call>weather<param_key>city</param_key><param_value>Oslo</tool_call>x", "x", [WEATHER], 0),
        ("poolside_v1", "<user>weather\n<arg_key>city</arg_key><arg_value>Oslo</arg_value></user>x", "x", [WEATHER], 0),
        ("sarashina", "<|tool_calls|>[{'name': 'weather', 'arguments': {'city': 'Oslo'}}]", "", [WEATHER], 0),
        (
            "gigachat3",
            ('<|message_sep|>function call<|role_sep|>\n{"name": "weather", "arguments": {"city": "Oslo"}}</s>'),
            "",
            [WEATHER],
            0,
        ),
        (
            "auto",
            (
                'Hier:\n\n<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}'
                '</tool_call>\n\nUnd <tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}'
                "</tool_call>"
            ),
            "Hier: Und",
            [WEATHER, WEATHER],
            0,
        ),
        (
            "auto",
            (
                "<tool_calls>\n<tool_call>weather<tool_sep><arg_key>city</arg_key><arg_value>Oslo"
                "</arg_value></tool_call>\n</tool_calls>x"
            ),
            "x",
            [WEATHER],
            0,
        ),
        ("auto", '<tool_calls>[{"name": "weather", "arguments": {"city": "Oslo"}}]</tool_calls>x', "x", [WEATHER], 0),
        ("auto", '<|python_tag|>{"name": "weather", "parameters": {"city": "Oslo"}}<|eom_id|>', "", [WEATHER], 0),
        ("auto", '<|python_tag|>weather.call(city="Oslo")<|eom_id|>', "", [WEATHER], 0),
        ("llama3_json", '<|python_tag|>weather.call(city="Oslo")', "", [WEATHER], 0),
        ("auto", '<function=weather>{"city": "Oslo"}</function>x', "x", [WEATHER], 0),
        (
            "auto",
            ('[{"name": "weather", "arguments": {"city": "Oslo"}}, {"name": "now", "arguments": {}}] Bye'),
            "Bye",
            [WEATHER, NOW],
            0,
        ),
        ("auto", '```json\n[{"name": "weather", "arguments": {"city": "Oslo"}}]\n```\nBye', "Bye", [WEATHER], 0),
        (
            "qwen3_coder_xml",
            (
                "<tool_call>\n<function=weather>\n<parameter=city>\nOslo\n</parameter>\n</function>\n"
                "</tool_call>\n<tool_call>\n<function=save>\n<parameter=file>\na.md\n</parameter>\n"
                "<parameter=body>\n# T\n\n```\n<tool_call>\n```\n\n</parameter>\n</function>\n"
                "</tool_call>x"
            ),
            "x",
            [WEATHER, ("save", {"file": "a.md", "body": "# T\n\n```\n<tool_call>\n```\n"})],
            0,
        ),
        (
            "qwen3_coder_xml",
            (
                "<tool_call>\n<function=save>\n<parameter=file>\na.html\n</parameter>\n"
                '<parameter=body>\n<html>\n<param name="x">\n<function>\n</html>\n</parameter>\n'
                "</function>\n</tool_call>x"
            ),
            "x",
            [("save", {"file": "a.html", "body": '<html>\n<param name="x">\n<function>\n</html>'})],
            0,
        ),
        (
            "hermes",
            (
                '<tool_call>{"name": "save", "arguments": {"file": "a", "body": "say \\"'
                '</tool_call>\\" <tool_call>"}}</tool_call>x'
            ),
            "x",
            [("save", {"file": "a", "body": 'say "</tool_call>" <tool_call>'})],
            0,
        ),
        (
            "hermes",
            (
                '<tool_call>{"name": "save", "arguments": {"file": "a", "body": "line1\nline2 '
                '</tool_call>\nline3"}}</tool_call>x'
            ),
            "x",
            [("save", {"file": "a", "body": "line1\nline2 </tool_call>\nline3"})],
            0,
        ),
    ],
)
def test_a_small_variant_is_read_or_its_call_is_malformed(
    format: str, text: str, left: str, calls: list[tuple[str, Any]], malformed: int
) -> None:
    assert reading(text, format) == (left, calls, malformed)
