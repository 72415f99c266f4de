"""The conversation as any vendor takes it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from turnstream.messages import (
    AssistantMessage,
    Message,
    ProviderItem,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from turnstream.providers.encode import history
from turnstream.providers.encode.history import Names, Rules
from turnstream.requests import ModelOptions, ModelRequest
from turnstream.toolspec import ToolSpec

LEGAL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
ASK = UserMessage("Hi")
SAID = AssistantMessage((TextPart("Once upon"),))


def adapted(*messages: Message, model: str = "m", rules: Rules = Rules()) -> tuple[Message, ...]:
    return history.adapt(ModelRequest(messages), model, rules)[0].messages


def called(name: str, id: str = "c") -> AssistantMessage:
    return AssistantMessage((ToolCall(id, name, "{}"),))


def names(*offered: str, model: str = "m", rules: Rules = Rules()) -> Names:
    return Names(offered, model, rules)


def test_the_leading_system_messages_are_one() -> None:
    assert adapted(SystemMessage("a"), SystemMessage(" "), SystemMessage("b"), ASK) == (SystemMessage("a\n\nb"), ASK)


def test_a_late_system_message_stays_in_place_as_the_users() -> None:
    head, _, late, last = adapted(SystemMessage("a"), ASK, SystemMessage("b"), ASK)
    assert (head, last) == (SystemMessage("a"), ASK)
    assert isinstance(late, UserMessage)
    assert "b" in str(late.content)


def test_a_vendor_that_takes_it_there_gets_it_as_it_is() -> None:
    conversation = (SystemMessage("a"), ASK, SystemMessage("b"), ASK)
    assert adapted(*conversation, rules=Rules(late_system=True)) == conversation


def test_a_system_message_never_parts_a_call_from_its_results() -> None:
    result = ToolMessage("c", "1")
    found = adapted(ASK, called("f"), SystemMessage("b"), result, ASK)
    assert found[:3] == (ASK, called("f"), result)
    assert isinstance(found[3], UserMessage)


@pytest.mark.parametrize("name", ["files.read", "a/b", "x<|channel|>y", "$lookup", "ä" * 90, "a" * 65, " "])
def test_a_name_becomes_a_legal_one_and_always_the_same(name: str) -> None:
    wire = names(name).wire(name)
    assert LEGAL.fullmatch(wire)
    assert names(name, "other").wire(name) == wire
    assert names(name).own(wire) == name


@pytest.mark.parametrize("name", ["get_weather", "1c_probe", "a-b", "_x"])
def test_a_legal_name_is_not_touched(name: str) -> None:
    assert names(name).wire(name) == name


def test_some_vendors_take_other_names() -> None:
    assert LEGAL.fullmatch(names("1c_probe", model="kimi-k2.6").wire("1c_probe"))
    assert names("a.b", rules=Rules(names=r"[a-z.]+")).wire("a.b") == "a.b"


def test_two_tools_never_become_one() -> None:
    both = names("files.read", "files_read", "files/read")
    wires = [both.wire(name) for name in ("files.read", "files_read", "files/read")]
    assert len(set(wires)) == 3
    assert wires[1] == "files_read"
    assert [both.own(wire) for wire in wires] == ["files.read", "files_read", "files/read"]


def test_a_made_up_name_is_never_that_of_a_tool_that_is_offered() -> None:
    assert names("get_weather").wire("get.weather") != "get_weather"


@pytest.mark.parametrize(
    "name", ["functions.get_weather", "default_api:get_weather", "get_weather<|channel|>commentary"]
)
def test_a_call_with_a_known_prefix_means_the_tool(name: str) -> None:
    assert names("get_weather").own(name) == "get_weather"
    assert names("other").own(name) == name


def test_tools_choice_and_history_are_renamed_alike() -> None:
    tool = ToolSpec("files.read", "", {})
    options = ModelOptions(tool_choice={"name": "files.read"})
    conversation = (ASK, called("files.read"), ToolMessage("c", "1", "files.read"))
    found, _ = history.adapt(ModelRequest(conversation, (tool,), options), "m", Rules())
    assert found.tools[0].name == "files_read"
    assert found.options.tool_choice == {"name": "files_read"}
    assert found.messages == (ASK, called("files_read"), ToolMessage("c", "1", "files_read"))


def test_a_call_id_that_comes_twice_is_another_the_second_time() -> None:
    turn = (called("f"), ToolMessage("c", "1"))
    assert adapted(ASK, *turn, *turn) == (ASK, *turn, called("f", "c_2"), ToolMessage("c_2", "1"))


def test_two_calls_of_one_step_with_one_id_are_answered_in_their_order() -> None:
    both = AssistantMessage((ToolCall("c", "f", "{}"), ToolCall("c", "g", "{}")))
    call, first, second = adapted(both, ToolMessage("c", "1"), ToolMessage("c", "2"))
    assert call == AssistantMessage((ToolCall("c", "f", "{}"), ToolCall("c_2", "g", "{}")))
    assert (first, second) == (ToolMessage("c", "1"), ToolMessage("c_2", "2"))


@pytest.mark.parametrize("model", ["devstral-small", "mistralai/Mixtral-8x7B", "Codestral-22B"])
def test_ids_of_mistrals_models_are_short_at_any_host(model: str) -> None:
    call, result = adapted(called("f", "call_very_long"), ToolMessage("call_very_long", "1"), model=model)
    assert isinstance(call, AssistantMessage)
    assert isinstance(result, ToolMessage)
    assert re.fullmatch("[a-zA-Z0-9]{9}", result.tool_call_id)
    assert call.tool_calls[0].id == result.tool_call_id


@pytest.mark.parametrize("model", ["claude-opus-4-6", "us.anthropic.claude-sonnet-5-v1:0", "anthropic/claude-opus-4.7"])
def test_newer_claudes_continue_no_answer(model: str) -> None:
    assert adapted(ASK, SAID, model=model) == (ASK, SAID, UserMessage("Continue."))
    paused = AssistantMessage((ProviderItem("anthropic", {"type": "server_tool_use"}),))
    assert adapted(ASK, paused, model=model) == (ASK, paused)


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-3-5-haiku-latest", "mistral-medium", "gpt-4.1"])
def test_other_models_continue_an_answer(model: str) -> None:
    assert adapted(ASK, SAID, model=model) == (ASK, SAID)


def test_pictures_that_we_showed_do_not_go_back() -> None:
    shown = AssistantMessage((TextPart("Here:\n\n![image](data:image/png;base64,AAAA)\n\n"),))
    assert adapted(ASK, shown) == (ASK, AssistantMessage((TextPart("Here:\n\n[image]\n\n"),)))


MESSAGES = st.lists(
    st.sampled_from([ASK, SAID, SystemMessage("s"), called("a.b"), called("f", "d"), ToolMessage("c", "1", "a.b")]),
    max_size=8,
)


@given(MESSAGES, st.sampled_from(["m", "claude-opus-4-7", "kimi-k2.6"]))
def test_what_is_fit_is_not_touched_again(conversation: list[Message], model: str) -> None:
    once = adapted(*conversation, model=model, rules=Rules(late_system=True))
    assert adapted(*once, model=model, rules=Rules(late_system=True)) == once


@given(MESSAGES)
def test_a_history_in_which_nothing_changes_is_given_as_it_is(conversation: list[Message]) -> None:
    once = adapted(*conversation)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "_look_for_changes", lambda *_: (True, True, True))
        assert adapted(*conversation) == once
