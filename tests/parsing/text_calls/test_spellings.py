"""Spellings of calls that models use beside those of their families, each read the same however it is cut."""

from __future__ import annotations

import json
from typing import Any

import pytest

from turnstream.parsing.text_calls import parse

PROPERTIES = {"city": {"type": "string"}, "days": {"type": "integer"}}
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": properties}}}
    for name, properties in (("get_weather", PROPERTIES), ("ping", {}))
]
ROME = [("get_weather", {"city": "Rome"})]
OBJECT = '{"name": "get_weather", "arguments": {"city": "Rome"}}'


def read(text: str, form: str = "auto") -> tuple[str, list[tuple[str, Any]], int]:
    found = []
    for cut in (None, 1, 3, 7):
        got = parse(text, form, TOOLS, cut=cut)
        found.append(
            (got.text, [(call.name, json.loads(call.arguments)) for call in got.tool_calls], len(got.malformed))
        )
    assert found.count(found[0]) == len(found)
    return found[0]


@pytest.mark.parametrize(
    "text",
    [
        '{"tool_calls": [' + OBJECT + "]}",
        '{"tool_calls": [' + OBJECT + '], "content": null, "n": {"a": [1]}}',
        '{ "tool_call" : ' + OBJECT + " }",
        '{"function_call": ' + OBJECT + "}",
        '{"function_call": ' + OBJECT + ', "content": "x", "refusal": null}',
        '{"tool_calls":[{"id":"c","type":"function","function":{"name":"get_weather","arguments":"{\\"city\\":\\"Rome\\"}"}}]}',
        '```json\n{"tool_calls": [' + OBJECT + "]}\n```",
    ],
)
def test_calls_in_the_members_of_a_message_are_calls_and_leave_nothing(text: str) -> None:
    assert read(text) == ("", ROME, 0)
    assert read("I look.\n" + text) == ("I look.", ROME, 0)


@pytest.mark.parametrize(
    "text",
    [
        '{"tool_calls": []}',
        '{"tool_calls":' * 2000 + "[",
        '{"tool_calls": 3}',
        '{"tool_calls": [{"name": "other", "arguments": {}}]}',
        '{"function_call": "none"}',
        '{"tool_call": {"city": "Rome"}}',
        '{"action": "get_weather"}',
        '{"action": "paint", "action_input": {"city": "Rome"}}',
        "```tool_code\nx = 1\n```",
        '```tools\nget_weather(city="Rome")\n```',
        "commentary to=functions.other json{}",
        "A commentary to=functions.get_weather is a header.",
    ],
)
def test_what_only_looks_like_one_stays_whole(text: str) -> None:
    assert read(text) == (text, [], 0)


@pytest.mark.parametrize("fence", ["", "```json\n{}\n```", "```\n{}\n```"])
def test_an_action_with_its_input_is_a_call(fence: str) -> None:
    text = '{"action": "get_weather", "action_input": {"city": "Rome"}}'
    assert read(fence.replace("{}", text) or text) == ("", ROME, 0)


def test_an_action_among_the_arguments_is_an_argument() -> None:
    text = '<tool_call>{"name": "ping", "arguments": {"action": "get_weather"}}</tool_call>'
    assert read(text)[1] == [("ping", {"action": "get_weather"})]


@pytest.mark.parametrize("form", ["auto", "pythonic"])
@pytest.mark.parametrize(
    "call", ['get_weather(city="Rome")', '[get_weather(city="Rome")]', 'print(default_api.get_weather(city="Rome"))']
)
def test_gemmas_code_for_a_tool_is_its_call(call: str, form: str) -> None:
    assert read(f"```tool_code\n{call}\n```", form) == ("", ROME, 0)
    assert read(f"I look.\n```tool_code\n{call}\n```\nSo.", form) == ("I look.\n\nSo.", ROME, 0)


@pytest.mark.parametrize("word", ["tool", "tool_call", "json", ""])
def test_a_fence_around_a_call_goes_with_it(word: str) -> None:
    assert read(f"```{word}\n{OBJECT}\n```") == ("", ROME, 0)


@pytest.mark.parametrize("form", ["auto", "phi4_mini"])
def test_phis_markers_are_no_text(form: str) -> None:
    assert read(f"<|tool_call|>[{OBJECT}]<|/tool_call|>", form) == ("", ROME, 0)


@pytest.mark.parametrize("form", ["auto", "hermes", "qwen3_coder_xml"])
def test_a_call_in_pythons_syntax_between_the_usual_markers_is_one(form: str) -> None:
    assert read('<tool_call>\nget_weather(city="Rome")\n</tool_call>', form) == ("", ROME, 0)


@pytest.mark.parametrize("name", ["get_weather:", "functions.get_weather", "default_api.get_weather", "get_weather()"])
def test_the_offered_tool_is_found_in_what_stands_around_its_name(name: str) -> None:
    assert read(f'<tool_call>\n{{"name": "{name}", "arguments": {{"city": "Rome"}}}}\n</tool_call>') == ("", ROME, 0)


@pytest.mark.parametrize("name", ["other:", "functions.other"])
def test_a_name_that_is_no_offered_tools_stays_as_it_was_written(name: str) -> None:
    assert read(f'<tool_call>{{"name": "{name}", "arguments": {{}}}}</tool_call>')[1] == [(name, {})]


@pytest.mark.parametrize(
    "head",
    [
        "commentary to=functions.get_weather json",
        "assistantcommentary to=functions.get_weather json",
        "assistantcommentary to=functions.get_weather code",
        "commentary to=functions.get_weather<|message|>",
        "commentary to=functions.get_weather <|constrain|>json<|message|>",
    ],
)
def test_a_recipient_of_harmony_without_its_tokens_begins_a_call(head: str) -> None:
    assert read(f'{head}{{"city": "Rome"}}') == ("", ROME, 0)
    assert read(f'So.{head}{{"city": "Rome"}}<|call|>') == ("So.", ROME, 0)
