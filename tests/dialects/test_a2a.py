from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from a2a.compat.v0_3 import types as v03
from a2a.types import AgentCard, StreamResponse, Task as Task10
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]  # it has no types
from hypothesis import given, settings, strategies as st

from tests import golden_files
from tests.dialects.kept import Kept, finished
from tests.dialects.sequences import batched, runs
from tests.dialects.stories import START, STORIES, USAGE, Story, text
from turnstream.dialects.a2a import A2A
from turnstream.dialects.base import Cancellation, ClientRequest, Decoded, Exchange, Reply, compact, is_exchange
from turnstream.dialects.statuses import STOPPED
from turnstream.events import (
    AssistantMessage,
    AudioPart,
    FilePart,
    ImagePart,
    ProviderError,
    ProviderItem,
    RequestError,
    RunEvent,
    RunFailed,
    TextPart,
    UserMessage,
)
from turnstream.server.conversations import Turn

METHODS = {"0.3": "message/stream", "1.0": "SendStreamingMessage"}
TERMINAL = ("completed", "failed", "canceled")
HELLO: dict[str, Any] = {"message": {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "Hi"}]}}


def client_request(method: str, params: Any, id: str = "run1", **headers: str) -> ClientRequest:
    body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
    return ClientRequest(body, id, 0.0, headers, {"agent": "helper"}, agents={"helper": "Helps."})


def ask(method: str, params: Any, id: str = "run1", kept: Kept | None = None) -> Decoded:
    return (kept or Kept(A2A())).decode(client_request(method, params, id))


def call(method: str, params: Any = HELLO, id: str = "run1") -> Exchange:
    decoded = ask(method, params, id)
    assert is_exchange(decoded)
    return decoded


def told(batches: Story, version: str) -> bytes:
    encoder = call(METHODS[version]).encoder("helper")
    return b"".join(encoder.feed(batch) for batch in batches) + encoder.close()


def result(reply: Decoded) -> dict[str, Any]:
    assert isinstance(reply, Reply)
    found: dict[str, Any] = json.loads(reply.body)["result"]
    return found


def results(stream: bytes) -> list[dict[str, Any]]:
    frames = stream.decode().removesuffix("\n\n").split("\n\n")
    decoded = [json.loads(frame.removeprefix("data: ")) for frame in frames]
    assert all(frame["id"] == 7 and frame["jsonrpc"] == "2.0" for frame in decoded)
    return [frame["result"] for frame in decoded]


def error(reply: Decoded) -> int:
    assert isinstance(reply, Reply)
    found: int = json.loads(reply.body)["error"]["code"]
    return found


@pytest.mark.parametrize("version", METHODS)
@pytest.mark.parametrize("name", STORIES)
def test_each_story_gives_its_golden_bytes(name: str, version: str) -> None:
    golden_files.check(f"a2a/{version}/{name}.sse", told(STORIES[name], version))


@given(runs(), st.lists(st.integers(0, 4), max_size=8))
@settings(deadline=None, max_examples=100)
def test_any_run_is_a_stream_of_the_official_types_however_it_is_batched(run: list[RunEvent], sizes: list[int]) -> None:
    for version in METHODS:
        stream = told(batched(sizes, run), version)
        assert stream == told([run], version)
        for result in results(stream):
            if version == "1.0":
                ParseDict(result, StreamResponse())
            else:
                v03.SendStreamingMessageSuccessResponse.model_validate({"id": 7, "jsonrpc": "2.0", "result": result})


@given(runs())
@settings(deadline=None, max_examples=100)
def test_a_task_comes_first_and_one_final_status_last(run: list[RunEvent]) -> None:
    found = results(told([run], "0.3"))
    assert [result["kind"] == "task" for result in found] == [True] + [False] * (len(found) - 1)
    assert [result.get("final", False) for result in found] == [False] * (len(found) - 1) + [True]
    assert found[-1]["status"]["state"] in TERMINAL


def updates(stream: bytes) -> list[dict[str, Any]]:
    found = [result.get("artifactUpdate", result) for result in results(stream)]
    return [update for update in found if "artifact" in update]


def grown(stream: bytes) -> str:
    """The artifact by the protocol's rule: an update appends, or replaces what was there."""
    text = ""
    for update in updates(stream):
        piece = update["artifact"]["parts"][0]["text"]
        text = text + piece if update["append"] else piece
    return text


TEXTS = {
    "tool_round": "I look it up. It is sunny.",
    "text": "Hello there.",
    "length": "And then",
    "refusal": "I can not do that.",
    "max_steps_stop": STOPPED,
}


@pytest.mark.parametrize("version", METHODS)
@pytest.mark.parametrize("statuses", ["extension", "off"])
@pytest.mark.parametrize("name", TEXTS)
def test_the_last_chunk_is_the_whole_answer(name: str, statuses: str, version: str) -> None:
    request = client_request(METHODS[version], HELLO, **{"x-agent-status": statuses})
    exchange = A2A().decode(request)
    assert is_exchange(exchange)
    encoder = exchange.encoder("helper")
    stream = b"".join(map(encoder.feed, STORIES[name])) + encoder.close()
    *before, last = updates(stream)
    assert (last["append"], last["lastChunk"]) == (False, True)
    assert not any(update["lastChunk"] for update in before)
    assert last["artifact"]["parts"][0]["text"] == grown(stream) == TEXTS[name]


@pytest.mark.parametrize("name", ["error_midway", "cancelled", "nothing"])
def test_no_last_chunk_is_owed_without_an_answer(name: str) -> None:
    assert not any(update["lastChunk"] for update in updates(told(STORIES[name], "1.0")))


@pytest.mark.parametrize("version", METHODS)
@pytest.mark.parametrize("name", ["tool_round", "reasoning", "parallel_tools", "error_midway"])
def test_every_status_message_has_an_id_of_its_own(name: str, version: str) -> None:
    kept = Kept(A2A())
    run = [event for batch in STORIES[name] for event in batch]
    _, stream = kept.answer(client_request(METHODS[version], HELLO), run)
    found = [result.get("statusUpdate", result).get("status", {}).get("message") for result in results(stream)]
    ids = [message["messageId"] for message in found if message]
    assert len(ids) == len(set(ids)) > 0
    if name == "error_midway":
        assert result(ask("tasks/get", {"id": "run1"}, kept=kept))["status"]["message"]["messageId"] == ids[-1]


def test_no_line_of_the_stream_ends_where_text_has_a_separator() -> None:
    said = "a\u2028b\u2029c\u0085d"
    stream = told([*STORIES["text"][:1], text(said), *STORIES["text"][-1:]], "1.0")
    assert all(line.startswith("data: ") for line in stream.decode().splitlines() if line)
    assert said in grown(stream)


def test_the_card_is_read_by_both_versions() -> None:
    request = ClientRequest(b"", "x", 0.0, method="GET", agents={"helper": ""}, base_url="https://x.example/")
    reply = A2A().decode(request)
    assert isinstance(reply, Reply)
    data = json.loads(reply.body)
    assert v03.AgentCard.model_validate(data).url == "https://x.example/a2a/helper"
    assert len(ParseDict(data, AgentCard(), ignore_unknown_fields=True).supported_interfaces) == 2


def test_the_whole_answer_is_a_task_that_can_be_asked_for_again() -> None:
    kept, run = Kept(A2A()), compact(event for batch in STORIES["tool_round"] for event in batch)
    sent = result(call("message/send").reply("helper", run))
    kept.answer(client_request("message/send", HELLO), run)
    v03.Task.model_validate(sent)
    assert result(ask("tasks/get", {"id": "run1"}, kept=kept)) == sent
    assert ParseDict(result(ask("GetTask", {"id": "run1"}, kept=kept)), Task10()).id == "run1"


def test_a_context_goes_on_where_it_ended() -> None:
    kept = Kept(A2A())
    answer = (ProviderItem("anthropic", {"signature": "s"}), TextPart("Hello."))
    kept.answer(client_request("message/stream", HELLO), finished(*answer))
    again = {"message": {**HELLO["message"], "contextId": "context-run1"}}
    asked, _ = kept.answer(client_request("message/stream", again, "run2"), finished())
    assert asked == (UserMessage("Hi"), AssistantMessage(answer), UserMessage("Hi"))


def test_a_run_that_failed_leaves_the_context_as_it_was() -> None:
    kept = Kept(A2A())
    params = {"message": {**HELLO["message"], "contextId": "c"}}
    kept.answer(client_request("message/stream", params), STORIES["error_midway"][0] + STORIES["error_midway"][2])
    assert len(kept.answer(client_request("message/stream", params, "run2"), finished())[0]) == 1


def test_a_running_task_is_cancelled_once() -> None:
    kept = Kept(A2A())
    exchange = kept.decode(client_request("message/stream", HELLO))
    assert is_exchange(exchange)
    asyncio.run(Turn(kept.conversations, exchange, "ann", "helper", "run1", "a2a").begin())
    asked = ask("tasks/cancel", {"id": "run1"}, kept=kept)
    assert isinstance(asked, Cancellation)
    assert asked.run_id == "run1"
    kept.conversations.cancel("run1")
    assert error(ask("tasks/cancel", {"id": "run1"}, kept=kept)) == -32002


def test_files_pass_through_in_both_spellings() -> None:
    old = [
        {"kind": "file", "file": {"bytes": "QQ==", "mimeType": "image/png"}},
        {"kind": "data", "data": {"a": 1}},
    ]
    new = [{"raw": "QQ==", "mediaType": "image/png"}, {"url": "https://x/y.pdf", "filename": "y.pdf"}]
    new.append({"raw": "QQ==", "mediaType": "audio/wav"})
    image = ImagePart("data:image/png;base64,QQ==")
    params = {"message": {**HELLO["message"], "parts": [*old, *new]}}
    [message] = call("message/send", params).request.messages
    file = FilePart("https://x/y.pdf", filename="y.pdf")
    assert message == UserMessage((image, TextPart('{"a":1}'), image, file, AudioPart("QQ==", "wav")))


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("nothing", {}, -32601),
        ("tasks/resubscribe", {"id": "x"}, -32001),
        ("SubscribeToTask", {"id": "x"}, -32001),
        ("tasks/list", {}, -32004),
        ("ListTasks", {"pageSize": 0}, -32602),
        ("ListTasks", {"pageSize": 101}, -32602),
        ("ListTasks", {"pageToken": "x"}, -32602),
        ("ListTasks", {"status": "TASK_STATE_ODD"}, -32602),
        ("ListTasks", {"statusTimestampAfter": "soon"}, -32602),
        ("ListTasks", {"historyLength": -1}, -32602),
        ("tasks/pushNotificationConfig/set", {}, -32003),
        ("GetExtendedAgentCard", {}, -32007),
        ("tasks/get", {"id": "x"}, -32001),
        ("tasks/get", {}, -32602),
        ("tasks/get", None, -32602),
        ("message/send", ["x"], -32602),
        ("message/send", {}, -32602),
        ("message/send", {"message": {"parts": []}}, -32602),
        ("message/send", {"message": {"parts": [{}]}}, -32602),
        (
            "message/send",
            {"message": {"messageId": "m", "role": "user", "parts": [{"text": "x"}], "taskId": "x"}},
            -32001,
        ),
        ("message/send", {"message": {"role": "user", "parts": [{"text": "x"}]}}, -32602),
        ("message/send", {"message": {"messageId": "m", "parts": [{"text": "x"}]}}, -32602),
        ("message/send", {"message": {"messageId": "", "parts": [{"text": "x"}]}}, -32602),
        ("message/send", {"message": {"messageId": "m", "role": "agent", "parts": [{"text": "x"}]}}, -32602),
        ("SendMessage", {"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "x"}]}}, -32602),
        ("tasks/get", {"id": "x", "historyLength": -1}, -32602),
        ("message/send", {**HELLO, "configuration": {"historyLength": -1}}, -32602),
        ("message/send", {**HELLO, "configuration": {"pushNotificationConfig": {"url": "https://x"}}}, -32003),
        ("SendMessage", {**HELLO, "configuration": {"taskPushNotificationConfig": {"url": "https://x"}}}, -32003),
    ],
)
def test_a_bad_call_is_an_error_of_json_rpc(method: str, params: Any, code: int) -> None:
    assert error(ask(method, params)) == code


@pytest.mark.parametrize("method", ["message/send", "message/stream", "SendMessage"])
@pytest.mark.parametrize("name", ["text", "error_midway", "cancelled"])
def test_a_task_that_has_ended_takes_no_more_messages(name: str, method: str) -> None:
    kept = Kept(A2A())
    kept.answer(client_request("message/send", HELLO), [event for batch in STORIES[name] for event in batch])
    message = {**HELLO["message"], "taskId": "run1"}
    assert error(ask(method, {"message": message}, "run2", kept)) == -32004
    assert error(ask(method, {"message": {**message, "contextId": "other"}}, "run2", kept)) == -32602
    assert error(ask("tasks/resubscribe", {"id": "run1"}, kept=kept)) == -32004
    in_context = {"message": {**HELLO["message"], "contextId": "context-run1"}}
    assert not isinstance(ask(method, in_context, "run2", kept), Reply)


def test_the_modern_version_tells_its_own_errors_by_a_reason() -> None:
    reply = ask("GetTask", {"id": "x"})
    assert isinstance(reply, Reply)
    [info] = json.loads(reply.body)["error"]["data"]
    assert (info["reason"], info["domain"]) == ("TASK_NOT_FOUND", "a2a-protocol.org")
    assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"


def rpc(**call: Any) -> Reply:
    decoded = A2A().decode(ClientRequest(json.dumps(call).encode(), "x", 0.0, agents={"helper": ""}))
    assert isinstance(decoded, Reply)
    return decoded


@pytest.mark.parametrize(
    "call", [{"jsonrpc": "1.0", "method": "tasks/get"}, {"method": "tasks/get"}, {"jsonrpc": "2.0"}]
)
def test_what_is_no_call_keeps_its_id(call: dict[str, Any]) -> None:
    refused = json.loads(rpc(id="q", **call).body)
    assert (refused["id"], refused["error"]["code"]) == ("q", -32600)


def test_a_notification_has_no_answer_and_runs_nothing() -> None:
    reply = rpc(jsonrpc="2.0", method="message/send", params=HELLO)
    assert (reply.status, reply.body) == (204, b"")
    for method, code in (("nothing", -32601), ("message/send", -32602)):
        refused = json.loads(rpc(jsonrpc="2.0", method=method, params={}).body)
        assert (refused["id"], refused["error"]["code"]) == (None, code)


def card(**more: Any) -> Reply:
    asked = ClientRequest(b"", "x", 0.0, method="GET", agents={"helper": ""}, base_url="https://x/", **more)
    reply = A2A().decode(asked)
    assert isinstance(reply, Reply)
    return reply


def test_the_card_says_that_a_key_is_asked_where_one_is() -> None:
    data = json.loads(card(secured=True).body)
    assert set(v03.AgentCard.model_validate(data).security_schemes or {}) == {"bearer", "apiKey"}
    assert len(ParseDict(data, AgentCard(), ignore_unknown_fields=True).security_requirements) == 2
    assert not any("security" in member for member in json.loads(card().body))


def test_the_card_may_be_kept_for_a_while() -> None:
    first = card()
    assert first.headers["cache-control"] == "max-age=60"
    again = card(headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_an_unknown_version_is_refused() -> None:
    assert error(Kept(A2A()).decode(client_request("message/send", HELLO, **{"a2a-version": "2.0"}))) == -32009


def test_an_unknown_agent_is_refused() -> None:
    with pytest.raises(RequestError):
        A2A().decode(ClientRequest(b"{}", "x", 0.0, path_params={"agent": "nobody"}, agents={"helper": ""}))


@pytest.mark.parametrize("method", ["message/send", "message/stream"])
def test_a_run_that_failed_before_its_first_byte_is_a_failed_task_as_it_will_be_later(method: str) -> None:
    exchange = call(method)
    reply = exchange.refuse(ProviderError("Too busy.", status=429), "request1")
    last = json.loads(reply.body.decode().strip().split("data: ")[-1])["result"]
    assert (reply.status, last["status"]["state"]) == (200, "failed")
    kept = Kept(A2A())
    run = [*START, RunFailed("provider_error", "Too busy.", 429, USAGE)]  # it has told of its beginning already
    kept.answer(client_request(method, HELLO), run)
    assert result(ask("tasks/get", {"id": "run1"}, kept=kept))["status"] == last["status"]


@pytest.mark.parametrize(("name", "state"), [("cancelled", "canceled"), ("error_at_once", "failed")])
def test_a_task_that_came_to_no_answer_can_be_asked_for(name: str, state: str) -> None:
    kept = Kept(A2A())
    kept.answer(client_request("message/send", HELLO), [event for batch in STORIES[name] for event in batch])
    assert result(ask("tasks/get", {"id": "run1"}, kept=kept))["status"]["state"] == state


@pytest.mark.parametrize(("body", "code"), [(b"{", -32700), (b"\xff", -32700), (b"[]", -32600), (b"{}", -32600)])
def test_what_is_no_call_is_an_error_of_json_rpc(body: bytes, code: int) -> None:
    assert error(A2A().decode(ClientRequest(body, "x", 0.0, agents={"helper": ""}))) == code


@pytest.mark.parametrize("path", ["/.well-known/agent-card.json", "/.well-known/agent.json"])
def test_the_card_is_found_where_old_and_new_clients_look(path: str) -> None:
    assert [route.public for route in A2A.routes if route.path.endswith(path)] == [True, True]


@pytest.mark.parametrize(("method", "kind"), [("tasks/resubscribe", "text/event-stream"), ("SubscribeToTask", "json")])
def test_an_error_of_a_stream_is_a_stream_for_clients_of_0_3(method: str, kind: str) -> None:
    refused = Kept(A2A()).decode(client_request(method, {"id": "x"}, accept="text/event-stream"))
    assert isinstance(refused, Reply)
    assert kind in refused.content_type
    assert b"-32001" in refused.body
