"""The answers of this process that a Responses client can name: whole, or an item of one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from turnstream import errors, messages
from turnstream.dialects.responses_input import InputItem


class _Answer(Struct, frozen=True):
    """``messages`` are the conversation up to its end, ``output`` its items as the client got them."""

    messages: tuple[messages.Message, ...]
    output: tuple[dict[str, Any], ...]


class Memory:
    """The last ``limit`` answers."""

    def __init__(self, limit: int = 1000) -> None:
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._limit = limit

    def keep(self, id: str, conversation: Sequence[messages.Message], output: Sequence[dict[str, Any]]) -> None:
        """Instructions are the request's own and do not carry over, as with OpenAI."""
        said = tuple(message for message in conversation if not isinstance(message, messages.SystemMessage))
        self._answers[id] = _Answer(said, tuple(output))
        while len(self._answers) > self._limit:
            self._answers.popitem(last=False)

    def before(self, id: str | None) -> tuple[messages.Message, ...]:
        """The conversation that ``previous_response_id`` stands for."""
        if id is None:
            return ()
        if id not in self._answers:
            message = "previous_response_id: this server does not have that response, or no longer."
            raise errors.RequestError(
                message, param="previous_response_id", code="previous_response_not_found", status=404
            )
        return self._answers[id].messages

    def resolved(self, given: str | list[InputItem]) -> str | list[InputItem]:
        """The input with each ``item_reference`` as the item that it stands for."""
        if isinstance(given, str):
            return given
        return [
            self._item(item.id or "", f"input[{at}]") if item.type == "item_reference" else item
            for at, item in enumerate(given)
        ]

    def _item(self, id: str, path: str) -> InputItem:
        """An item's id is its kind, its answer's id without ``resp_``, and its place."""
        answer = self._answers.get("resp_" + id.partition("_")[2].rpartition("_")[0])
        for item in () if answer is None else answer.output:
            if item["id"] == id:
                return msgspec.convert(item, InputItem)
        text = f"{path}.id: this server does not have that item, or no longer."
        raise errors.RequestError(text, param=f"{path}.id", code="item_not_found", status=404)
