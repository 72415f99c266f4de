"""The objects of A2A in both spellings: 0.3 (``kind``, ``working``) and 1.0 (wrapped, ``TASK_STATE_WORKING``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from turnstream import errors, events, jsontext, protocols, usage
from turnstream.api.a2a import RpcId
from turnstream.dialects import asking

Version = Literal["0.3", "1.0"]
State = Literal["submitted", "working", "input-required", "completed", "canceled", "failed"]

CARD_PATHS = ("/.well-known/agent-card.json", "/.well-known/agent.json")  # the second is that of 0.2


# ------------------------------------------------------------------------------------------------------------- objects


class Task(Struct):
    """One run as its client sees it. ``texts`` is its answer so far, ``failure`` what a client may know of why it
    failed."""

    id: str
    context_id: str
    state: State = "submitted"
    texts: list[str] = []
    failure: str | None = None
    message_id: str = ""  # of the status message that says so
    asked: str = ""  # what it waits for
    usage: dict[str, int] | None = None
    changed_at: float | None = None  # seconds since the epoch; told in lists alone


def read_task(state: protocols.RunState) -> Task:
    """A run that the server has kept."""
    task = Task(state.id, state.thread or "")
    if state.shown:
        task = msgspec.json.decode(state.shown, type=Task)
    if state.status == "waiting" and isinstance(state.ending, events.RunWaiting):
        task.state, task.asked = "input-required", asking.message(state.ending)
    if state.status == "cancelled":
        task.state = "canceled"
    return task


OPEN = ("submitted", "working", "input-required")  # the states of a task that has not ended


def usage_object(usage: usage.Usage) -> dict[str, int]:
    """A2A has no word for it; these are AG-UI's and the AI SDK's."""
    return {"inputTokens": usage.input, "outputTokens": usage.output, "totalTokens": usage.total}


def text_part(text: str, version: Version) -> dict[str, Any]:
    return {"kind": "text", "text": text} if version == "0.3" else {"text": text}


def status(task: Task, version: Version, sentence: str | None = None, message_id: str = "") -> dict[str, Any]:
    """``sentence`` is what the agent says about itself, for a person."""
    state = task.state if version == "0.3" else f"TASK_STATE_{task.state.upper().replace('-', '_')}"
    shown: dict[str, Any] = {"state": state}
    if task.changed_at is not None:
        shown["timestamp"] = timestamp(task.changed_at)
    if sentence is None:
        return shown
    head: dict[str, Any] = {"kind": "message", "role": "agent"} if version == "0.3" else {"role": "ROLE_AGENT"}
    message = {**head, "messageId": message_id, "parts": [text_part(sentence, version)]}
    return {**shown, "message": {**message, "taskId": task.id, "contextId": task.context_id}}


def timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(int(seconds), UTC), usegmt=True)


def task_object(task: Task, version: Version) -> dict[str, Any]:
    described: dict[str, Any] = {"kind": "task"} if version == "0.3" else {}
    waits = task.state == "input-required"
    described |= {
        "id": task.id,
        "contextId": task.context_id,
        "status": status(task, version, task.asked if waits else task.failure, task.message_id),
    }
    if task.usage is not None:
        described["metadata"] = {"usage": task.usage}
    if task.texts:
        parts = [text_part("".join(task.texts), version)]
        described["artifacts"] = [{"artifactId": f"{task.id}-answer", "name": "answer", "parts": parts}]
    return described


def card(name: str, description: str, base_url: str, *, secured: bool = False, pushes: bool = False) -> dict[str, Any]:
    """A card that clients of both versions read: 1.0 looks at ``supportedInterfaces``, 0.3 at ``url``. ``secured`` says
    that a key is asked, ``pushes`` that others can be told of tasks."""
    url = f"{base_url.rstrip('/')}/a2a/{name}"
    versions = [{"url": url, "protocolBinding": "JSONRPC", "protocolVersion": version} for version in ("1.0", "0.3.0")]
    about = description or f"The agent {name}."
    return {
        "name": name,
        "description": about,
        "version": "1.0.0",
        "protocolVersion": "0.3.0",
        "url": url,
        "preferredTransport": "JSONRPC",
        "supportedInterfaces": versions,
        "capabilities": {"streaming": True, "pushNotifications": pushes},
        "defaultInputModes": ["text/plain", "image/*", "application/pdf"],
        "defaultOutputModes": ["text/plain"],
        "skills": [{"id": name, "name": name, "description": about, "tags": ["agent"]}],
        **(_SECURITY if secured else {}),
    }


# Either will do. A scheme has the members of both versions: 0.3 tells the kinds apart by ``type``, 1.0 by the member.
_SECURITY = {
    "securitySchemes": {
        "bearer": {"type": "http", "scheme": "bearer", "httpAuthSecurityScheme": {"scheme": "bearer"}},
        "apiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "apiKeySecurityScheme": {"location": "header", "name": "X-API-Key"},
        },
    },
    "security": [{"bearer": []}, {"apiKey": []}],
    "securityRequirements": [{"schemes": {"bearer": {"list": []}}}, {"schemes": {"apiKey": {"list": []}}}],
}


def rpc_result(id: RpcId, result: Any) -> bytes:
    return jsontext.encode({"jsonrpc": "2.0", "id": id, "result": result})


REASONS: Mapping[int, str] = {
    -32001: "TASK_NOT_FOUND",
    -32002: "TASK_NOT_CANCELABLE",
    -32003: "PUSH_NOTIFICATION_NOT_SUPPORTED",
    -32004: "UNSUPPORTED_OPERATION",
    -32007: "EXTENDED_AGENT_CARD_NOT_CONFIGURED",
    -32009: "VERSION_NOT_SUPPORTED",
}


def rpc_error(id: RpcId, code: int, message: str, version: Version = "0.3") -> bytes:
    """1.0 wants to be told A2A's own errors by a reason too (section 9.5)."""
    error: dict[str, Any] = {"code": code, "message": message}
    if version == "1.0" and code in REASONS:
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": REASONS[code]}
        error["data"] = [{**info, "domain": "a2a-protocol.org"}]
    return jsontext.encode({"jsonrpc": "2.0", "id": id, "error": error})


def find_agent(agents: Mapping[str, str], name: str | None) -> str:
    """The agent of that name, the first without one."""
    if name is None and agents:
        return next(iter(agents))
    if name is None or name not in agents:
        text = f"There is no agent named '{(name or '')[:100]}'."
        raise errors.RequestError(text, code="model_not_found", status=404)
    return name


METHODS: Mapping[str, tuple[str, Version]] = {
    "message/send": ("send", "0.3"),
    "message/stream": ("stream", "0.3"),
    "tasks/get": ("get", "0.3"),
    "tasks/cancel": ("cancel", "0.3"),
    "SendMessage": ("send", "1.0"),
    "SendStreamingMessage": ("stream", "1.0"),
    "GetTask": ("get", "1.0"),
    "CancelTask": ("cancel", "1.0"),
    "tasks/resubscribe": ("join", "0.3"),
    "SubscribeToTask": ("join", "1.0"),
    "ListTasks": ("list", "1.0"),
}

# What an agent need not offer, with the code by which it says so.
NOT_OFFERED: Mapping[str, tuple[int, str]] = {
    "tasks/list": (-32004, "Tasks are listed by ListTasks, of A2A 1.0."),
    **dict.fromkeys(
        ("agent/getAuthenticatedExtendedCard", "GetExtendedAgentCard"),
        (-32007, "This agent has only its public card."),
    ),
}

VERSIONS: Sequence[str] = ("0.3", "1.0")
