"""Responses as real clients write it: items of their histories, tools, parameters; and every member of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.kept import Kept
from tests.dialects.stories import CLIENT_CUT, CLIENT_NOT_RUN, START, STORIES, USAGE, writes
from tests.dialects.test_openai_responses import client_request, events_of
from turnstream.dialects.base import ClientRequest, Exchange, is_exchange
from turnstream.dialects.openai_responses import Responses
from turnstream.events import (
    AssistantMessage,
    ClientToolCalls,
    Message,
    RequestError,
    RunEvent,
    RunFinished,
    RunRequest,
    StepStarted,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallArguments,
    ToolCallStarted,
    ToolMessage,
    UserMessage,
)

USER = {"role": "user", "content": "q"}
FUNCTIONS = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in "fg"]
REQUIRED = """
    id object created_at completed_at status incomplete_details model previous_response_id instructions output error
    tools tool_choice truncation parallel_tool_calls text top_p presence_penalty frequency_penalty top_logprobs
    temperature reasoning usage max_output_tokens max_tool_calls store background service_tier metadata
    safety_identifier prompt_cache_key
""".split()  # noqa: SIM905  more readable than a list
NULLABLE = """
    completed_at incomplete_details previous_response_id instructions error reasoning max_output_tokens max_tool_calls
    safety_identifier prompt_cache_key
""".split()  # noqa: SIM905


def exchange(**body: Any) -> Exchange:
    decoded = Responses().decode(ClientRequest(json.dumps({"input": "hi", **body}).encode(), "run1", 1760000000.0))
    assert is_exchange(decoded)
    return decoded


def request(**body: Any) -> RunRequest:
    return exchange(**body).request


def heard(*items: dict[str, Any]) -> tuple[Message, ...]:
    return request(input=[USER, *items]).messages[1:]


def refused(**body: Any) -> str | None:
    with pytest.raises(RequestError) as caught:
        request(**body)
    assert caught.value.status == 400
    return caught.value.param


def stream(story: list[list[RunEvent]]) -> list[dict[str, Any]]:
    encoder = exchange().encoder("assistant")
    return events_of(b"".join(map(encoder.feed, story)) + encoder.close())


def response(story: list[list[RunEvent]], **body: Any) -> dict[str, Any]:
    encoder = exchange(**body).encoder("assistant")
    found: dict[str, Any] = events_of(b"".join(map(encoder.feed, story)) + encoder.close())[-1]["response"]
    return found


# ------------------------------------------------------------------------------------------- calls of every kind


@pytest.mark.parametrize(
    ("call", "name", "arguments"),
    [
        ({"type": "function_call", "name": "f", "arguments": '{"a":1}'}, "f", '{"a":1}'),
        ({"type": "custom_tool_call", "name": "apply_patch", "input": "PATCH"}, "apply_patch", '{"input":"PATCH"}'),
        ({"type": "shell_call", "action": {"commands": ["ls"]}}, "shell", '{"commands":["ls"]}'),
        ({"type": "local_shell_call", "action": {"command": ["ls"]}}, "local_shell", '{"command":["ls"]}'),
        ({"type": "apply_patch_call", "operation": {"diff": "d"}}, "apply_patch", '{"diff":"d"}'),
    ],
)
@pytest.mark.parametrize("between", [[], [{"role": "assistant", "content": "pre"}], [USER]])
def test_calls_of_every_kind_keep_their_results(
    call: dict[str, Any], name: str, arguments: str, between: list[dict[str, Any]]
) -> None:
    output = {"type": f"{call['type']}_output", "call_id": "c1", "output": "REAL"}
    said = heard({**call, "call_id": "c1"}, *between, output)
    assert said[0] == AssistantMessage((ToolCall("c1", name, arguments),))
    assert said[-1] == ToolMessage("c1", "REAL")


def test_what_a_shell_gave_is_shown_as_it_is() -> None:
    output = [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]
    calls = {"type": "shell_call", "call_id": "c1", "action": {}}
    [_, result] = heard(calls, {"type": "shell_call_output", "call_id": "c1", "output": output})
    assert isinstance(result, ToolMessage)
    assert json.loads(str(result.content)) == output


def test_an_mcp_call_is_a_call_with_its_result() -> None:
    item = {"type": "mcp_call", "id": "mcp_1", "name": "f", "server_label": "s", "arguments": "{}"}
    call = AssistantMessage((ToolCall("mcp_1", "f", "{}"),))
    assert heard({**item, "output": "R", "error": None}) == (call, ToolMessage("mcp_1", "R"))
    for error in ("E", {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": "E"}]}):
        assert heard({**item, "output": None, "error": error}) == (call, ToolMessage("mcp_1", "E", is_error=True))


def test_calls_in_a_row_are_one_message() -> None:
    items = [
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "2"},
    ]
    calls = (ToolCall("c1", "f", "{}"), ToolCall("c2", "g", '{"input":"x"}'))
    assert heard(*items) == (AssistantMessage(calls), ToolMessage("c1", "1"), ToolMessage("c2", "2"))


@pytest.mark.parametrize("text", [{"text": "so far"}, {"summary": [{"type": "summary_text", "text": "so far"}]}])
def test_the_text_of_a_compaction_is_kept(text: dict[str, Any]) -> None:
    assert heard({"type": "compaction", "encrypted_content": "x", **text}) == (UserMessage("so far"),)


@pytest.mark.parametrize("kind", ["web_search_call", "file_search_call", "image_generation_call", "reasoning"])
def test_items_of_hosted_tools_may_go(kind: str) -> None:
    assert heard({"type": kind, "id": "x", "summary": [], "encrypted_content": "y", "status": "completed"}) == ()


def test_a_result_of_a_tool_whose_call_is_not_there_goes_too() -> None:
    assert heard({"type": "shell_call_output", "call_id": "c", "output": []}) == ()


# ----------------------------------------------------------------------------------------------------------- nulls


def test_null_members_are_left_out() -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": None, "name": "f", "arguments": None, "status": None}
    said = heard(call, {"type": "function_call_output", "call_id": None, "output": "R", "id": None})
    assert said == (AssistantMessage((ToolCall("fc_1", "f", "{}"),)), ToolMessage("fc_1", "R"))
    assert heard(
        {"type": "message", "role": "user", "name": None, "content": [{"type": "input_text", "text": None}]}
    ) == (UserMessage(""),)


def test_arguments_may_be_an_object() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": {"a": 1}}
    assert heard(call) == (AssistantMessage((ToolCall("c", "f", '{"a":1}'),)),)


def test_a_call_without_any_id_and_one_without_a_name_are_refused_by_name() -> None:
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    assert refused(input=[USER, call]) == "input[1].call_id"
    assert refused(input=[USER, {**call, "call_id": "c", "name": None}]) == "input[1].name"
    assert refused(input=[USER, {"type": "function_call_output", "output": "R"}]) == "input[1].call_id"


# ----------------------------------------------------------------------------------------------------------- tools


@pytest.mark.parametrize("kind", ["web_search", "file_search", "image_generation", "mcp", "local_shell", "tool_search"])
def test_a_hosted_tool_that_is_merely_offered_is_left_out_with_a_note(kind: str) -> None:
    found = request(tools=[{"type": kind}, FUNCTIONS[0]])
    assert [tool.name for tool in found.tools] == ["f"]
    assert kind in found.notes[0]
    assert refused(tools=[{"type": kind}], tool_choice={"type": kind}) == "tool_choice"


NAMESPACE = {"type": "namespace", "name": "agents", "tools": FUNCTIONS}


def test_the_functions_of_a_namespace_have_names_of_two_parts() -> None:
    assert [tool.name for tool in request(tools=[NAMESPACE]).tools] == ["agents__f", "agents__g"]
    call = {"type": "function_call", "call_id": "c", "namespace": "agents", "name": "f", "arguments": "{}"}
    assert heard(call) == (AssistantMessage((ToolCall("c", "agents__f", "{}"),)),)


def client_call(name: str, arguments: str, *, written: bool) -> list[list[RunEvent]]:
    call = ToolCall("c", name, arguments)
    head: list[RunEvent] = [ToolCallStarted(1, 0, "c", name, client=True), ToolCallArguments("c", arguments)]
    return [START, head if written else [], [ClientToolCalls(1, (call,)), RunFinished("tool_calls", USAGE, 1)]]


@pytest.mark.parametrize("written", [True, False])
def test_a_call_of_a_namespace_goes_back_as_it_was_declared(written: bool) -> None:
    [item] = response(client_call("agents__f", '{"a":1}', written=written), tools=[NAMESPACE])["output"]
    assert (item["namespace"], item["name"], item["arguments"]) == ("agents", "f", '{"a":1}')


@pytest.mark.parametrize("written", [True, False])
def test_a_custom_tool_takes_a_text_and_is_called_with_one(written: bool) -> None:
    tools = [{"type": "custom", "name": "apply_patch", "description": "d", "format": {"type": "grammar"}}]
    [spec] = request(tools=tools).tools
    assert spec.parameters["required"] == ["input"]
    [item] = response(client_call("apply_patch", '{"input":"PATCH"}', written=written), tools=tools)["output"]
    assert (item["type"], item["call_id"], item["input"]) == ("custom_tool_call", "c", "PATCH")


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_allowed_tools_are_all_that_is_offered(mode: str) -> None:
    choice = {"type": "allowed_tools", "mode": mode, "tools": [{"type": "function", "name": "f"}]}
    found = request(tools=FUNCTIONS, tool_choice=choice)
    assert ([tool.name for tool in found.tools], found.options.tool_choice) == (["f"], mode)


def test_allowed_tools_may_be_none_and_must_be_declared() -> None:
    none = {"type": "allowed_tools", "mode": "auto", "tools": []}
    assert request(tools=FUNCTIONS, tool_choice=none).tools == ()
    other = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "other"}]}
    assert refused(tools=FUNCTIONS, tool_choice=other) == "tool_choice.tools"


# ------------------------------------------------------------------------------------------------------ parameters


def test_keys_and_tiers_reach_vendors_that_speak_openais_words() -> None:
    body = {"prompt_cache_key": "t1", "service_tier": "flex", "text": {"verbosity": "low"}}
    assert request(**body).options.openai == {"prompt_cache_key": "t1", "service_tier": "flex", "verbosity": "low"}
    assert request(text={"verbosity": "low"}).options.openai == {"verbosity": "low"}
    assert request(service_tier="flex").options.openai == {"service_tier": "flex"}
    assert request().options.openai is None


def test_numbers_may_be_whole_floats_and_limits_below_one_are_none() -> None:
    assert request(max_output_tokens=100.0).options.max_completion_tokens == 100
    assert request(max_output_tokens=-1).options.max_completion_tokens is None
    assert refused(max_output_tokens=10.5) == "max_output_tokens"


def test_the_limit_of_tool_calls_is_the_runs() -> None:
    assert request(max_tool_calls=3).max_tool_calls == 3


# ------------------------------------------------------------------------------------------------------ the answer


@pytest.mark.parametrize("name", ["text", "refusal", "length", "error_midway", "nothing", "parallel_tools"])
def test_the_response_has_every_member_that_the_protocol_requires(name: str) -> None:
    found = response(STORIES[name])
    assert [member for member in REQUIRED if member not in found] == []
    empty = [member for member in REQUIRED if found[member] is None and member not in NULLABLE]
    assert empty == []


def test_the_response_says_what_was_asked_for() -> None:
    body = {"model": "gpt-x", "temperature": 0.5, "max_tool_calls": 2, "store": False, "prompt_cache_key": "k"}
    found = response(STORIES["text"], **body)
    assert {name: found[name] for name in body} == body


def test_a_message_that_ended_at_the_limit_of_tokens_is_incomplete() -> None:
    [item] = response(STORIES["length"])["output"]
    assert item["status"] == "incomplete"


def test_reasoning_is_a_summary_which_all_clients_show() -> None:
    item = response(STORIES["reasoning"])["output"][0]
    assert item["summary"] == [{"type": "summary_text", "text": "Let me think."}]


def test_a_blank_line_parts_the_texts_of_two_steps() -> None:
    story: list[list[RunEvent]] = [
        [*START, TextDelta("I look it up.")],
        STORIES["written_client_tools"][1][:1],
        [StepStarted(2), TextDelta("It is "), TextDelta("sunny.")],
        [RunFinished("stop", USAGE, 2)],
    ]
    texts = [item["content"][0]["text"] for item in response(story)["output"] if item["type"] == "message"]
    assert texts == ["I look it up.", "\n\nIt is sunny."]
    said = heard(*({"type": "message", "role": "assistant", "content": text} for text in texts))
    assert said[-1] == AssistantMessage((TextPart("It is sunny."),))  # the model does not hear of it


def test_no_blank_line_stands_where_the_model_has_left_one() -> None:
    story: list[list[RunEvent]] = [
        [*START, TextDelta("One\n")],
        [StepStarted(2), TextDelta("two")],
        [RunFinished("stop", USAGE, 2)],
    ]
    assert response(story)["output"][0]["content"][0]["text"] == "One\ntwo"


def test_of_two_calls_of_the_client_the_first_ends_before_the_second_begins() -> None:
    """agno reads one call at a time."""
    one, two = ToolCall("c1", "ring", '{"a":1}'), ToolCall("c2", "ring", '{"a":2}')
    run = [*START, *writes(one, '{"a":', "1}", client=True), *writes(two, '{"a":2}', index=1, client=True)]
    shown = stream([[*run, ClientToolCalls(1, (one, two)), RunFinished("tool_calls", USAGE, 1)]])
    kinds = [event["type"] for event in shown if event["type"].startswith("response.output_item")]
    assert kinds == ["response.output_item.added", "response.output_item.done"] * 2
    assert [item["arguments"] for item in shown[-1]["response"]["output"]] == ['{"a":1}', '{"a":2}']


def test_a_first_call_that_is_not_whole_when_the_second_begins_waits_for_its_end() -> None:
    two = ToolCall("c2", "ring", "{}")
    run = [*START, *writes(CLIENT_CUT, '{"room":', client=True), *writes(two, "{}", index=1, client=True)]
    shown = stream([[*run, CLIENT_NOT_RUN, ClientToolCalls(1, (two,)), RunFinished("tool_calls", USAGE, 1)]])
    assert {item["call_id"]: item["status"] for item in shown[-1]["response"]["output"]} == {
        CLIENT_CUT.id: "incomplete",
        "c2": "completed",
    }


def test_a_call_of_ours_that_comes_back_without_its_result_is_found_again() -> None:
    """openai-agents of JavaScript sends an `mcp_call` without its output."""
    kept = Kept(Responses())
    run = [event for batch in STORIES["tool_round"] for event in batch]
    _, given = kept.answer(client_request({"input": "weather?"}, "run_1"), run)
    (item,) = [item for item in events_of(given)[-1]["response"]["output"] if item["type"] == "mcp_call"]
    cut = {name: value for name, value in item.items() if name != "output"}
    said = [{"role": "user", "content": "weather?"}, cut, {"role": "user", "content": "thanks"}]
    decoded = kept.decode(client_request({"input": said}, "run_2"))
    assert is_exchange(decoded)
    assert decoded.request.messages[2] == ToolMessage(item["id"], "18 °C, sunny")
