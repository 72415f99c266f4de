"""The bodies of A2A requests (JSON-RPC), as data; of both versions of the protocol.

Unknown members are skipped. Only types are checked here, the meaning is in `turnstream.dialects`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import UNSET, Struct, UnsetType

RpcId: TypeAlias = str | int | float | None


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
    message_id: str
    role: str
    context_id: str | None = None
    task_id: str | None = None
    metadata: dict[str, Any] | None = None


class SendConfiguration(Struct, rename="camel"):
    push_notification_config: Any = None
    task_push_notification_config: Any = None
    history_length: int | None = None
    blocking: bool | None = None
    return_immediately: bool | None = None


class SendParams(Struct, rename="camel"):
    message: Message
    configuration: SendConfiguration | None = None


class TaskParams(Struct, rename="camel"):
    id: str
    history_length: int | None = None


class ListParams(Struct, rename="camel"):
    context_id: str | None = None
    status: str | None = None
    page_size: int | None = None
    page_token: str | None = None
    history_length: int | None = None
    status_timestamp_after: str | None = None
    include_artifacts: bool | None = None


class PushAuthentication(Struct, rename="camel"):
    """0.3 has a list of schemes, 1.0 one."""

    schemes: list[str] | None = None
    scheme: str | None = None
    credentials: str | None = None


class PushConfig(Struct, rename="camel"):
    url: str
    id: str | None = None
    token: str | None = None
    authentication: PushAuthentication | None = None


class PushSetParams(Struct, rename="camel"):
    """Of 1.0 too, whose members are those of `PushConfig`."""

    task_id: str | None = None
    push_notification_config: Any = None


class PushParams(Struct, rename="camel"):
    """``id`` is the task's in 0.3, the configuration's in 1.0."""

    id: str | None = None
    task_id: str | None = None
    push_notification_config_id: str | None = None


class RpcRequest(Struct):
    """The body of ``POST /a2a/{agent}``: JSON-RPC 2.0. ``params`` depend on the method. A call without ``id`` is a
    notification."""

    method: Any = None
    params: Any = None
    id: RpcId | UnsetType = UNSET
    jsonrpc: Any = None
