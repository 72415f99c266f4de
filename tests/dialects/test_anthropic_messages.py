from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message
from anthropic.types.beta import BetaMessage
from hypothesis import given, settings, strategies as st

from tests import golden_files
from tests.dialects.sequences import batched, runs
from tests.dialects.stories import START, STORIES, USAGE, Story, text
from turnstream.dialects.anthropic_messages import AnthropicMessages, Encoder
from turnstream.dialects.base import ClientRequest, Exchange, compact, is_exchange
from turnstream.events import (
    AssistantMessage,
    FilePart,
    ImagePart,
    ModelOptions,
    ReasoningPart,
    RequestError,
    RunEvent,
    RunFinished,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    ToolSpec,
    UserMessage,
)

ANSWERED = [name for name in STORIES if not name.startswith(("error", "cancel")) and not name.endswith("failed")]
USER = {"role": "user", "content": "Go."}


def told(batches: Story, beta: bool = True) -> bytes:
    encoder = Encoder("msg_1", "assistant", shows_tools=beta)
    return b"".join(encoder.feed(batch) for batch in batches) + encoder.close()


def frames(stream: bytes) -> list[dict[str, Any]]:
    found = []
    for frame in stream.decode().removesuffix("\n\n").split("\n\n"):
        name, data = frame.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def verify(found: list[dict[str, Any]]) -> None:
    """The protocol's order: blocks are numbered from 0 and stand one after the other, between start and stop."""
    spoken = [frame for frame in found if frame["type"] != "ping"]
    if spoken[-1]["type"] != "error":
        assert [frame["type"] for frame in spoken[-2:]] == ["message_delta", "message_stop"]
    started, blocks, opened = False, 0, False
    for frame in spoken:
        match frame["type"]:
            case "message_start":
                assert not started
                started = True
            case "content_block_start":
                assert started
                assert not opened
                assert frame["index"] == blocks
                opened = True
            case "content_block_delta":
                assert opened
                assert frame["index"] == blocks
            case "content_block_stop":
                assert opened
                opened, blocks = False, blocks + 1
            case _:
                assert not opened


@pytest.mark.parametrize("name", STORIES)
def test_each_story_gives_its_golden_bytes(name: str) -> None:
    golden_files.check(f"anthropic_messages/{name}.sse", told(STORIES[name]))


@given(runs(), st.lists(st.integers(0, 4), max_size=8))
@settings(deadline=None, max_examples=200)
def test_any_run_opens_and_closes_in_order_however_it_is_batched(run: list[RunEvent], sizes: list[int]) -> None:
    stream = told(batched(sizes, run))
    verify(frames(stream))
    assert stream == told([run])


@pytest.mark.parametrize("name", ANSWERED)
def test_the_whole_answer_is_a_message_of_the_official_type(name: str) -> None:
    events = compact(event for batch in STORIES[name] for event in batch)
    reply = call(USER, query={"beta": "true"}).reply("assistant", events)
    message = BetaMessage.model_validate_json(reply.body)
    assert Message.model_validate_json(call(USER).reply("assistant", events).body).id == message.id
    assert message.stop_reason is not None
    assert message.usage.output_tokens == json.loads(reply.body)["usage"]["output_tokens"]


def test_our_tools_are_never_the_clients_to_run() -> None:
    starts = [f for f in frames(told(STORIES["mixed_tools"])) if f["type"] == "content_block_start"]
    kinds = [(start["content_block"]["type"], start["content_block"].get("name")) for start in starts]
    assert kinds == [("mcp_tool_use", "get_weather"), ("mcp_tool_result", None), ("tool_use", "open_window")]


def test_a_client_that_does_not_know_them_gets_no_blocks_of_our_tools() -> None:
    starts = [f for f in frames(told(STORIES["mixed_tools"], beta=False)) if f["type"] == "content_block_start"]
    assert [start["content_block"]["type"] for start in starts] == ["tool_use"]


def test_statuses_ride_on_pings() -> None:
    found = frames(told(STORIES["max_steps_answer"]))
    statuses = [frame["agent"]["status"] for frame in found if frame["type"] == "ping"]
    assert statuses == ["starting_generation", "tool_call_detected", "tools_executed", "max_depth_reached"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("length", "max_tokens"), ("client_tools", "tool_use"), ("refusal", "refusal"), ("max_steps_stop", "end_turn")],
)
def test_the_stop_reason_says_how_the_run_ended(name: str, reason: str) -> None:
    assert frames(told(STORIES[name]))[-2]["delta"]["stop_reason"] == reason


def test_sources_are_cited_by_the_text_that_follows_them() -> None:
    deltas = [f["delta"] for f in frames(told(STORIES["sources"])) if f["type"] == "content_block_delta"]
    assert [delta["type"] for delta in deltas] == ["citations_delta", "text_delta"]


def call(
    *messages: dict[str, Any], headers: dict[str, str] | None = None, query: dict[str, str] | None = None, **more: Any
) -> Exchange:
    body = {"model": "helper", "max_tokens": 64, "messages": messages, **more}
    asked = ClientRequest(json.dumps(body).encode(), "x", 0.0, headers or {}, query=query or {})
    decoded = AnthropicMessages().decode(asked)
    assert is_exchange(decoded)
    return decoded


def test_a_history_with_tools_of_both_sides_keeps_its_order() -> None:
    said = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "Wait."},
        {"type": "mcp_tool_use", "id": "c1", "name": "look", "server_name": "x", "input": {"a": 1}},
        {"type": "mcp_tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "seen"}]},
        {"type": "redacted_thinking", "data": "…"},
        {"type": "tool_use", "id": "c2", "name": "ring", "input": {}},
    ]
    rung = {"type": "tool_result", "tool_use_id": "c2", "content": "rang", "is_error": True}
    request = call(
        USER,
        {"role": "assistant", "content": said},
        {"role": "user", "content": [rung, {"type": "text", "text": "And?"}]},
        system=[{"type": "text", "text": "Be brief."}],
    ).request
    assert request.messages == (
        SystemMessage("Be brief."),
        UserMessage("Go."),
        AssistantMessage((ReasoningPart("hm"), TextPart("Wait."), ToolCall("c1", "look", '{"a":1}'))),
        ToolMessage("c1", "seen"),
        AssistantMessage((ToolCall("c2", "ring", "{}"),)),
        ToolMessage("c2", "rang", is_error=True),
        UserMessage("And?"),
    )


def test_images_and_documents_pass_through() -> None:
    sources = {
        "image": {"type": "base64", "media_type": "image/png", "data": "QQ=="},
        "document": {"type": "url", "url": "https://x/y.pdf"},
    }
    parts = [{"type": type, "source": source} for type, source in sources.items()]
    text = {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "D"}}
    nested = {"type": "tool_result", "tool_use_id": "c1", "content": [parts[0]]}
    request = call({"role": "user", "content": [nested, *parts, text]}).request
    image = ImagePart("data:image/png;base64,QQ==")
    assert request.messages == (
        ToolMessage("c1", (image,)),
        UserMessage((image, FilePart("https://x/y.pdf"), TextPart("T\n\nD"))),
    )


def test_what_is_unknown_in_a_result_is_shown_as_it_is_written_beside_the_rest() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}
    content = [{"type": "text", "text": "a"}, image, {"type": "novelty", "name": "X"}]
    result = {"type": "tool_result", "tool_use_id": "c1", "content": content, "is_error": True}
    [message] = call({"role": "user", "content": [result]}).request.messages
    shown = TextPart('{"type":"novelty","name":"X"}')
    assert message == ToolMessage("c1", (TextPart("a"), ImagePart("data:image/png;base64,QQ=="), shown), is_error=True)


def test_a_request_of_claude_code_is_understood() -> None:
    """Its members that mean nothing here are no fault."""
    request = call(
        {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "yes"}]},
        query={"beta": "true"},
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        thinking={"type": "adaptive"},
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        metadata={"user_id": "x" * 500},
        service_tier="auto",
        mcp_servers=[],
    ).request
    assert request.messages == (SystemMessage("Be brief."), UserMessage("hi"), AssistantMessage((TextPart("yes"),)))
    assert request.user == "x" * 500


def test_parameters_are_translated() -> None:
    schema = {"type": "object", "properties": {}}
    request = call(
        USER,
        headers={"x-thread-id": "t"},
        tools=[{"name": "ring", "description": "d", "input_schema": schema}],
        tool_choice={"type": "tool", "name": "ring", "disable_parallel_tool_use": True},
        stop_sequences=["END"],
        temperature=0.5,
        top_k=3,
        thinking={"type": "enabled", "budget_tokens": 4000},
        metadata={"user_id": "u"},
        output_config={"format": {"type": "json_schema", "schema": schema}},
    ).request
    assert (request.agent, request.thread_id, request.user) == ("helper", "t", "u")
    assert request.tools == (ToolSpec("ring", "d", schema, source="client"),)
    assert request.options == ModelOptions(
        temperature=0.5,
        max_completion_tokens=64,
        stop=("END",),
        response_format={"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}},
        reasoning_effort="medium",
        tool_choice={"name": "ring"},
        parallel_tool_calls=False,
        extra={"top_k": 3},
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"messages":[]}',
        b'{"messages":[{"role":"x","content":""}]}',
        b'{"messages":[{"role":"user","content":[{"type":"video"}]}]}',
        b'{"messages":[{"role":"user","content":[{"type":"tool_result"}]}]}',
        b'{"messages":[{"role":"user","content":""}],"tools":[{"type":"web_search_20250305","name":"web_search"}]}',
        b'{"messages":[{"role":"user","content":""}],"tool_choice":{"type":"tool"}}',
        b'{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":'
        + b"[" * 200
        + b"]" * 200
        + b"}]}]}",
    ],
)
def test_a_bad_body_is_the_clients_fault(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        AnthropicMessages().decode(ClientRequest(body, "x", 0.0))
    refusal = json.loads(AnthropicMessages().error(caught.value, "x").body)
    assert (refusal["type"], refusal["error"]["type"]) == ("error", "invalid_request_error")


def test_the_beginning_of_a_stream_has_an_estimate_of_the_request_and_the_end_has_what_was_counted() -> None:
    exchange = call({"role": "user", "content": "x" * 400}, stream=True)
    stream = exchange.encoder("helper").feed([*START, *text("Hi."), RunFinished("stop", USAGE, 1)])
    frames = [json.loads(line[6:]) for line in stream.decode().split("\n") if line.startswith("data: ")]
    assert frames[0]["message"]["usage"]["input_tokens"] == 100
    (end,) = [frame for frame in frames if frame["type"] == "message_delta"]
    assert end["usage"]["input_tokens"] == USAGE.input - USAGE.cached
