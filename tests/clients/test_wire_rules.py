"""The rules of the chat completions stream that some client depends on, held against the bytes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients import raw
from tests.scripts import GREETING

KEY = {"authorization": "Bearer key"}
STREAMS = ("plain", "reasoning", "two-rounds", "vendor-two-rounds", "client-tools", "mixed")
TOOLS = [{"type": "function", "function": {"name": "local_time", "parameters": {"type": "object", "properties": {}}}}]


async def ask(server: str, agent: str = "plain", headers: dict[str, str] | None = None, **body: Any) -> raw.Answer:
    """A streamed request for that agent, with the key."""
    asked = {"model": agent, "messages": [{"role": "user", "content": "Go."}], "stream": True} | body
    return await raw.post(f"{server}/chat/completions", asked, KEY | (headers or {}))


def statuses(answer: raw.Answer) -> list[str]:
    return [chunk["agent"]["status"] for chunk in answer.chunks if "agent" in chunk]


# ----------------------------------------------------------------------------------------------------- a whole stream


@pytest.mark.parametrize("agent", STREAMS)
async def test_id_object_created_and_model_are_the_same_on_every_chunk(server: str, agent: str) -> None:
    chunks = (await ask(server, agent, tools=TOOLS)).chunks
    heads = {(chunk["id"], chunk["object"], chunk["created"], chunk["model"]) for chunk in chunks}
    assert len(heads) == 1
    assert {kind for _, kind, _, _ in heads} == {"chat.completion.chunk"}


@pytest.mark.parametrize("agent", STREAMS)
async def test_the_role_is_in_the_first_chunk_and_nowhere_else(server: str, agent: str) -> None:
    first, *rest = (await ask(server, agent, tools=TOOLS)).deltas
    assert first == {"role": "assistant", "content": ""}
    assert not any("role" in delta for delta in rest)


@pytest.mark.parametrize("agent", STREAMS)
async def test_every_choice_has_index_0_and_only_the_last_a_finish_reason(server: str, agent: str) -> None:
    chunks = (await ask(server, agent, tools=TOOLS)).chunks
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert {choice["index"] for choice in choices} == {0}
    assert all(choice.get("finish_reason") is None for choice in choices[:-1])
    assert choices[-1]["finish_reason"] == ("tool_calls" if agent in ("client-tools", "mixed") else "stop")


async def test_usage_is_not_sent_unless_asked_for(server: str) -> None:
    assert not any(chunk.get("usage") for chunk in (await ask(server)).chunks)


async def test_usage_comes_once_in_a_last_chunk_without_choices(server: str) -> None:
    *chunks, last = (await ask(server, "two-rounds", stream_options={"include_usage": True})).chunks
    assert last["choices"] == []
    assert (last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"]) == (33, 21)  # of three model calls
    assert last["usage"]["total_tokens"] == 54
    assert all(chunk["choices"] and not chunk.get("usage") for chunk in chunks)


async def test_the_answer_is_not_to_be_stored_buffered_or_compressed(server: str) -> None:
    headers = (await ask(server, headers={"accept-encoding": "gzip, br"})).headers
    assert "content-encoding" not in headers
    assert headers["x-accel-buffering"] == "no"
    assert "no-cache" in headers["cache-control"] or "no-store" in headers["cache-control"]


async def test_text_arrives_byte_for_byte(server: str) -> None:
    assert (await ask(server)).text == GREETING


# ---------------------------------------------------------------------------------------------------------- statuses

RUN = ["starting_generation"] + 2 * ["tool_call_detected", "tools_executed", "continuing_generation"]


async def test_statuses_extend_chunks_that_say_nothing_else(server: str) -> None:
    answer = await ask(server, "two-rounds")
    told = [chunk for chunk in answer.chunks if "agent" in chunk]
    assert statuses(answer) == RUN
    assert all(choice["delta"] == {} for chunk in told for choice in chunk["choices"])


async def test_status_details_pair_calls_with_results(server: str) -> None:
    answer = await ask(server, "two-rounds")
    details = [chunk["agent"]["details"] for chunk in answer.chunks if "agent" in chunk]
    called = [call["id"] for detail in details for call in detail.get("tool_calls", ())]
    answered = [result["id"] for detail in details for result in detail.get("results", ())]
    assert called == answered
    assert len(set(called)) == 3


@pytest.mark.parametrize("way", ["header", "body"])
async def test_statuses_in_the_shape_of_the_wire_models_are_sent_when_asked_for(server: str, way: str) -> None:
    if way == "header":
        answer = await ask(server, "two-rounds", {"x-agent-status": "metadata"})
    else:
        answer = await ask(server, "two-rounds", include_status_updates=True)
    told = [delta for delta in answer.deltas if delta.get("metadata")]
    assert [delta["metadata"]["status"] for delta in told] == RUN
    assert {delta["role"] for delta in told} == {"system"}
    assert statuses(answer) == []


async def test_statuses_can_be_off(server: str) -> None:
    answer = await ask(server, "two-rounds", {"x-agent-status": "off"})
    assert statuses(answer) == []
    assert not any("metadata" in delta for delta in answer.deltas)


@pytest.mark.parametrize("mode", ["extension", "metadata", "off"])
async def test_tools_that_the_server_runs_are_never_tool_calls_of_the_stream(server: str, mode: str) -> None:
    answer = await ask(server, "two-rounds", {"x-agent-status": mode})
    assert not any("tool_calls" in delta for delta in answer.deltas)
    assert answer.text == "Let me look. Paris: sunny; Rome: sunny; Oslo: sunny"


async def test_only_the_clients_own_calls_are_handed_over(server: str) -> None:
    answer = await ask(server, "mixed", tools=TOOLS)
    named = [call["function"].get("name") for delta in answer.deltas for call in delta.get("tool_calls", ())]
    assert [name for name in named if name] == ["local_time"]


async def test_the_fragments_of_calls_carry_index_and_the_first_of_each_carries_id_and_name(server: str) -> None:
    answer = await ask(server, "client-tools", tools=TOOLS)
    parts = [call for delta in answer.deltas for call in delta.get("tool_calls", ())]
    heads = {part["index"]: (part["type"], part["function"]["name"]) for part in parts if part.get("id")}
    assert heads == {0: ("function", "local_time"), 1: ("function", "local_time")}
    assert all(isinstance(part["index"], int) for part in parts)


# ------------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("key", [{}, {"authorization": "Bearer not-it"}, {"x-api-key": "not-it"}])
async def test_a_missing_or_wrong_key_is_refused_with_401(server: str, key: dict[str, str]) -> None:
    answer = await raw.post(f"{server}/chat/completions", {"model": "plain", "messages": []}, key)
    assert answer.status == 401
    assert "not-it" not in answer.error["message"]


@pytest.mark.parametrize("key", [{"authorization": "Bearer key"}, {"x-api-key": "key"}])
async def test_either_header_authenticates(server: str, key: dict[str, str]) -> None:
    body = {"model": "plain", "messages": [{"role": "user", "content": "Go."}]}
    assert (await raw.post(f"{server}/chat/completions", body, key)).status == 200


async def test_an_unknown_agent_is_404(server: str) -> None:
    answer = await ask(server, "nobody")
    assert answer.status == 404
    assert "nobody" in answer.error["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"go"',
        b'{"messages": 7}',
        b'{"messages": [{"role": "user", "content": 7}]}',
        b"\xff",
    ],
)
async def test_a_malformed_body_is_400(server: str, body: bytes) -> None:
    answer = await raw.post(f"{server}/chat/completions", body, KEY)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"


async def test_a_refused_field_is_named(server: str) -> None:
    answer = await ask(server, messages=[{"role": "user", "content": "Go."}, {"role": "wizard", "content": "?"}])
    assert answer.status == 400
    assert answer.error["param"] == "messages[1].role"


async def test_an_error_after_the_first_byte_ends_the_stream_without_a_clean_stop(server: str) -> None:
    answer = await ask(server, "broken-middle")
    assert answer.status == 200
    *_, last = answer.frames
    failure = raw.Answer(0, {}, last).error
    assert failure["message"]
    assert b'"finish_reason":"' not in answer.body
    assert b"[DONE]" not in answer.body


@pytest.mark.parametrize("agent", ["broken-start", "broken-middle", "vendor-broken-start", "vendor-broken-middle"])
@pytest.mark.parametrize("stream", [True, False])
async def test_what_the_vendor_said_of_its_failure_stays_in_the_log(server: str, agent: str, stream: bool) -> None:
    answer = await ask(server, agent, stream=stream)
    assert b"error" in answer.body
    assert b"secret-4711" not in answer.body
    assert b"Traceback" not in answer.body


@pytest.mark.parametrize("agent", ["broken-start", "vendor-broken-start"])
async def test_a_vendor_that_fails_at_once_is_502(server: str, agent: str) -> None:
    answer = await ask(server, agent)
    assert answer.status == 502
    assert answer.error["message"]


@pytest.mark.parametrize("agent", ["refused", "vendor-refused"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_is_told_not_to_repeat_what_the_vendor_refuses(server: str, agent: str, stream: bool) -> None:
    answer = await ask(server, agent, stream=stream)
    assert answer.status == 502
    assert answer.headers["x-should-retry"] == "false"


# ---------------------------------------------------------------------------------------------------------- requests


async def test_the_body_decides_whether_to_stream_and_not_the_accept_header(server: str) -> None:
    streamed = await ask(server, headers={"accept": "application/json"})
    whole = await ask(server, headers={"accept": "text/event-stream"}, stream=False)
    assert streamed.text == GREETING
    assert whole.json["object"] == "chat.completion"


async def test_a_whole_answer_is_a_chat_completion(server: str) -> None:
    answer = (await ask(server, "two-rounds", stream=False)).json
    (choice,) = answer["choices"]
    text = "Let me look. Paris: sunny; Rome: sunny; Oslo: sunny"
    assert {"role": "assistant", "content": text}.items() <= choice["message"].items()
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert answer["usage"]["total_tokens"] == 54
    assert isinstance(answer["id"], str)
    assert isinstance(answer["created"], int)
    assert answer["model"] == "two-rounds"


async def test_requests_are_read_leniently(server: str) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    answer = await ask(
        server,
        store=True,
        unheard_of={"of": []},
        context={"values": [{"key": "a", "value": 1}]},
        messages=[
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "Go."}], "name": "Ann", "extra": None},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
            {"role": "user", "content": "Go on."},
        ],
    )
    assert answer.text == GREETING


async def test_without_a_model_the_first_agent_answers(server: str) -> None:
    body = {"messages": [{"role": "user", "content": "Go."}], "stream": True}
    assert (await raw.post(f"{server}/chat/completions", body, KEY)).text == GREETING


@pytest.mark.parametrize("header", ["x-thread-id", "x-openwebui-chat-id"])
async def test_a_named_thread_is_on_every_chunk(server: str, header: str) -> None:
    named, unnamed = await ask(server, headers={header: "t-1"}), await ask(server)
    assert {chunk["thread_id"] for chunk in named.chunks} == {"t-1"}
    assert not any("thread_id" in chunk for chunk in unnamed.chunks)


async def test_agents_are_listed_as_models(server: str) -> None:
    listed = (await raw.get(f"{server}/models")).json
    assert listed["object"] == "list"
    assert listed["data"][0].keys() >= {"id", "object", "created", "owned_by"}
    assert {model["object"] for model in listed["data"]} == {"model"}
    assert (await raw.get(f"{server}/models/two-rounds")).json["id"] == "two-rounds"
    assert (await raw.get(f"{server}/models/nobody")).status == 404
