"""The objects of A2A in both spellings: 0.3 (``kind``, ``working``) and 1.0 (wrapped, ``TASK_STATE_WORKING``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from turnstream import errors, messages, usage
from turnstream.dialects.base import json, media
from turnstream.dialects.body import bounded

Version = Literal["0.3", "1.0"]
RpcId = str | int | float | None
State = Literal["submitted", "working", "completed", "canceled", "failed"]

CARD_PATHS = ("/.well-known/agent-card.json", "/.well-known/agent.json")  # the second is that of 0.2


class File(Struct, rename="camel"):
    """0.3's file: its base64 or its address."""

    bytes: str | None = None
    uri: str | None = None
    mime_type: str | None = None
    name: str | None = None


class Part(Struct, rename="camel"):
    """A part of either version: the members say which kind it is."""

    text: str | None = None
    file: File | None = None
    data: Any = None
    raw: str | None = None
    url: str | None = None
    media_type: str | None = None
    filename: str | None = None


class Message(Struct, rename="camel"):
    parts: list[Part]
    role: str = "user"
    message_id: str = ""
    context_id: str | None = None
    task_id: str | None = None
    metadata: dict[str, Any] | None = None


class SendParams(Struct, rename="camel"):
    message: Message


class TaskParams(Struct):
    id: str


class RpcRequest(Struct):
    """The body of ``POST /a2a/{agent}``: JSON-RPC 2.0. ``params`` depend on the method."""

    method: str
    params: Any = None
    id: RpcId = None


def content(message: Message) -> messages.Content:
    if not message.parts:
        raise errors.RequestError("message.parts: there must be at least one part.", param="message.parts")
    parts = tuple(_part(part, f"message.parts[{at}]") for at, part in enumerate(message.parts))
    return messages.content_text(parts) if all(isinstance(part, messages.TextPart) for part in parts) else parts


def _part(part: Part, path: str) -> messages.ContentPart:
    if part.text is not None:
        return messages.TextPart(part.text)
    if part.data is not None:
        return messages.TextPart(json(bounded(part.data, path)).decode())
    file = part.file or File(part.raw, part.url, part.media_type, part.filename)
    mime = file.mime_type or "application/octet-stream"
    if file.bytes is not None:
        url = f"data:{mime};base64,{file.bytes}"
    elif file.uri is not None:
        url = file.uri
    else:
        raise errors.RequestError(f"{path}: has neither text, file nor data.", param=path, code="invalid_value")
    return media(mime, url, file.name)


# ------------------------------------------------------------------------------------------------------------- objects


class Task(Struct):
    """One run, and how its client asked for it. ``texts`` is its answer so far, ``failure`` what a client may know of
    why it failed."""

    id: str
    context_id: str
    version: Version = "0.3"
    rpc_id: RpcId = None
    stream: bool = False
    statuses: bool = True
    state: State = "submitted"
    texts: list[str] = []
    failure: str | None = None
    usage: dict[str, int] | None = None


def usage_object(usage: usage.Usage) -> dict[str, int]:
    """A2A has no word for it; these are AG-UI's and the AI SDK's."""
    return {"inputTokens": usage.input, "outputTokens": usage.output, "totalTokens": usage.total}


def text_part(text: str, version: Version) -> dict[str, Any]:
    return {"kind": "text", "text": text} if version == "0.3" else {"text": text}


def status(task: Task, version: Version, said: str | None = None) -> dict[str, Any]:
    """``said`` is a word of the agent about itself, for a person."""
    state = task.state if version == "0.3" else f"TASK_STATE_{task.state.upper()}"
    if said is None:
        return {"state": state}
    head: dict[str, Any] = {"kind": "message", "role": "agent"} if version == "0.3" else {"role": "ROLE_AGENT"}
    message = {**head, "messageId": f"{task.id}-status", "parts": [text_part(said, version)]}
    return {"state": state, "message": {**message, "taskId": task.id, "contextId": task.context_id}}


def task_object(task: Task, version: Version) -> dict[str, Any]:
    made: dict[str, Any] = {"kind": "task"} if version == "0.3" else {}
    made |= {"id": task.id, "contextId": task.context_id, "status": status(task, version, task.failure)}
    if task.usage is not None:
        made["metadata"] = {"usage": task.usage}
    if task.texts:
        parts = [text_part("".join(task.texts), version)]
        made["artifacts"] = [{"artifactId": f"{task.id}-answer", "name": "answer", "parts": parts}]
    return made


def card(name: str, description: str, base_url: str) -> dict[str, Any]:
    """A card that clients of both versions read: 1.0 looks at ``supportedInterfaces``, 0.3 at ``url``."""
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
        "capabilities": {"streaming": True, "pushNotifications": False},
        "defaultInputModes": ["text/plain", "image/*", "application/pdf"],
        "defaultOutputModes": ["text/plain"],
        "skills": [{"id": name, "name": name, "description": about, "tags": ["agent"]}],
    }


def rpc_result(id: RpcId, result: Mapping[str, Any]) -> bytes:
    return json({"jsonrpc": "2.0", "id": id, "result": result})


def rpc_error(id: RpcId, code: int, message: str) -> bytes:
    return json({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})


def known(agents: Mapping[str, str], name: str | None) -> str:
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
}

# What an agent need not offer, with the code by which it says so.
NOT_OFFERED: Mapping[str, tuple[int, str]] = {
    **dict.fromkeys(
        ("tasks/resubscribe", "SubscribeToTask"),
        (-32004, "A stream cannot be joined again: ask for the task until it has ended."),
    ),
    **dict.fromkeys(("tasks/list", "ListTasks"), (-32004, "Tasks are not listed: ask for one by its id.")),
    **dict.fromkeys(
        (
            *(f"tasks/pushNotificationConfig/{act}" for act in ("set", "get", "list", "delete")),
            *(f"{act}TaskPushNotificationConfig" for act in ("Create", "Get", "Delete")),
            "ListTaskPushNotificationConfigs",
        ),
        (-32003, "This agent sends no push notifications."),
    ),
    **dict.fromkeys(
        ("agent/getAuthenticatedExtendedCard", "GetExtendedAgentCard"),
        (-32007, "This agent has no card but the public one."),
    ),
}

VERSIONS: Sequence[str] = ("0.3", "1.0")
