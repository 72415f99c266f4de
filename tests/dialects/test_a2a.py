from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from a2a.compat.v0_3 import types as v03
from a2a.types import AgentCard, StreamResponse
from a2a.types import Task as Task10
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]  # it has no types
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import golden_files
from tests.dialects.kept import Kept, finished
from tests.dialects.sequences import batched, runs
from tests.dialects.stories import STORIES, Story, text
from turnstream.dialects.a2a import A2A
from turnstream.dialects.base import Cancellation, ClientRequest, Decoded, Exchange, Lookup, Reply, compact
from turnstream.events import (
    AssistantMessage,
    AudioPart,
    FilePart,
    ImagePart,
    ProviderError,
    ProviderItem,
    RequestError,
    RunEvent,
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
    assert not isinstance(decoded, Reply | Cancellation | Lookup)
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


@pytest.mark.parametrize("version", METHODS)
def test_the_text_of_the_artifact_is_the_answer(version: str) -> None:
    found = results(told(STORIES["tool_round"], version))
    updates = [result.get("artifactUpdate", result) for result in found]
    updates = [update for update in updates if "artifact" in update]
    assert "".join(update["artifact"]["parts"][0]["text"] for update in updates) == "I look it up. It is sunny."
    assert [update["append"] for update in updates] == [False] + [True] * (len(updates) - 1)


def test_no_line_of_the_stream_ends_where_text_has_a_separator() -> None:
    said = "a\u2028b\u2029c\u0085d"
    stream = told([*STORIES["text"][:1], text(said), *STORIES["text"][-1:]], "1.0")
    assert all(line.startswith("data: ") for line in stream.decode().splitlines() if line)
    assert said in "".join(r["artifactUpdate"]["artifact"]["parts"][0]["text"] for r in results(stream)[2:-1])


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
    assert not isinstance(exchange, Reply | Cancellation | Lookup)
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
        ("tasks/resubscribe", {"id": "x"}, -32004),
        ("SubscribeToTask", {"id": "x"}, -32004),
        ("ListTasks", {}, -32004),
        ("tasks/pushNotificationConfig/set", {}, -32003),
        ("GetExtendedAgentCard", {}, -32007),
        ("tasks/get", {"id": "x"}, -32001),
        ("tasks/get", {}, -32602),
        ("tasks/get", None, -32602),
        ("message/send", ["x"], -32602),
        ("message/send", {}, -32602),
        ("message/send", {"message": {"parts": []}}, -32602),
        ("message/send", {"message": {"parts": [{}]}}, -32602),
        ("message/send", {"message": {"parts": [{"text": "x"}], "taskId": "x"}}, -32001),
    ],
)
def test_a_bad_call_is_an_error_of_json_rpc(method: str, params: Any, code: int) -> None:
    assert error(ask(method, params)) == code


def test_an_unknown_version_is_refused() -> None:
    assert error(Kept(A2A()).decode(client_request("message/send", HELLO, **{"a2a-version": "2.0"}))) == -32009


def test_an_unknown_agent_is_refused() -> None:
    with pytest.raises(RequestError):
        A2A().decode(ClientRequest(b"{}", "x", 0.0, path_params={"agent": "nobody"}, agents={"helper": ""}))


@pytest.mark.parametrize("method", ["message/send", "message/stream"])
def test_a_run_that_failed_before_its_first_byte_is_a_failed_task(method: str) -> None:
    reply = call(method).refuse(ProviderError("Too busy.", status=429), "request1")
    last = json.loads(reply.body.decode().strip().split("data: ")[-1])["result"]
    assert (reply.status, last["status"]["state"]) == (200, "failed")


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
