"""What one model call came to: its message for the history, and whose tools it asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from turnstream import events, jsontext, messages
from turnstream.agent.step_calls import StepCalls
from turnstream.parsing.collect import Collector

_TRUNCATED = "it was truncated by the output token limit"
_NAMELESS = "unreadable_call"
_DECODER = json.JSONDecoder()
_MARKERS = re.compile(r"(?:\s|</?[\w:]{1,60}>|<[|｜][^|｜<>]{1,60}[|｜]>)*+")
_NOT_JSON = "its arguments are not a JSON object"


class StepResult(Struct, frozen=True):
    """``server_calls`` are those that the run answers, malformed ones included; ``client_calls`` are
    left to the client."""

    message: messages.AssistantMessage
    server_calls: tuple[messages.ToolCall, ...]
    client_calls: tuple[messages.ToolCall, ...]
    finish: events.FinishReason

    @classmethod
    def of(
        cls,
        collector: Collector,
        step_calls: StepCalls | None,
        client_tools: Collection[str],
        *,
        with_calls: bool = True,
    ) -> StepResult:
        """Without ``step_calls`` there are none that anybody wants."""
        finish = collector.finish.reason if collector.finish else "unknown"
        if not collector.has_calls:
            return cls(collector.message(), (), (), _final_reason(finish, [], with_calls))
        parts: list[messages.AssistantPart] = []
        calls: list[messages.ToolCall] = []
        said = collector.message().parts
        for part in said:
            if not isinstance(part, messages.ToolCall):
                parts.append(part)
            elif with_calls and step_calls is not None:
                named = msgspec.structs.replace(part, id=step_calls.id_of(part.id))
                call = _check(named, finish, is_last=part is said[-1])
                calls.append(call)
                parts.append(_for_history(call))
        left: tuple[messages.ToolCall, ...] = ()
        if client_tools:
            left = tuple([call for call in calls if call.malformed is None and call.name in client_tools])
        own = tuple([call for call in calls if call not in left]) if left else tuple(calls)
        message = messages.AssistantMessage(tuple(parts))
        return cls(message, own, left, _final_reason(finish, calls, with_calls))


class Rest(Struct, frozen=True):
    """What is left of a step: its ``calls``, and what follows from their results. ``known`` and ``asks`` are as
    `Execution` is given them."""

    result: StepResult
    calls: Sequence[messages.ToolCall] = ()
    known: Mapping[str, events.ToolResult] = {}
    asks: Sequence[events.Ask] = ()


def _final_reason(finish: events.FinishReason, calls: list[messages.ToolCall], with_calls: bool) -> events.FinishReason:
    """A vendor's "tool_calls" without a call, or with calls that are not wanted, is a plain end."""
    return "stop" if finish == "tool_calls" and not (calls and with_calls) else finish


def _check(call: messages.ToolCall, finish: events.FinishReason, *, is_last: bool) -> messages.ToolCall:
    """A call without parameters has the arguments ``{}``, unless the answer was cut off before they came; one whose
    arguments are not a JSON object is malformed."""
    if call.malformed is not None:
        return call
    if not call.arguments.strip():
        if is_last and finish == "length":
            return msgspec.structs.replace(call, malformed=_TRUNCATED)
        return msgspec.structs.replace(call, arguments="{}")
    try:
        jsontext.decode(call.arguments, dict[str, msgspec.Raw])
    except ValueError:
        whole = _read_object(call.arguments)
        if whole is not None:
            return msgspec.structs.replace(call, arguments=json.dumps(whole, ensure_ascii=False))
        return msgspec.structs.replace(call, malformed=_TRUNCATED if finish == "length" else _NOT_JSON)
    return call


def _read_object(arguments: str) -> dict[str, Any] | None:
    """The object that arguments mean which are not just one: with half of a surrogate pair, encoded twice, empty,
    behind a placeholder, said twice, or with the markers of the model's own format left behind them."""
    text = arguments.strip()
    if text.startswith("{}"):
        text = text[2:].lstrip() or text
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    first = text[:end]
    while text.startswith(first, end):
        end += len(first)
    if not _MARKERS.fullmatch(text, end):
        return None
    if isinstance(value, str):
        return jsontext.decode_object(value) or None
    return {} if value in (None, []) else jsontext.decode_object(first)


def _for_history(call: messages.ToolCall) -> messages.ToolCall:
    """Vendors refuse a history with broken arguments or a call without a name; the tool result beside it tells the
    model what it wrote.
    """
    if call.malformed is None:
        return call
    return msgspec.structs.replace(call, name=call.name or _NAMELESS, arguments="{}")
