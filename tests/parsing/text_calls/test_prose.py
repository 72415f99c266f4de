"""Prose stays prose: what a text only mentions is given back unchanged, and is not held back for long."""

from __future__ import annotations

import pytest

from tests.parsing.text_calls.kinds import TOOLS, untouched
from turnstream import events
from turnstream.parsing.text_calls import Decoder

FORMATS = ("hermes", "qwen3_coder_xml", "glm47", "auto", "minimax_m2", "deepseek_v3", "llama3_json", "kimi_k2")
TEXTS = (
    "Use `<think>` and `</think>` around notes.",
    "Das Zeichen <think> öffnet Gedanken.",
    "「<think>」で始まる。",
    "标记<think>表示思考。",
    "Tags: <think>, <tool_call> and <function=now>.",
    "```\n<think>\nx\n</think>\n```\nThat is it.",
    "He wrote (<think>) there.",
    "**<think>** is bold.",
    "Le marqueur <tool_call> ouvre un appel.",
    "标记<tool_call>表示开始。",
    'Der Text "<tool_call>" steht da.',
    "The <tool_call> and </tool_call> pair.",
    "Write <function=weather> first.",
    "See <function=weather>, then </function>.",
    "1. `<tool_call>`\n2. `<function=now>`\n3. `</tool_call>`",
    "A list:\n- [ ] one\n- [x] two",
    "[] and {} are empty.",
    "[1, 2, 3]",
    '{"weather": "now"}',
    '{"name": "weather"}',
    '{"name": "weather", "kind": "tool", "arguments_count": 2}',
    '{"tool": "weather", "args": ["Oslo"]}',
    '{"parameters": {"type": "object", "properties": {}}, "name": "weather"}',
    "Run it:\n```python\n[weather(x) for x in y]\n```",
    "[weather](http://x) is a link",
    "[weather report] follows.",
    "<b>weather</b> in <i>Oslo</i>",
    "<weather> is a tag in the middle",
    "Look at [TOOL_CALLS] here.",
    "a < b > c <|im_end|> d",
    "What does <|im_end|> mean?",
    "End with </s> tags, ok?",
    "x <tool_call>\n",
    'Mind <invoke name="weather"> in logs.',
    "Text <function_calls> too.",
    "<p>\n<now>\n</p> hmm",
    "Action: none",
    'To: "weather", {"city": 1}',
    "functools[0] is x",
    "call:weather{x} is gemma",
    ">>>weather\nno",
    'print(weather(city="x"))',
    "Ends with ```json",
    '```json\n{"a": 1}\n```',
    "```json\n[]\n```",
    '```\n{"name": "weather", "age": 3}\n```',
)
MENTIONS = (
    "<tool_call>",
    "<function=weather>",
    "<think>",
    "[TOOL_CALLS]",
    "<|tool_call_begin|>",
    "<invoke name=",
    "[TOOL_CALL]",
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_about_calls_is_no_call(text: str) -> None:
    assert [format for format in FORMATS if not untouched(text, format)] == []


@pytest.mark.parametrize(
    "format", ["bare_json", "json_array", "fenced_json", "xlam", "pythonic", "auto", "llama3_json"]
)
@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "[ ] one\n[x] two",
        '{"name": "weather", "born": 1911}',
        '[{"name": "now", "n": 1}, {"name": "weather", "n": 2}]',
        '{"name": "weather", "description": "Tells it", "parameters": {"type": "object", "properties": {}}}',
        '{"arguments": "for and against"}',
        '{"args": [1, 2, 3], "name": "weather"}',
    ],
)
def test_json_that_is_an_answer_is_no_call(format: str, text: str) -> None:
    assert untouched(text, format)
    assert untouched(text, format, None)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("mention", MENTIONS)
def test_a_mention_holds_nothing_back_for_long(format: str, mention: str) -> None:
    decoder = Decoder(format, TOOLS)
    text = f"A model prints {mention} before what it wants. " + "And then it goes on to say more of that. " * 20
    shown = 0
    for count, char in enumerate(text, 1):
        shown += sum(len(event.text) for event in decoder.feed(char) if isinstance(event, events.TextDelta))
        assert count - shown <= 160
