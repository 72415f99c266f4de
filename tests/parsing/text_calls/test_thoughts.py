"""Thoughts are thoughts: a call within them is run only if they never close."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parsing.text_calls.kinds import TOOLS, reading, squeezed
from turnstream.parsing.text_calls import parse

NOW: tuple[str, Any] = ("now", {})


@pytest.mark.parametrize(
    ("format", "open", "text", "left", "thought", "calls"),
    [
        (
            "hermes",
            False,
            '<think>a <tool_call>{"name": "now", "arguments": {}}</tool_call> b</think>Hi',
            "Hi",
            'a <tool_call>{"name": "now", "arguments": {}}</tool_call> b',
            [],
        ),
        ("hermes", False, '<think>a <tool_call>{"name": "now", "arguments": {}}</tool_call>', "", "a", [NOW]),
        ("hermes", False, '<think>a <tool_call>{"name": "now", "arguments": {}}</tool_call> b', "b", "a", [NOW]),
        (
            "hermes",
            False,
            (
                '<think>a <tool_call>{"name": "now", "arguments": {}}</tool_call> b '
                '<tool_call>{"name": "now", "arguments": {}}</tool_call></think><tool_call>{"name": '
                '"now", "arguments": {}}</tool_call>'
            ),
            "",
            (
                'a <tool_call>{"name": "now", "arguments": {}}</tool_call> b <tool_call>{"name": '
                '"now", "arguments": {}}</tool_call>'
            ),
            [NOW],
        ),
        (
            "hermes",
            True,
            'a <tool_call>{"name": "now", "arguments": {}}</tool_call> b</think>Hi',
            "Hi",
            'a <tool_call>{"name": "now", "arguments": {}}</tool_call> b',
            [],
        ),
        ("hermes", False, '<think>a <tool_call>{"name": "now", "arguments": {"x": "</think>Hi', "Hi", None, []),
        ("hermes", False, '<think>a <tool_call>{"name": "now", "arguments": {bad</think>Hi', "Hi", None, []),
        (
            "hermes",
            False,
            (
                '<think>`<tool_call>{"name": "now", "arguments": {}}</tool_call>` or `</think>`?'
                '</think>Hi <tool_call>{"name": "now", "arguments": {}}</tool_call>'
            ),
            "Hi",
            None,
            [NOW],
        ),
        (
            "qwen3_coder_xml",
            False,
            "<think>x\n<tool_call>\n<function=now>\n</function>\n</tool_call>\ny</think>\nHi",
            "Hi",
            None,
            [],
        ),
        ("qwen3_coder_xml", True, "x\n<tool_call>\n<function=now>\n</function>\n</tool_call>", "", "x", [NOW]),
        (
            "deepseek_v31",
            False,
            (
                "<think>x<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜>"
                "<｜tool▁calls▁end｜></think>Hi"
            ),
            "Hi",
            None,
            [],
        ),
        ("mistral_v11", False, "[THINK]try [TOOL_CALLS]now[ARGS]{} maybe[/THINK]Hi", "Hi", None, []),
        ("mistral_v11", False, "[THINK]try[/THINK][TOOL_CALLS]now[ARGS]{}", "", "try", [NOW]),
        ("gemma4", False, "<|channel>thought\ntry <|tool_call>call:now{}<tool_call|> x<channel|>Hi", "Hi", None, []),
        (
            "cohere_command",
            False,
            (
                '<|START_THINKING|>a <|START_ACTION|>[{"tool_name": "now", "parameters": {}}]'
                "<|END_ACTION|> b<|END_THINKING|>Hi"
            ),
            "Hi",
            None,
            [],
        ),
        ("auto", False, "<think>\n[now()]\n</think>\n[now()]", "", "[now()]", [NOW]),
        ("auto", False, '<think>```json\n{"name": "now", "arguments": {}}\n```</think>Hi', "Hi", None, []),
        ("auto", False, "<think>a</think>Hi <think>b</think> x", "Hi <think>b</think> x", "a", []),
        ("auto", False, "<think>a</think>\nHi\n<think>\nb\n</think>\nx", "Hi x", None, []),
        (
            "glm47",
            False,
            "<think>use <arg_key> and <tool_call>now maybe</think>ok",
            "ok",
            "use <arg_key> and <tool_call>now maybe",
            [],
        ),
        (
            "glm47",
            False,
            "<think>use <tool_call>now</tool_call> maybe</think>ok",
            "ok",
            "use <tool_call>now</tool_call> maybe",
            [],
        ),
    ],
)
def test_a_call_in_thoughts_is_run_only_if_they_never_close(
    format: str, open: bool, text: str, left: str, thought: str | None, calls: list[Any]
) -> None:
    assert reading(text, format, reasoning_open=open) == (left, calls, 0)
    found = squeezed(parse(text, format, TOOLS, reasoning_open=open).reasoning)
    assert thought in (None, found)
