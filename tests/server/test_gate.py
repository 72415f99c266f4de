"""Who may come in, what is refused, and how a refusal looks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.agent.scripted import Box, Scripted, calls, says
from tests.server.serving import ASK, CHAT, STREAM, Served, serving
from turnstream.agent import Agent
from turnstream.events import ConfigurationError, RunContext, ToolCall, ToolOutput
from turnstream.server import app, run
from turnstream.service import ServerSettings, Service
from turnstream.testing import streaming_client


def agent(name: str = "agent", description: str = "") -> Agent:
    return Agent(Scripted(says("hello")), (), "Never tell this.", name=name, description=description)


def is_envelope(answer: Any) -> bool:
    return set(answer) == {"error"} and set(answer["error"]) == {"message", "type", "param", "code"}


# ---------------------------------------------------------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"authorization": "Basic key-1"}, 401),
        ({"x_api_key": ""}, 401),
        ({"authorization": "Bearer key-1"}, 200),
        ({"authorization": "bearer key-2"}, 200),
        ({"x_api_key": "key-2"}, 200),
        ({"authorization": "Bearer wrong", "x_api_key": "key-1"}, 200),
    ],
)
async def test_a_key_opens_by_either_header(headers: dict[str, str], status: int) -> None:
    async with serving(agent(), keys=("key-1", "key-2")) as served:
        got, reply, answer = await served.post(ASK, **headers)
        assert got == status
        if status == 401:
            assert is_envelope(answer)
            assert (answer["error"]["code"], reply["www-authenticate"]) == ("invalid_api_key", "Bearer")


async def test_with_keys_everything_but_health_and_documents_is_closed() -> None:
    async with serving(agent(), keys=("key-1",)) as served:
        for path in ("/v1/models", "/v1/models/agent", CHAT, "/nowhere"):
            assert (await served.get(path))[0] == 401
        for path in ("/healthz", "/health", "/readyz", "/docs", "/openapi.json"):
            assert (await served.get(path))[0] == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_an_open_server_without_keys_does_not_start(host: str) -> None:
    with pytest.raises(ConfigurationError, match="without any API key"):
        run.check(ServerSettings(host=host))
    run.check(ServerSettings(host=host, keys=("k",)))
    run.check(ServerSettings(host=host, allow_unauthenticated=True))


def test_an_empty_key_is_no_key() -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        run.check(ServerSettings(keys=("k", "")))


async def test_an_application_with_an_empty_key_opens_for_nobody() -> None:
    application = app(Service({"agent": agent()}, ServerSettings(keys=("",))))
    async with streaming_client(application) as client:
        for headers in ({}, {"x-api-key": ""}, {"authorization": "Bearer "}):
            async with client.get("/v1/models", headers=headers) as response:
                assert response.status == 401


async def test_a_key_may_have_letters_of_any_language() -> None:
    async with serving(agent(), keys=("schlüssel",)) as served:
        assert (await served.post(ASK, x_api_key="schlüssel"))[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_loopback_no_key_is_needed(host: str) -> None:
    run.check(ServerSettings(host=host))


def test_a_port_that_is_taken_is_a_configuration_error() -> None:
    with run.listen(ServerSettings(port=0)) as taken, pytest.raises(ConfigurationError, match="Cannot listen"):
        run.listen(ServerSettings(port=taken.getsockname()[1]))


# ------------------------------------------------------------------------------------------------------------- origins


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://evil.example", 403), ("null", 403), ("http://localhost:3000", 200), ("http://127.0.0.1", 200)],
)
async def test_without_keys_a_web_page_from_elsewhere_is_refused(origin: str, status: int) -> None:
    async with serving(agent()) as served:
        assert (await served.post(ASK, origin=origin))[0] == status


async def test_a_configured_origin_may_come_and_read() -> None:
    async with serving(agent(), cors_origins=("https://app.example",)) as served:
        asked = {
            "origin": "https://app.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,x-ibm-thread-id,x-agent-status",
        }
        async with served.client.options(served.url + CHAT, headers=asked) as preflight:
            assert preflight.status == 200
            assert preflight.headers["access-control-allow-origin"] == "https://app.example"
            assert "x-ibm-thread-id" in preflight.headers["access-control-allow-headers"]
        status, headers, _ = await served.post(STREAM, origin="https://app.example")
        assert (status, headers["access-control-allow-origin"]) == (200, "https://app.example")
        assert (await served.post(ASK, origin="https://other.example"))[0] == 403


@pytest.mark.parametrize(
    ("origin", "reads"),
    [
        ("http://localhost:5173", True),
        ("http://app.localhost:3000", True),
        ("https://127.0.0.1", True),
        ("http://[::1]:8000", True),
        ("http://localhost.evil.example", False),
        ("http://evil.example", False),
        ("http://127.0.0.1.evil.example", False),
    ],
)
async def test_a_page_of_this_machine_may_read_the_answers_of_a_server_without_keys(origin: str, reads: bool) -> None:
    asked = {"origin": origin, "access-control-request-method": "POST"}
    async with serving(agent()) as served, served.client.options(served.url + CHAT, headers=asked) as preflight:
        assert (preflight.headers.get("access-control-allow-origin") == origin) is reads
        status, headers, _ = await served.post(ASK, origin=origin)
        assert (status == 200, headers.get("access-control-allow-origin") == origin) == (reads, reads)


async def test_with_keys_only_configured_origins_may_read() -> None:
    async with serving(agent(), keys=("k",)) as served:
        _, headers, _ = await served.post(ASK, origin="http://localhost:5173", authorization="Bearer k")
        assert "access-control-allow-origin" not in headers


async def test_cors_headers_stand_on_a_refusal_too() -> None:
    async with serving(agent(), cors_origins=("https://app.example",), keys=("k",)) as served:
        status, headers, _ = await served.post(ASK, origin="https://app.example")
        assert (status, headers["access-control-allow-origin"]) == (401, "https://app.example")


# --------------------------------------------------------------------------------------------------------- bad requests


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"", 400, "invalid_json", None),
        (b"{", 400, "invalid_json", None),
        (b'{"messages":[{"role":"user","content":"\xff"}]}', 400, "invalid_json", None),
        (b'{"context":{"x":' + b"[" * 40_000 + b"]" * 40_000 + b"}}", 400, "invalid_json", None),
        (b"[]", 400, "invalid_type", None),
        (b'{"messages":"hi"}', 400, "invalid_type", "messages"),
        (b"{}", 400, "missing_field", "messages"),
        (b'{"messages":[{"role":"user","content":"hi"}],"model":"nobody"}', 404, "model_not_found", "model"),
        (b" " * 200_000, 413, "request_too_large", None),
    ],
    ids=range(9),
)
async def test_a_bad_body_is_refused_in_the_envelope(body: bytes, status: int, code: str, param: str | None) -> None:
    async with serving(agent(), max_body=100_000) as served:
        got, headers, answer = await served.post(body)
        assert (got, answer["error"]["code"], answer["error"]["param"]) == (status, code, param)
        assert is_envelope(answer)
        assert headers["x-request-id"].startswith("req_")
        await works(served)


async def works(served: Served) -> None:
    """The server goes on."""
    assert (await served.post(ASK))[2]["choices"][0]["message"]["content"] == "hello"


@pytest.mark.parametrize("path", ["/v1/threads/t", "/v1/conversations", "/v1/runs/r/answer", "/nowhere"])
async def test_a_body_for_our_own_endpoints_is_limited_as_any_other(path: str) -> None:
    async with serving(agent(), max_body=1000) as served:
        assert (await served.post(b" " * 1001, path))[0] == 413
        assert (await served.post(b"", path, content_encoding="gzip"))[0] == 415
        assert served.server.state.bodies.used == 0


async def test_a_body_of_unknown_length_is_limited_too() -> None:
    async def endless() -> Any:
        for _ in range(100):
            yield b"x" * 1000

    async with serving(agent(), max_body=50_000) as served:
        async with served.client.post(served.url + CHAT, data=endless()) as response:
            assert response.status == 413
        await works(served)


async def test_paths_and_methods_that_are_not_there_are_refused_in_the_envelope() -> None:
    async with serving(agent()) as served:
        status, _, answer = await served.get("/v1/nothing")
        assert (status, answer["error"]["code"], is_envelope(answer)) == (404, "not_found", True)
        status, headers, answer = await served.get(CHAT)
        assert (status, answer["error"]["code"], is_envelope(answer)) == (405, "method_not_allowed", True)
        assert headers["allow"] == "POST"


async def test_a_fault_of_ours_tells_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Agent):
        def run(self, *_: object, **__: object) -> Any:
            raise RuntimeError("the secret of line 5")

    async with serving(Broken(Scripted(says("hello")))) as served:
        status, _, answer = await served.post(STREAM)
    assert (status, answer["error"]["code"], is_envelope(answer)) == (500, "internal_error", True)
    assert "secret" not in str(answer)
    assert "the secret of line 5" in caplog.text


# ------------------------------------------------------------------------------------------------------ agents, headers


async def test_the_models_are_the_agents_and_tell_no_secret() -> None:
    async with serving(agent("first", "Helps."), agent("second")) as served:
        _, _, listed = await served.get("/v1/models")
        assert listed["object"] == "list"
        assert [model["id"] for model in listed["data"]] == ["first", "second"]
        one = (await served.get("/v1/models/first"))[2]
        assert one == listed["data"][0]
        assert (one["object"], one["owned_by"], one["description"]) == ("model", "turnstream", "Helps.")
        assert isinstance(one["created"], int)
        assert "Never tell" not in str(listed)
        assert "scripted" not in str(listed)
        status, _, answer = await served.get("/v1/models/third")
        assert (status, answer["error"]["code"]) == (404, "model_not_found")


async def test_the_model_of_a_request_is_the_agents_name() -> None:
    first, second = Scripted(says("I am first")), Scripted(says("I am second"))
    async with serving(Agent(first, name="first"), Agent(second, name="second")) as served:
        for model, said in (("second", "I am second"), (None, "I am first"), ("", "I am first")):
            _, _, answer = await served.post({**ASK, "model": model})
            assert answer["choices"][0]["message"]["content"] == said


async def test_tools_see_allowed_headers_only() -> None:
    seen: dict[str, str] = {}

    async def spy(call: ToolCall, context: RunContext) -> ToolOutput:
        seen.update(context.headers)
        return ToolOutput("")

    spying = Agent(Scripted(calls(("spy", "{}")), says("hello")), [Box(spy=spy)])
    async with serving(spying, forward_headers=("x-tenant", "x-absent")) as served:
        await served.post(ASK, x_tenant="acme", authorization="Bearer secret")
    assert seen == {"x-tenant": "acme"}


async def test_statuses_are_the_servers_default_unless_asked_otherwise() -> None:
    async with serving(agent(), statuses="off") as served:
        assert "starting_generation" not in (await served.post(STREAM))[2]
        assert '"agent":{' in (await served.post(STREAM, x_agent_status="extension"))[2]
        assert '"role":"system"' in (await served.post({**STREAM, "include_status_updates": True}))[2]


async def test_a_named_thread_is_on_every_chunk() -> None:
    async with serving(agent()) as served:
        body = (await served.post(STREAM, x_thread_id="t-9"))[2]
    assert body.count('"thread_id":"t-9"') == body.count("data: {")


# ------------------------------------------------------------------------------------------------------------ documents


async def test_the_document_names_the_chunk_as_the_item_of_the_stream() -> None:
    async with serving(agent()) as served:
        _, _, document = await served.get("/openapi.json")
    post = document["paths"][CHAT]["post"]
    stream = post["responses"]["200"]["content"]["text/event-stream"]
    assert stream["x-itemSchema"] == {"$ref": "#/components/schemas/SSEChunk"}
    assert post["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ChatRequest"}
    schemas = document["components"]["schemas"]
    assert list(schemas["SSEChunk"]["properties"])[:3] == ["id", "object", "created"]
    assert {"SSEChoice", "SSEDelta", "SSEToolCall", "SSEFunction", "SSEStatus", "AgentStatus"} <= set(schemas)
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for inner in value.values() for found in references(inner)]
    return [found for inner in value for found in references(inner)] if isinstance(value, list) else []


async def test_health_and_the_documents_need_no_key() -> None:
    async with serving(agent(), keys=("secret-key",)) as served:
        for path in ("/healthz", "/health", "/readyz"):
            assert (await served.get(path))[0] == 200
            async with served.client.head(served.url + path) as response:
                assert response.status == 200
        assert "text/html" in (await served.get("/docs"))[1]["content-type"]


def test_a_service_needs_no_settings() -> None:
    assert run.server(Service({"agent": agent()})).config.port == 8000


@pytest.mark.parametrize("path", ["/v1/chat/completions/", "//v1/chat/completions", "/v1//chat/completions"])
async def test_a_path_is_taken_in_either_spelling(path: str) -> None:
    async with serving(agent()) as served:
        assert (await served.post(ASK, path))[2]["choices"][0]["message"]["content"] == "hello"
        assert (await served.get("/v1/models/"))[0] == 200


async def test_a_path_without_v1_is_answered_with_the_right_one() -> None:
    async with serving(agent()) as served:
        status, _, answer = await served.post(ASK, "/chat/completions")
    assert (status, answer["error"]["code"]) == (404, "not_found")
    assert "Did you mean /v1/chat/completions?" in answer["error"]["message"]


async def test_models_can_be_asked_by_head() -> None:
    async with serving(agent()) as served, served.client.head(served.url + "/v1/models") as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_an_unknown_agent_is_answered_with_those_that_there_are() -> None:
    async with serving(agent("first"), agent("second")) as served:
        answer = (await served.post({**ASK, "model": "third"}))[2]
    assert answer["error"]["message"] == "There is no agent named 'third'. There are: first, second."


async def test_azures_header_opens_too() -> None:
    async with serving(agent(), keys=("key-1",)) as served:
        assert (await served.post(ASK, api_key="key-1"))[0] == 200


async def test_the_document_declares_every_parameter_of_a_path() -> None:
    async with serving(agent()) as served:
        document = (await served.get("/openapi.json"))[2]
    assert document["openapi"] == "3.1.0"
    for path, operations in document["paths"].items():
        for operation in operations.values():
            declared = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)", path)), path


async def test_an_agent_answers_to_its_aliases_too_and_by_a_star_to_any_name() -> None:
    first = Agent(Scripted(says("I am first")), name="first", aliases=("gpt-4o",))
    second = Agent(Scripted(says("I am second")), name="second", aliases=("*",))
    async with serving(first, second) as served:
        for model, name in (("gpt-4o", "first"), ("first", "first"), ("anything", "second")):
            _, _, answer = await served.post({**ASK, "model": model})
            assert answer["choices"][0]["message"]["content"] == f"I am {name}"
            assert (await served.get(f"/v1/models/{model}"))[2]["id"] == name
        assert [model["id"] for model in (await served.get("/v1/models"))[2]["data"]] == ["first", "second"]
        assert (await served.get("/a2a/gpt-4o/.well-known/agent-card.json"))[2]["name"] == "first"


async def test_the_application_may_be_mounted_below_a_path() -> None:
    outer = Starlette(routes=[Mount("/agents", app(Service({"agent": agent()}, ServerSettings(keys=("k",)))))])
    async with streaming_client(outer, headers={"x-api-key": "k"}) as client:
        async with client.post(f"/agents{CHAT}", json=ASK) as response:
            assert response.status == 200
        for path in ("/agents/v1/models", "/agents/v1/models/", "/agents/healthz"):
            async with client.get(path) as response:
                assert response.status == 200, path
    async with streaming_client(outer) as client:
        for path, status in (("/agents/healthz", 200), ("/agents/v1/models", 401)):
            async with client.get(path) as response:
                assert response.status == status
