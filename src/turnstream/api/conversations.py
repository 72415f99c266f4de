"""The bodies of OpenAI's requests about conversations."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from turnstream.api.responses import InputItem

MOST_ITEMS = 20
Metadata = Annotated[dict[Annotated[str, Meta(max_length=64)], Any], Meta(max_length=16)]


class ConversationBody(Struct):
    """``POST /v1/conversations``, and ``POST /v1/conversations/{id}``, which has no items."""

    items: list[InputItem] | None = None
    metadata: Metadata | None = None


class ItemsBody(Struct):
    """``POST /v1/conversations/{id}/items``."""

    items: list[InputItem]
