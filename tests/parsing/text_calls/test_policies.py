"""The named options, their defaults and what each changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from turnstream.parsing.text_calls import Policy, format_for, parse

ADD = '<tool_call>{"name": "add", "arguments": {"x": 1}}</tool_call>'
TOOLS = [{"type": "function", "function": {"name": "search", "parameters": {"type": "object", "properties": {}}}}]


def arguments(text: str, format: str, tools: list[dict[str, Any]] | None = None, policy: Policy | None = None) -> Any:
    (call,) = parse(text, format, tools, policy=policy or Policy()).tool_calls
    return json.loads(call.arguments)


def test_text_before_between_and_after_calls_is_kept_in_order() -> None:
    assert parse(f"One. {ADD} Two.\n{ADD}\nThree.", "hermes").text == "One.  Two.\n\nThree."


def test_text_after_a_call_can_be_dropped() -> None:
    found = parse(f"One. {ADD} Two. {ADD}", "hermes", policy=Policy(text_after_calls=False))
    assert (found.text, len(found.tool_calls)) == ("One.", 2)


def test_white_space_that_separates_text_from_a_marker_goes_with_the_marker() -> None:
    assert parse(f"One.\n\n{ADD}\n", "hermes").text == "One."
    assert parse(f"One.\n\n{ADD}\n", "hermes", policy=Policy(trim=False)).text == "One.\n\n\n"


def test_white_space_around_a_text_alone_is_kept() -> None:
    assert parse("  One. \n", "hermes").text == "  One. \n"


def test_a_call_of_a_tool_that_was_not_offered_is_a_call() -> None:
    assert parse(ADD, "hermes", TOOLS).tool_calls[0].name == "add"


def test_or_text_if_the_policy_says_so() -> None:
    found = parse(ADD, "hermes", TOOLS, policy=Policy(unoffered="text"))
    assert (found.text, found.tool_calls) == (ADD, ())


@pytest.mark.parametrize("format", ["bare_json", "llama3_json", "fenced_json", "xlam", "auto"])
def test_without_a_marker_only_an_offered_tool_is_a_call(format: str) -> None:
    text = '```json\n{"name": "add", "arguments": {"x": 1}}\n```' if format == "fenced_json" else ADD[11:-12]
    assert parse(text, format, TOOLS) == parse(text, "plain_text")


def test_a_call_that_was_cut_off_is_malformed() -> None:
    found = parse('<tool_call>{"name": "add", "arguments": {"x": 1', "hermes")
    assert (found.text, found.tool_calls) == ("", ())
    assert [(call.name, call.raw) for call in found.malformed] == [
        ("add", '<tool_call>{"name": "add", "arguments": {"x": 1')
    ]


def test_a_call_without_arguments_gets_an_empty_object() -> None:
    assert arguments('<tool_call>{"name": "now"}</tool_call>', "hermes") == {}
    assert arguments("<tool_call><function=now></function></tool_call>", "qwen3_coder_xml") == {}


def test_values_without_a_schema_follow_the_family_or_the_policy() -> None:
    text = "<tool_call><function=f><parameter=a>1</parameter><parameter=b>one</parameter></function></tool_call>"
    assert arguments(text, "qwen3_coder_xml") == {"a": 1, "b": "one"}
    assert arguments(text, "mimo_xml") == {"a": "1", "b": "one"}
    assert arguments(text, "qwen3_coder_xml", policy=Policy(untyped="string")) == {"a": "1", "b": "one"}


def test_a_stray_closer_after_a_call_is_swallowed() -> None:
    assert parse(f"{ADD}</tool_call>\nDone.", "hermes").text == "Done."


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{'a': 'b'}", {"a": "b"}),
        ('{"a": [1, 2,], }', {"a": [1, 2]}),
        ('{"a": True, "b": None} ', {"a": True, "b": None}),
        ('{a: 1, // one\n "b": 2 /* two */}', {"a": 1, "b": 2}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ('{"a": "say "hi" now"}', {"a": 'say "hi" now'}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ("null", {}),
        ('{"a": {"b": 1]}}', {"a": {"b": 1}}),
    ],
)
def test_what_is_certain_is_repaired(written: str, meant: Any) -> None:
    assert arguments(f'<tool_call>{{"name": "f", "arguments": {written}}}</tool_call>', "hermes") == meant


@pytest.mark.parametrize("written", ["{nonsense}", '{"a": nonsense}', '{"a": 15:30}', "42", '["a"]'])
def test_what_is_not_certain_is_malformed(written: str) -> None:
    found = parse(f'<tool_call>{{"name": "f", "arguments": {written}}}</tool_call>', "hermes")
    assert (found.text, found.tool_calls, len(found.malformed)) == ("", (), 1)


def test_valid_json_arguments_pass_byte_for_byte() -> None:
    written = '{"b" : 1e3,\t"a":[ 1.50 , "\\u00e9\\/" ], "a": 2 }'
    (call,) = parse(f'<tool_call>{{"name": "f", "arguments": {written}}}</tool_call>', "hermes", cut=1).tool_calls
    assert call.arguments == written


def test_hunyuans_tags_may_have_a_suffix() -> None:
    text = "<tool_calls:q7><tool_call:q7>add<tool_sep:q7><arg_key:q7>x</arg_key:q7><arg_value:q7>1</arg_value:q7>"
    found = parse(text + "</tool_call:q7></tool_calls:q7>", "hy_v3", cut=1)
    assert (found.text, arguments(text + "</tool_call:q7></tool_calls:q7>", "hy_v3")) == ("", {"x": 1})


def test_a_tagged_value_may_hold_tags_that_nothing_of_the_syntax_follows() -> None:
    value = "a </parameter> b </function> c <tool_call> d </div>"
    text = f"<tool_call>\n<function=f>\n<parameter=a>\n{value}\n</parameter>\n</function>\n</tool_call>"
    assert arguments(text, "qwen3_coder_xml") == {"a": value}


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call><function=f><parameter=a>1\n<parameter=b>2</parameter></function></tool_call>",
        "<tool_call><function=f><parameter=a>1</parameter></parameter><parameter=b>2</function></tool_call>",
        "<function=f><parameter=a>1</parameter><parameter=b>2</parameter></function>",
        "<tool_call><function=f><parameter=a>1</parameter><parameter=b>2</parameter></function>",
        "<tool_call><function=f><parameter=a>1</parameter><parameter=b>2</parameter></tool_call>",
    ],
)
def test_lost_and_doubled_tags_are_made_good(text: str) -> None:
    assert arguments(text, "qwen3_coder_xml") == {"a": 1, "b": 2}


def test_a_stray_reasoning_closer_at_the_start_is_swallowed_and_one_in_a_text_is_text() -> None:
    assert parse("</think>\n\nHello.", "hermes").text == "Hello."
    assert parse("Close it with </think> then.", "hermes").text == "Close it with </think> then."


@pytest.mark.parametrize(
    ("model", "format"),
    [
        ("Qwen/Qwen3-Coder-480B-A35B", "qwen3_coder_xml"),
        ("qwen2.5:7b", "hermes"),
        ("ibm/granite-4-h-small", "granite4"),
        ("granite-3-3-8b-instruct", "granite3"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama3_json"),
        ("deepseek-ai/DeepSeek-V3.2", "deepseek_v32_dsml"),
        ("deepseek-r1", "deepseek_v3"),
        ("zai-org/GLM-4.6", "glm45"),
        ("gpt-oss-120b", "harmony"),
        ("mistralai/Mistral-Small-3.2-24B", "mistral_v11"),
        ("moonshotai/Kimi-K2-Instruct", "kimi_k2"),
        ("something-else", "auto"),
        ("deepseek-r1:32b", "deepseek_v3"),
        ("deepseek-ai/DeepSeek-V3-0324-4bit", "deepseek_v3"),
        ("mlx-community/DeepSeek-V3.1-4bit", "deepseek_v31"),
        ("deepseek-v3p2", "deepseek_v32_dsml"),
        ("DeepSeek-V4-Pro-Q4_K_M", "deepseek_v4_dsml"),
        ("deepseek-v4.1", "deepseek_v41_dsml"),
        ("ai-sage/GigaChat3.5-Ultra", "gigachat35_gcml"),
        ("ai-sage/GigaChat3-702B", "gigachat3"),
        ("upstage/Solar-Open2-100B", "solar_open2"),
        ("upstage/Solar-Open-100B", "solar_open"),
        ("IQuestLab/IQuest-Coder-V2-40B", "iquest"),
        ("stepfun-ai/Step-Audio-2-mini", "step_audio2"),
        ("miromind-ai/MiroThinker-v1.0-30B", "use_mcp_tool"),
        ("facebook/cwm", "cwm"),
        ("rwkv7-g1a-2.9b", "rwkv"),
        ("zai-org/GLM-5.3-Flash", "glm47"),
        ("CohereLabs/aya-expanse-8b", "cohere_command"),
        ("muse-glimmer-1", "muse_atem"),
        ("himalaya-8b", "auto"),
        ("museum-7b", "auto"),
        ("amusement-3b", "auto"),
        ("moonbeam-1b", "auto"),
        ("polkadots-2", "auto"),
        ("decimal-9b", "auto"),
        ("recommand-4b", "auto"),
    ],
)
def test_a_models_name_tells_its_format(model: str, format: str) -> None:
    assert format_for(model) == format
