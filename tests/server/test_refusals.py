"""What is refused before the first byte is worded in the protocol that the client speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from a2a.compat.v0_3.types import JSONRPCErrorResponse
from anthropic.types import ErrorResponse

from tests.agent.scripted import Scripted, says
from tests.server.serving import Served, serving
from turnstream.agent import Agent
from turnstream.events import ProviderError

HI = {"role": "user", "content": "hi"}
UI = {"id": "1", "role": "user", "parts": [{"type": "text", "text": "hi"}]}
A2A = {"message": {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}}


def openai(body: Any) -> str:
    assert set(body["error"]) == {"message", "type", "param", "code"}
    return str(body["error"]["message"])


def anthropic(body: Any) -> str:
    if body["error"]["type"] != "request_too_large":  # the API's own, which the SDK's types lack
        ErrorResponse.model_validate(body)
    assert body["request_id"].startswith("req_")
    return str(body["error"]["message"])


def a2a(body: Any) -> str:
    return str(JSONRPCErrorResponse.model_validate(body).error.message)


def ag_ui(body: Any) -> str:
    assert set(body) == {"message", "code"}
    return str(body["message"])


def vercel(body: Any) -> str:
    assert isinstance(body, str)
    return body


# path, a body that asks the agent, and what reads the message of a refusal
DIALECTS: dict[str, tuple[str, dict[str, Any], Callable[[Any], str]]] = {
    "chat": ("/v1/chat/completions", {"messages": [HI]}, openai),
    "orchestrate": ("/orchestrate/chat/completions", {"messages": [HI]}, openai),
    "responses": ("/v1/responses", {"input": "hi"}, openai),
    "anthropic": ("/v1/messages", {"messages": [HI], "max_tokens": 9}, anthropic),
    "ag_ui": ("/ag-ui/agent", {"threadId": "t", "runId": "r", "messages": [{"id": "1", **HI}]}, ag_ui),
    "vercel": ("/vercel/agent", {"messages": [UI]}, vercel),
    "a2a": ("/a2a/agent", {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": A2A}, a2a),
}
FAILING = Agent(Scripted([ProviderError("Too busy.", status=429, retry_after=7)]))


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def post(served: Served, dialect: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], str]:
    path, asked, read = DIALECTS[dialect]
    async with asyncio.timeout(10):
        sent = asked if body is None else body
        data = {"data": sent} if isinstance(sent, bytes) else {"json": sent}
        async with served.client.post(served.url + path, headers=headers, **data) as response:
            is_json = response.content_type == "application/json"
            told = await response.json() if is_json else await response.text()
            return response.status, {name.lower(): value for name, value in response.headers.items()}, read(told)


async def test_a_wrong_key_is_refused_in_the_clients_protocol(dialect: str) -> None:
    async with serving(Agent(Scripted(says("hello"))), keys=("key-1",)) as served:
        status, headers, message = await post(served, dialect, x_api_key="wrong")
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert "API key" in message


async def test_a_method_that_is_not_allowed_is_refused_in_the_clients_protocol(dialect: str) -> None:
    path, _, read = DIALECTS[dialect]
    async with serving(FAILING) as served, served.client.get(served.url + path) as response:
        told = await response.json() if response.content_type == "application/json" else await response.text()
    assert response.status == 405
    assert read(told) == f"GET is not allowed for {path}."


async def test_a_body_that_is_too_large_is_refused_in_the_clients_protocol(dialect: str) -> None:
    async with serving(FAILING, max_body=10) as served:
        status, _, message = await post(served, dialect)
    assert (status, message) == (413, "The request body is larger than 10 bytes.")


async def test_a_body_that_is_not_json_is_refused_in_the_clients_protocol(dialect: str) -> None:
    async with serving(FAILING) as served:
        status, _, message = await post(served, dialect, b"{", content_type="application/json")
    assert status == (200 if dialect == "a2a" else 400)  # JSON-RPC has errors of its own
    assert "not valid JSON" in message


async def test_a_server_that_drains_says_so_in_the_clients_protocol(dialect: str) -> None:
    async with serving(FAILING) as served:
        served.server.state.draining = True
        status, headers, message = await post(served, dialect)
    assert (status, message) == (503, "The server is shutting down.")
    assert headers["retry-after"]


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "a2a"], indirect=True)
async def test_a_model_that_fails_at_once_is_told_in_the_clients_protocol(dialect: str) -> None:
    async with serving(FAILING) as served:
        status, headers, message = await post(served, dialect)
    assert (status, headers["retry-after"], message) == (429, "7", "Too busy.")


@pytest.mark.parametrize("method", ["message/send", "message/stream", "SendMessage", "SendStreamingMessage"])
async def test_a_model_that_fails_at_once_is_a_failed_task(method: str) -> None:
    async with serving(FAILING) as served:
        asked = {"jsonrpc": "2.0", "id": 7, "method": method, "params": A2A}
        async with served.client.post(f"{served.url}/a2a/agent", json=asked) as response:
            body = await response.text()
    assert (response.status, "event-stream" in response.content_type) == (200, "tream" in method)
    assert "Too busy." in body
    assert "failed" in body.lower()
    assert '"id":7' in body


async def test_outside_of_every_dialect_errors_are_openais() -> None:
    async with serving(FAILING) as served:
        status, _, body = await served.get("/nowhere")
    assert status == 404
    assert openai(body) == "There is nothing at /nowhere."
