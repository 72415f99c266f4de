from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests import golden_files
from tests.dialects.kept import Kept, finished
from tests.dialects.sequences import batched, runs
from tests.dialects.stories import STORIES, Story
from turnstream.dialects.base import ClientRequest, Exchange, compact, is_exchange
from turnstream.dialects.openai_responses import Responses
from turnstream.events import (
    AssistantMessage,
    ClientToolCalls,
    FilePart,
    ImagePart,
    Message,
    ModelOptions,
    ProviderItem,
    RequestError,
    RunEvent,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    ToolSpec,
    UserMessage,
)

official: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
HI = {"model": "assistant", "input": "hi", "stream": True}


def client_request(body: dict[str, Any], id: str = "run1") -> ClientRequest:
    return ClientRequest(json.dumps(body).encode(), id, 1760000000.0)


def call(body: dict[str, Any], kept: Kept | None = None, id: str = "run1") -> Exchange:
    decoded = (kept or Kept(Responses())).decode(client_request(body, id))
    assert is_exchange(decoded)
    return decoded


def told(story: Story, **headers: str) -> bytes:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    decoded = Responses().decode(ClientRequest(json.dumps(HI).encode(), "run1", 1760000000.0, names))
    assert is_exchange(decoded)
    encoder = decoded.encoder("assistant")
    return b"".join(encoder.feed(batch) for batch in story) + encoder.close()


def events_of(stream: bytes) -> list[dict[str, Any]]:
    found = []
    frames = stream.decode().removesuffix("\n\n").split("\n\n")
    assert frames.pop() == "data: [DONE]"
    for frame in frames:
        event, data = frame.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert event == f"event: {found[-1]['type']}"
    return found


def of(events: list[dict[str, Any]], type: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == type]


@pytest.mark.parametrize("name", STORIES)
def test_each_story_gives_its_golden_bytes(name: str) -> None:
    golden_files.check(f"openai_responses/{name}.sse", told(STORIES[name]))


@given(runs(), st.lists(st.integers(0, 4), max_size=8))
@settings(deadline=None, max_examples=200)
def test_any_run_is_read_by_the_official_types_and_opens_and_closes_in_order(
    run: list[RunEvent], sizes: list[int]
) -> None:
    stream = told(batched(sizes, run))
    events = events_of(stream)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1]["type"] in ("response.completed", "response.incomplete", "response.failed")
    for event in events:
        official.validate_python(event)
    done = {event["output_index"]: event["item"] for event in of(events, "response.output_item.done")}
    assert done == dict(enumerate(events[-1]["response"]["output"]))
    assert len(of(events, "response.output_item.added")) == len(done)
    assert stream == told([run])


@given(runs())
@settings(deadline=None, max_examples=100)
def test_the_deltas_of_an_item_add_up_to_it(run: list[RunEvent]) -> None:
    events = events_of(told([run]))
    for kind, member in (
        ("output_text", "text"),
        ("reasoning_summary_text", "text"),
        ("refusal", "refusal"),
        ("mcp_call_arguments", "arguments"),
    ):
        for done in of(events, f"response.{kind}.done"):
            deltas = [
                event["delta"] for event in of(events, f"response.{kind}.delta") if event["item_id"] == done["item_id"]
            ]
            assert "".join(deltas) == done[member]


def test_a_tool_that_the_server_ran_is_an_mcp_call_and_a_clients_a_function_call() -> None:
    server = events_of(told(STORIES["parallel_tools"]))[-1]["response"]["output"]
    assert [(item["type"], item.get("status")) for item in server] == [
        ("mcp_call", "completed"),
        ("mcp_call", "failed"),
        ("message", "completed"),
    ]
    assert (server[0]["output"], server[0]["error"]) == ("18 °C, sunny", None)
    assert (server[1]["output"], server[1]["error"]["content"][0]["text"]) == (None, "the clock is broken")
    client = events_of(told(STORIES["client_tools"]))[-1]["response"]["output"]
    assert [item["type"] for item in client] == ["message", "function_call", "function_call"]


def test_open_webui_gets_what_its_page_needs() -> None:
    found = events_of(told(STORIES["parallel_tools"], x_openwebui_chat_id="c"))[-1]["response"]["output"]
    assert [item["type"] for item in found[:4]] == ["function_call"] * 2 + ["function_call_output"] * 2
    assert {item["call_id"] for item in found[:2]} == {item["call_id"] for item in found[2:4]}


@pytest.mark.parametrize("name", STORIES)
def test_with_statuses_off_tools_of_the_server_are_left_out(name: str) -> None:
    stream = told(STORIES[name], x_agent_status="off")
    assert b"mcp_call" not in stream
    events = [event for batch in STORIES[name] for event in batch if isinstance(event, ClientToolCalls)]
    client = {call.name for event in events for call in event.tool_calls}
    calls = [i for i in events_of(stream)[-1]["response"]["output"] if i["type"] == "function_call"]
    assert {call["name"] for call in calls if call["status"] == "completed"} == client


def test_a_call_is_shown_while_the_model_writes_it() -> None:
    events = events_of(told(STORIES["written_client_tools"]))
    deltas = [event["delta"] for event in of(events, "response.function_call_arguments.delta")]
    assert deltas == ['{"room":', '"kitchen"}']
    [done] = of(events, "response.function_call_arguments.done")
    assert (done["name"], done["arguments"]) == ("open_window", '{"room":"kitchen"}')


def test_a_call_that_turned_out_malformed_ends_as_a_failure() -> None:
    server, client, message = events_of(told(STORIES["written_and_malformed"]))[-1]["response"]["output"]
    assert (server["type"], server["status"]) == ("mcp_call", "failed")
    assert server["error"]["content"][0]["text"] == "This call was not executed."
    assert (client["type"], client["status"]) == ("function_call", "incomplete")
    assert message["status"] == "completed"


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("length", "incomplete", "max_output_tokens"),
        ("max_steps_answer", "completed", None),
        ("text", "completed", None),
    ],
)
def test_how_a_run_ends(name: str, status: str, reason: str | None) -> None:
    response = events_of(told(STORIES[name]))[-1]["response"]
    assert response["status"] == status
    assert (response["incomplete_details"] or {}).get("reason") == reason


FAILING = ("error_at_once", "error_midway", "cancelled", "written_and_failed")


@pytest.mark.parametrize("name", FAILING)
def test_a_failure_is_a_failed_response(name: str) -> None:
    *_, error, last = events_of(told(STORIES[name]))
    assert (error["type"], error["message"]) == ("error", last["response"]["error"]["message"])
    assert error["error"]["message"] == error["message"]  # the member at which official clients raise
    assert last["type"] == "response.failed"
    assert last["response"]["error"]["message"]


@pytest.mark.parametrize(
    "name",
    [name for name in STORIES if name not in ("error_at_once", "error_midway", "cancelled", "written_and_failed")],
)
def test_the_whole_answer_is_what_the_stream_ended_with(name: str) -> None:
    events = [event for batch in STORIES[name] for event in batch]
    reply = call({**HI, "stream": False}).reply("assistant", compact(events))
    whole = json.loads(reply.body)
    Response.model_validate(whole)
    assert whole == events_of(told(STORIES[name]))[-1]["response"]


def test_sources_are_cited_by_the_text_that_follows_them() -> None:
    events = events_of(told(STORIES["sources"]))
    [item] = [item for item in events[-1]["response"]["output"] if item["type"] == "message"]
    assert item["content"][0]["annotations"][0]["type"] == "url_citation"
    assert of(events, "response.output_text.annotation.added")


def test_a_response_can_be_continued_by_its_id() -> None:
    kept = Kept(Responses())
    first = client_request({"input": "my name is Ann", "instructions": "Be kind."}, "one")
    kept.answer(first, finished(TextPart("Hello Ann.")))
    asked, _ = kept.answer(
        client_request({"input": "who am I?", "previous_response_id": "resp_one"}, "two"), finished(TextPart("Ann."))
    )
    expected: tuple[Message, ...] = (
        UserMessage("my name is Ann"),
        AssistantMessage((TextPart("Hello Ann."),)),
        UserMessage("who am I?"),
    )
    assert asked == expected


def test_what_only_the_vendor_understands_goes_back_to_it() -> None:
    kept = Kept(Responses())
    answer = (ProviderItem("anthropic", {"type": "thinking", "signature": "s"}), TextPart("Hello."))
    kept.answer(client_request({"input": "hi"}, "one"), finished(*answer))
    more = client_request({"input": "go on", "previous_response_id": "resp_one"}, "two")
    assert kept.answer(more, finished())[0] == (UserMessage("hi"), AssistantMessage(answer), UserMessage("go on"))


def test_two_answers_to_one_response_know_nothing_of_each_other() -> None:
    kept = Kept(Responses())
    kept.answer(client_request({"input": "hi"}, "one"), finished(TextPart("Hello.")))
    for id in ("left", "right"):
        body = {"input": f"go {id}", "previous_response_id": "resp_one"}
        kept.answer(client_request(body, id), finished(TextPart(f"{id}!")))
    for id in ("left", "right"):
        body = {"input": "and?", "previous_response_id": f"resp_{id}"}
        asked, _ = kept.answer(client_request(body, f"{id}2"), finished())
        assert asked[2:4] == (UserMessage(f"go {id}"), AssistantMessage((TextPart(f"{id}!"),)))
        assert len(asked) == 5


def test_a_conversation_is_kept_by_its_name() -> None:
    kept = Kept(Responses())
    kept.answer(client_request({"input": "hi", "conversation": "conv_1"}, "one"), finished(TextPart("Hello.")))
    body = {"input": "and?", "conversation": {"id": "conv_1"}}
    assert len(kept.answer(client_request(body, "two"), finished())[0]) == 3


def test_an_unknown_previous_response_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        call({"input": "hi", "previous_response_id": "resp_x"})
    assert (caught.value.param, caught.value.status) == ("previous_response_id", 404)


def test_the_items_of_a_conversation_become_our_messages() -> None:
    request = call(
        {
            "instructions": "Be kind.",
            "input": [
                {"role": "developer", "content": "Be short."},
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "see"},
                        {"type": "input_image", "image_url": "https://x/y.png"},
                    ],
                },
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {"type": "message", "role": "assistant", "id": "m", "content": [{"type": "output_text", "text": "…"}]},
                {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"a":1}'},
                {"type": "function_call", "call_id": "c2", "name": "look", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "r1"},
                {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "r2"}]},
                {"role": "user", "content": [{"type": "input_file", "file_id": "f-1"}]},
            ],
            "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": True}],
        }
    ).request
    assert request.messages == (
        SystemMessage("Be kind."),
        SystemMessage("Be short."),
        UserMessage((TextPart("see"), ImagePart("https://x/y.png"))),
        AssistantMessage((TextPart("…"), ToolCall("c1", "look", '{"a":1}'), ToolCall("c2", "look", "{}"))),
        ToolMessage("c1", "r1"),
        ToolMessage("c2", "r2"),
        UserMessage((FilePart(file_id="f-1"),)),
    )
    assert request.tools == (ToolSpec("look", "", {"type": "object"}, strict=True, source="client"),)


def test_the_headers_of_open_webui_name_the_thread_and_the_user() -> None:
    headers = {"x-openwebui-chat-id": "chat-1", "x-openwebui-user-id": "ada"}
    decoded = Responses().decode(ClientRequest(json.dumps(HI).encode(), "run1", 1760000000.0, headers))
    assert is_exchange(decoded)
    assert (decoded.request.thread_id, decoded.request.user) == ("chat-1", "ada")


def test_parameters_are_spelt_as_the_model_layer_knows_them() -> None:
    body = {
        "input": "hi",
        "max_output_tokens": 9,
        "temperature": 0.5,
        "reasoning": {"effort": "low"},
        "tool_choice": {"type": "function", "name": "look"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}},
    }
    assert call(body).request.options == ModelOptions(
        temperature=0.5,
        max_completion_tokens=9,
        reasoning_effort="low",
        tool_choice={"name": "look"},
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"input": 1},
        {"input": [{"role": "x", "content": "y"}]},
        {"input": "hi", "tools": [{"type": "function"}]},
        {"input": "hi", "prompt": {"id": "p"}},
        {"input": "hi", "top_logprobs": 2},
        {"input": "hi", "include": ["message.output_text.logprobs"]},
        {"input": "hi", "truncation": "some"},
        {"input": "hi", "conversation": "c", "previous_response_id": "resp_x"},
        {"input": "hi", "background": True, "store": False},
        {"input": []},
        {"input": "hi", "tool_choice": "sometimes"},
        {"input": "hi", "tool_choice": {"type": "web_search"}},
        {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
    ],
)
def test_a_bad_body_is_the_clients_fault_and_names_the_field(body: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as caught:
        call(body)
    assert caught.value.param


def test_an_item_can_be_referred_to_by_its_id() -> None:
    kept = Kept(Responses())
    run = [event for batch in STORIES["tool_round"] for event in batch]
    _, stream = kept.answer(client_request({"input": "weather?"}, "run_1"), run)
    references = [{"type": "item_reference", "id": item["id"]} for item in events_of(stream)[-1]["response"]["output"]]
    messages = call({"input": [*references, {"role": "user", "content": "thanks"}]}, kept).request.messages
    assert messages == (
        AssistantMessage((TextPart("I look it up. "), ToolCall("mcp_run_1_1", "get_weather", '{"city":"Paris"}'))),
        ToolMessage("mcp_run_1_1", "18 °C, sunny"),
        AssistantMessage((TextPart("It is sunny."),)),
        UserMessage("thanks"),
    )


@pytest.mark.parametrize("id", ["msg_run_1_0", "msg_", "", "x"])
def test_an_unknown_item_is_refused_and_not_left_out(id: str) -> None:
    with pytest.raises(RequestError) as caught:
        call({"input": [{"role": "user", "content": "hi"}, {"type": "item_reference", "id": id}]})
    assert (caught.value.param, caught.value.status) == ("input[1].id", 404)


def test_what_is_not_to_be_stored_is_forgotten() -> None:
    kept = Kept(Responses())
    kept.answer(client_request({"input": "a secret", "store": False}, "one"), finished())
    with pytest.raises(RequestError, match="does not have that response"):
        call({"input": "hi", "previous_response_id": "resp_one"}, kept)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("required", "required"),
        ({"type": "function", "name": "look"}, {"name": "look"}),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "look"}]}, "required"),
    ],
)
def test_every_form_of_tool_choice_is_understood(choice: Any, expected: Any) -> None:
    tools = [{"type": "function", "name": "look"}]
    assert call({"input": "hi", "tools": tools, "tool_choice": choice}).request.options.tool_choice == expected


def test_what_clients_send_beside_is_no_fault() -> None:
    """As openai-python, openai-node, the AI SDK and the Agents SDK do."""
    body = {
        "input": [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x", "content": None},
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
            {"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot"}},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        ],
        "include": ["reasoning.encrypted_content"],
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "truncation": "auto",
        "stream_options": {"include_obfuscation": False},
        "prompt_cache_key": "k",
        "safety_identifier": "somebody",
        "max_tool_calls": 3,
        "service_tier": "auto",
        "metadata": {"a": "b"},
        "top_logprobs": 0,
        "conversation": None,
    }
    request = call(body).request
    assert request.messages == (UserMessage("hi"),)
    assert (request.user, request.context) == ("somebody", {"a": "b"})


@given(runs())
@settings(deadline=None, max_examples=100)
def test_items_are_numbered_in_order_and_each_opens_and_closes_once(run: list[RunEvent]) -> None:
    """Texts one after another; calls of tools that run at once may be open at once."""
    opened: list[str] = []
    closed: list[str] = []
    for event in events_of(told([run])):
        place = event.get("output_index")
        match event["type"]:
            case "response.output_item.added":
                assert place == len(opened)
                assert all(id in closed for id in opened if not id.startswith(("mcp_", "fc_")))
                opened.append(event["item"]["id"])
            case "response.output_item.done":
                assert event["item"]["id"] == opened[place or 0]
                closed.append(event["item"]["id"])
            case _ if place is not None:
                assert event["item_id"] == opened[place]
                assert event["item_id"] not in closed
    assert sorted(opened) == sorted(closed)
    assert len(set(opened)) == len(opened)
