"""What one model call came to: its message for the history, and whose tools it asks for."""

from __future__ import annotations

import json
from collections.abc import Collection

import msgspec
from msgspec import Struct

from turnstream.events import AssistantMessage, AssistantPart, FinishReason, ToolCall
from turnstream.parsing.collect import Collector

_CUT_OFF = "it was cut off by the limit on the length of the answer"
_NAMELESS = "unreadable_call"
_NOT_JSON = "its arguments are not a JSON object"


class Answer(Struct, frozen=True):
    """``ours`` are the calls that the run answers, broken ones included; ``theirs`` are those left to the client."""

    message: AssistantMessage
    ours: tuple[ToolCall, ...]
    theirs: tuple[ToolCall, ...]
    finish: FinishReason

    @classmethod
    def of(
        cls, collector: Collector, *, prefix: str, used: set[str], theirs: Collection[str], with_calls: bool = True
    ) -> Answer:
        """``used`` are the call ids of the conversation so far: each call gets one of its own, the model's if it
        can."""
        finish = collector.finish.reason if collector.finish else "unknown"
        parts: list[AssistantPart] = []
        calls: list[ToolCall] = []
        for part in collector.message().parts:
            if not isinstance(part, ToolCall):
                parts.append(part)
            elif with_calls:
                call = _checked(part, finish)
                if not call.id or call.id in used:
                    call = msgspec.structs.replace(call, id=f"{prefix}_{len(calls)}")
                used.add(call.id)
                calls.append(call)
                parts.append(_for_history(call))
        left = tuple(call for call in calls if call.malformed is None and call.name in theirs)
        ours = tuple(call for call in calls if call not in left)
        return cls(AssistantMessage(tuple(parts)), ours, left, _settled(finish, calls, with_calls))


def _settled(finish: FinishReason, calls: list[ToolCall], with_calls: bool) -> FinishReason:
    """A vendor's "tool_calls" without a call, or with calls that are not wanted, is a plain end."""
    return "stop" if finish == "tool_calls" and not (calls and with_calls) else finish


def _checked(call: ToolCall, finish: FinishReason) -> ToolCall:
    """A call without parameters has the arguments ``{}``; one whose arguments are no JSON object is malformed."""
    if call.malformed is not None:
        return call
    if not call.arguments.strip():
        return msgspec.structs.replace(call, arguments="{}")
    try:
        msgspec.json.decode(call.arguments, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeEncodeError):
        if (whole := _without_surrogates(call.arguments)) is not None:
            return msgspec.structs.replace(call, arguments=whole)
        return msgspec.structs.replace(call, malformed=_CUT_OFF if finish == "length" else _NOT_JSON)
    return call


def _without_surrogates(arguments: str) -> str | None:
    """The JSON object with each half of a surrogate pair as U+FFFD; None if it is broken in another way."""
    try:
        value = json.loads(arguments, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    text = json.dumps(value, ensure_ascii=False)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, dict) else None


def _refused(constant: str) -> None:
    """NaN and the infinities, which Python reads and JSON does not have."""
    raise ValueError(constant)


def _for_history(call: ToolCall) -> ToolCall:
    """Vendors refuse a history with broken arguments or a call without a name; the tool result beside it tells the
    model what it wrote.
    """
    if call.malformed is None:
        return call
    return msgspec.structs.replace(call, name=call.name or _NAMELESS, arguments="{}")
