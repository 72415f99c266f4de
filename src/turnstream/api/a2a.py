"""The bodies of A2A requests (JSON-RPC), as data; of both versions of the protocol.

Unknown members are skipped. Only types are checked here, the meaning is in `turnstream.dialects`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct

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
