"""What each family's template writes for the same conversation, read against that family's published grammar."""

from __future__ import annotations

from datetime import datetime

import pytest

from turnstream.events import (
    AssistantMessage,
    Message,
    ModelOptions,
    ModelRequest,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    ToolSpec,
    UserMessage,
)
from turnstream.prompts.chat_template import ChatTemplate
from turnstream.prompts.families import FAMILIES, family_of, short_id, with_short_ids
from turnstream.prompts.system_message import STYLES, describe_tools

TOOL = ToolSpec("add", "Adds.", {"type": "object", "properties": {"a": {"type": "integer"}}})
TALK: tuple[Message, ...] = (
    SystemMessage("Be kind."),
    UserMessage("1+1?"),
    AssistantMessage((ToolCall("call-one", "add", '{"a": 1, "s": "it\'s", "b": true}'),)),
    ToolMessage("call-one", "2", "add"),
)


def prompt(family: str, messages: tuple[Message, ...] = TALK) -> str:
    row = FAMILIES[family]
    if row.short_ids:
        messages = with_short_ids(messages)
    template = ChatTemplate(row.source())
    return template.render(messages, (TOOL,), now=datetime(2026, 1, 2), bos_token=row.bos, eos_token=row.eos)


ENDINGS = {
    "granite4": """<|start_of_role|>user<|end_of_role|>1+1?<|end_of_text|>
<|start_of_role|>assistant<|end_of_role|><tool_call>
{"name": "add", "arguments": {"a": 1, "s": "it's", "b": true}}
</tool_call><|end_of_text|>
<|start_of_role|>user<|end_of_role|>
<tool_response>
2
</tool_response><|end_of_text|>
<|start_of_role|>assistant<|end_of_role|>""",
    "granite3": """<|start_of_role|>user<|end_of_role|>1+1?<|end_of_text|>
<|start_of_role|>assistant<|end_of_role|><|tool_call|>[{"name": "add", "arguments": {"a": 1, "s": "it's", "b": true}}]\
<|end_of_text|>
<|start_of_role|>tool_response<|end_of_role|>2<|end_of_text|>
<|start_of_role|>assistant<|end_of_role|>""",
    "llama3": """1+1?<|eot_id|><|start_header_id|>assistant<|end_header_id|>

{"name": "add", "parameters": {"a": 1, "s": "it's", "b": true}}<|eot_id|><|start_header_id|>ipython<|end_header_id|>

2<|eot_id|><|start_header_id|>assistant<|end_header_id|>

""",
    "llama4": """<|header_start|>user<|header_end|>

1+1?<|eot|><|header_start|>assistant<|header_end|>

[add(a=1, s="it's", b=True)]<|eot|><|header_start|>ipython<|header_end|>

"2"<|eot|><|header_start|>assistant<|header_end|>

""",
    "mistral": """[INST]Be kind.

1+1?[/INST][TOOL_CALLS][{"name": "add", "arguments": {"a": 1, "s": "it's", "b": true}, "id": "ID"}]</s>\
[TOOL_RESULTS]{"content": "2", "call_id": "ID"}[/TOOL_RESULTS]""".replace("ID", short_id("call-one")),
    "hermes": """<|im_start|>user
1+1?<|im_end|>
<|im_start|>assistant
<tool_call>
{"name": "add", "arguments": {"a": 1, "s": "it's", "b": true}}
</tool_call><|im_end|>
<|im_start|>user
<tool_response>
2
</tool_response><|im_end|>
<|im_start|>assistant
""",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tool_round_is_written_in_the_familys_own_form(family: str) -> None:
    text = prompt(family)
    assert text.endswith(ENDINGS[family])
    assert text.startswith(FAMILIES[family].bos)
    assert '"name": "add"' in text
    assert "Be kind." in text


@pytest.mark.parametrize("family", FAMILIES)
def test_results_of_parallel_calls_all_stand_in_the_prompt(family: str) -> None:
    calls = AssistantMessage((TextPart("Wait."), ToolCall("1", "add", "{}"), ToolCall("2", "add", "{}")))
    text = prompt(family, (*TALK[:2], calls, ToolMessage("1", "first"), ToolMessage("2", "second")))
    assert text.index("Wait.") < text.index("first") < text.index("second")


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("ibm/granite-3-3-8b-instruct", "granite3"),
        ("ibm/granite-4-h-small", "granite4"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama3"),
        ("meta-llama/llama-4-maverick-17b-128e-instruct-fp8", "llama4"),
        ("mistral-nemo", "mistral"),
        ("mixtral:8x7b", "mistral"),
        ("qwen3:8b", "hermes"),
    ],
)
def test_a_models_name_tells_its_family(model: str, family: str) -> None:
    found = family_of(model)
    assert found is not None
    assert found.name == family


def test_an_unknown_model_has_no_family() -> None:
    assert family_of("gpt-5-mini") is None


@pytest.mark.parametrize("format", STYLES)
def test_a_chat_endpoint_without_tools_is_told_of_them_in_words(format: str) -> None:
    request = describe_tools(ModelRequest(TALK, (TOOL,), ModelOptions(tool_choice="required")), format)
    system, user, answer, result = request.messages
    assert (request.tools, request.options.tool_choice) == ((), None)
    assert isinstance(system, SystemMessage)
    assert '"name": "add"' in system.content
    assert "must call at least one" in system.content
    assert user == UserMessage("1+1?")
    assert isinstance(answer, AssistantMessage)
    assert not answer.tool_calls
    assert "add" in answer.text
    assert isinstance(result, UserMessage)
    assert "2" in str(result.content)


def test_without_tools_the_system_message_is_left_alone() -> None:
    request = describe_tools(ModelRequest((SystemMessage("s"), UserMessage("u"))), "hermes")
    assert request.messages == (SystemMessage("s"), UserMessage("u"))


def test_an_id_of_nine_letters_and_digits_stays_and_another_becomes_one() -> None:
    assert short_id("abcDEF123") == "abcDEF123"
    assert len(short_id("call_1")) == 9
    assert short_id("call_1") != short_id("call_2")


def test_the_wording_can_be_given_and_its_names_are_filled_once() -> None:
    tool = ToolSpec("f", "Say {date}.", {"type": "object", "properties": {}})
    prompt = "On {date} you have {tools} and write {example} or {}."
    request = describe_tools(ModelRequest((UserMessage("u"),), (tool,), time=0.0), "hermes", prompt)
    (first, _) = request.messages
    assert isinstance(first, SystemMessage)
    said = first.content
    assert said.startswith('On 1970-01-01 you have {"type": "function"')
    assert "Say {date}." in said
    assert said.endswith("</tool_call> or {}.")
