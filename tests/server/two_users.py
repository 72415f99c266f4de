"""Every endpoint of the server, and a request to each as one of several users may send it.

Users share every name that a client may make up, and know every id that the server has told any of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from tests.agent.scripted import Box
from turnstream import Agent, messages, requests, toolspec
from turnstream.events import Finish, ModelEvent, TextDelta, ToolCallDelta, ToolCallStart
from turnstream.tools import wrap

SHARED = "shared"


class Asked(NamedTuple):
    """``word`` is the user's own, which no other may ever read; ``ref`` is a name or an id that somebody was told, of
    which ``item`` may be another."""

    word: str
    ref: str
    item: str

    @property
    def text(self) -> str:
        return f"pay {self.word}" if self.item.endswith(("0", "4", "8", "c")) else f"I am {self.word}"


class Case(NamedTuple):
    """``body`` makes that of a request, ``query`` what stands behind its path."""

    body: Callable[[Asked], Any] = lambda asked: None
    query: Callable[[Asked], str] = lambda asked: ""
    headers: Mapping[str, str] = {}


def user(asked: Asked) -> dict[str, Any]:
    return {"role": "user", "content": asked.text}


def rpc(asked: Asked) -> dict[str, Any]:
    """An A2A method, chosen by the item."""
    methods: list[tuple[str, dict[str, Any]]] = [
        ("message/send", {"message": part(asked, contextId=asked.ref)}),
        ("message/send", {"message": part(asked, taskId=asked.ref)}),
        ("message/stream", {"message": part(asked, contextId=SHARED)}),
        ("tasks/get", {"id": asked.ref}),
        ("tasks/cancel", {"id": asked.ref}),
        ("tasks/list", {"contextId": asked.ref}),
        ("ListTasks", {}),
        ("tasks/resubscribe", {"id": asked.ref}),
        ("tasks/pushNotificationConfig/list", {"id": asked.ref}),
    ]
    method, params = methods[sum(map(ord, asked.item)) % len(methods)]
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def part(asked: Asked, **more: str) -> dict[str, Any]:
    return {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": asked.text}], **more}


def ui(asked: Asked) -> dict[str, Any]:
    return {"role": "user", "parts": [{"type": "text", "text": asked.text}]}


def responses(asked: Asked) -> dict[str, Any]:
    forms: list[dict[str, Any]] = [
        {"input": asked.text, "previous_response_id": asked.ref},
        {"input": asked.text, "conversation": asked.ref},
        {"input": [{"type": "item_reference", "id": asked.ref}, user(asked)]},
        {"input": asked.text, "background": True},
        {"input": asked.text},
    ]
    return forms[sum(map(ord, asked.item)) % len(forms)]


SERVER_HISTORY = {"x-thread-history": "server", "x-thread-id": SHARED}
PAGE = Case(query=lambda asked: f"?before={asked.ref}&agent=helper")
CASES: dict[tuple[str, str], Case] = {
    ("POST", "/v1/chat/completions"): Case(lambda a: {"messages": [user(a)]}, headers=SERVER_HISTORY),
    ("POST", "/openai/deployments/{agent}/chat/completions"): Case(
        lambda a: {"messages": [user(a)]}, headers=SERVER_HISTORY
    ),
    ("POST", "/orchestrate/chat/completions"): Case(
        lambda a: {"messages": [user(a)], "thread_id": SHARED}, headers={"x-thread-history": "server"}
    ),
    ("POST", "/v1/responses"): Case(responses, headers={"idempotency-key": SHARED}),
    ("POST", "/v1/messages"): Case(
        lambda a: {"messages": [user(a)], "max_tokens": 99, "metadata": {"thread_id": SHARED}},
        headers={"x-thread-history": "server"},
    ),
    ("POST", "/v1/messages/count_tokens"): Case(lambda a: {"messages": [user(a)]}, headers=SERVER_HISTORY),
    ("POST", "/ag-ui/{agent}"): Case(
        lambda a: {"threadId": SHARED, "runId": a.ref, "messages": [{"id": "1", **user(a)}]}, headers=SERVER_HISTORY
    ),
    ("POST", "/ag-ui/{agent}/connect"): Case(lambda a: {"threadId": SHARED, "runId": a.ref, "messages": []}),
    ("POST", "/vercel/{agent}"): Case(lambda a: {"id": SHARED, "messages": [ui(a)]}, headers=SERVER_HISTORY),
    ("GET", "/vercel/{agent}/{chat}/stream"): Case(),
    ("POST", "/a2a/{agent}"): Case(rpc),
    ("POST", "/v1/runs"): Case(
        lambda a: {"input": a.text, "thread": SHARED, "on_disconnect": "go_on", "policy": "reject"},
        headers={"idempotency-key": SHARED},
    ),
    ("GET", "/v1/runs"): PAGE,
    ("GET", "/v1/runs/{run_id}"): Case(),
    ("GET", "/v1/runs/{run_id}/events"): Case(),
    ("GET", "/v1/runs/{run_id}/stream"): Case(),
    ("POST", "/v1/runs/{run_id}/cancel"): Case(),
    ("POST", "/v1/runs/{run_id}/answer"): Case(lambda a: {"answers": [{"code": a.item, "action": "approve"}]}),
    ("DELETE", "/v1/runs/{run_id}"): Case(),
    ("GET", "/v1/approvals"): Case(),
    ("GET", "/v1/approvals/{code}"): Case(),
    ("POST", "/v1/approvals/{code}"): Case(lambda a: {"action": "approve"}),
    ("GET", "/approve/{code}"): Case(),
    ("POST", "/approve/{code}"): Case(lambda a: {"action": "approve"}),
    ("GET", "/v1/responses/{response_id}"): Case(),
    ("GET", "/v1/responses/{response_id}/input_items"): Case(),
    ("POST", "/v1/responses/{response_id}/cancel"): Case(),
    ("DELETE", "/v1/responses/{response_id}"): Case(),
    ("POST", "/v1/conversations"): Case(lambda a: {"metadata": {"of": a.word}, "items": [user(a)]}),
    ("GET", "/v1/conversations/{conversation_id}"): Case(),
    ("POST", "/v1/conversations/{conversation_id}"): Case(lambda a: {"metadata": {"of": a.word}}),
    ("DELETE", "/v1/conversations/{conversation_id}"): Case(),
    ("GET", "/v1/conversations/{conversation_id}/items"): Case(query=lambda a: f"?after={a.item}"),
    ("POST", "/v1/conversations/{conversation_id}/items"): Case(lambda a: {"items": [user(a)]}),
    ("GET", "/v1/conversations/{conversation_id}/items/{item_id}"): Case(),
    ("DELETE", "/v1/conversations/{conversation_id}/items/{item_id}"): Case(),
    ("GET", "/v1/threads"): PAGE,
    ("GET", "/v1/threads/{thread_id}"): Case(),
    ("POST", "/v1/threads/{thread_id}"): Case(lambda a: {"title": f"of {a.word}"}),
    ("GET", "/v1/threads/{thread_id}/messages"): Case(),
    ("POST", "/v1/threads/{thread_id}/fork"): Case(lambda a: {"length": 1, "id": a.item}),
    ("POST", "/v1/threads/{thread_id}/rewind"): Case(lambda a: {"length": 1}),
    ("DELETE", "/v1/threads/{thread_id}"): Case(),
    ("DELETE", "/v1/threads"): Case(),
    ("GET", "/v1/models"): Case(),
    ("GET", "/v1/models/{model:path}"): Case(),
    ("GET", "/playground/settings"): Case(),
    ("POST", "/playground/wires/{name}"): Case(lambda a: {"body": {"messages": [user(a)]}, "events": []}),
    ("POST", "/playground/model"): Case(lambda a: {"input": a.text, "thread": SHARED}),
}
# The same for everybody, and without a key.
PUBLIC = {
    *(("GET", path) for path in ("/healthz", "/health", "/readyz", "/openapi.json", "/docs", "/", "/icon.svg")),
    *(("GET", f"/assets/{name}") for name in ("docs.js", "swagger-ui.js", "swagger-ui.css", "index.js", "index.css")),
    *(("GET", f"/a2a/{{agent}}/.well-known/{name}") for name in ("agent-card.json", "agent.json")),
    *(("GET", f"/.well-known/{name}") for name in ("agent-card.json", "agent.json")),
}
# What concerns all, which a user is refused.
OPERATORS = {
    ("GET", "/admin/runs"),
    ("POST", "/admin/runs/{run_id}/cancel"),
    ("POST", "/admin/reload"),
    ("GET", "/metrics"),
}


class Echo:
    """Says of whom it hears. Somebody who wants to pay has to wait for an answer first."""

    name = "echo"

    @asynccontextmanager
    async def stream(
        self, request: requests.ModelRequest, context: requests.RunContext | None = None
    ) -> AsyncIterator[AsyncIterator[list[ModelEvent]]]:
        async def batches() -> AsyncIterator[list[ModelEvent]]:
            last = request.messages[-1]
            if isinstance(last, messages.UserMessage) and "pay" in str(last.content) and request.tools:
                arguments = json.dumps({"for": str(last.content)})
                yield [ToolCallStart(0, "call_0", "pay"), ToolCallDelta(0, arguments), Finish("tool_calls")]
            else:
                heard = sorted(set(re.findall("<[^<>]+>", repr(request.messages))))
                yield [TextDelta(f"I heard {heard}"), Finish("stop")]

        yield batches()


async def pay(call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
    return toolspec.ToolOutput(f"paid {call.arguments} of {context.principal.name}")


def agent() -> Agent:
    return Agent(Echo(), [wrap.Approved(Box(pay=pay), ["pay"])], name="helper")


def paths(application: Any) -> set[tuple[str, str]]:
    """Method and path of each endpoint, whoever serves it."""
    application = application._versions.current.app
    while not hasattr(application, "_api"):
        application = application._app
    rows = {(route.method, route.path) for route, _ in application._table.rows}
    own = {(method, route.path) for route in application._api.api.routes for method in route.methods}
    return {(method, path) for method, path in rows | own if method != "HEAD"}


_ID = re.compile(r'"(?:id|contextId|taskId|run_id|thread_id|conversation_id)": ?"([^"\\]{1,80})"')
_CODE = re.compile(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b")  # of a question that waits


def ids(answer: str) -> Iterator[str]:
    """What a client learns to name."""
    yield from _ID.findall(answer)
    yield from _CODE.findall(answer)
