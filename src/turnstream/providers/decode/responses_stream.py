"""OpenAI's Responses API as an upstream (https://platform.openai.com/docs/api-reference/responses-streaming).

What a model of ours means here is in docs/models.md, section OpenAI Responses.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from turnstream import errors, events, messages, toolspec, usage
from turnstream.parsing import repeated_arguments, sse
from turnstream.providers.decode import failures, frames, lenient
from turnstream.providers.encode import responses_body

_INCOMPLETE: dict[str, events.FinishReason] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
_WHOLE = {
    "response.output_text.done": "text",
    "response.refusal.done": "refusal",
    "response.reasoning_text.done": "text",
    "response.reasoning_summary_text.done": "text",
    "response.function_call_arguments.done": "arguments",
    "response.custom_tool_call_input.done": "input",
}
_TERMINAL = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_ITEM_COST = 64
_PARAGRAPH = "\n\n"  # between the parts of a summary


class Event(Struct):
    """What is not typed here is checked where it is used: there are some sixty kinds of events."""

    type: str = ""
    delta: Any = None
    output_index: Any = None
    item_id: Any = None
    item: dict[str, Any] | None = None
    response: dict[str, Any] | None = None
    summary_index: Any = None
    annotation: dict[str, Any] | None = None
    error: Any = None
    text: Any = None
    refusal: Any = None
    arguments: Any = None
    input: Any = None


_decode = lenient.decoder(Event)


class _Item:
    """An output item that was begun. ``said`` is which of its texts came as deltas."""

    __slots__ = ("arguments", "call", "done", "part", "said")

    def __init__(self) -> None:
        self.arguments = repeated_arguments.Arguments()
        self.call = -1
        self.part: Any = None
        self.said = ""
        self.done = False


class Decoder(frames.SseDecoder):
    """Deltas are given as they come. What came only whole, in an item's end or in the last event, is given then."""

    provider = responses_body.NAME

    def __init__(self) -> None:
        super().__init__()
        self._items: dict[Any, _Item] = {}
        self._calls = 0
        self._failure: Any = None

    def take(self, event: sse.Event, out: list[events.ModelEvent]) -> None:
        if event.data.strip() == b"[DONE]":
            self._conclude_early(out)
            return
        decoded = _decode(event.data, self.surrogates)
        match decoded.type or event.event:
            case "response.output_text.delta":
                self._text(decoded, events.TextDelta, out)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" as kind:
                self._reasoning(decoded, kind, out)
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                self._arguments(decoded, out)
            case "response.refusal.delta":
                self._text(decoded, events.RefusalDelta, out)
            case kind if kind in _WHOLE:
                self._whole(decoded, kind, out)
            case "response.output_item.added":
                self._begin_item(decoded, out)
            case "response.output_item.done":
                self._item_done(self._item(decoded), decoded.item or {}, out)
            case "response.output_text.annotation.added":
                _cite(decoded.annotation or {}, out)
            case kind if kind in _TERMINAL:
                self._conclude(decoded.response or {}, kind.removeprefix("response."), out)
            case "error":
                self._failure = decoded.error or msgspec.json.decode(event.data)
            case _:  # lifecycle, parts, progress of hosted tools, keepalive, and what is not known yet
                pass

    def document(self, body: bytes, out: list[events.ModelEvent]) -> None:
        """A server that does not stream answers with the response itself."""
        value = failures.parse(body)
        if not isinstance(value, dict) or not isinstance(value.get("output"), list):
            super().document(body, out)
        self._conclude(value, str(value.get("status") or "completed"), out)

    def end(self, out: list[events.ModelEvent]) -> None:
        if self._failure is not None:
            raise _error_of(self._failure)
        super().end(out)

    def _item(self, event: Event) -> _Item:
        """By its place in the output; by its id with servers that do not number it."""
        key = event.output_index if isinstance(event.output_index, int) else str(event.item_id)
        item = self._items.get(key)
        if item is None:
            self.hold(_ITEM_COST)
            item = self._items[key] = _Item()
        return item

    def _text(
        self, event: Event, kind: type[events.TextDelta] | type[events.RefusalDelta], out: list[events.ModelEvent]
    ) -> None:
        if isinstance(event.delta, str) and event.delta:
            self._item(event).said = "text"
            out.append(kind(event.delta))

    def _reasoning(self, event: Event, kind: str, out: list[events.ModelEvent]) -> None:
        """An item has a summary or its text. Where it has both, the one that came first is shown."""
        item = self._item(event)
        if isinstance(event.delta, str) and event.delta and item.said in ("", kind):
            if item.said and item.part != event.summary_index:
                out.append(events.ReasoningDelta(_PARAGRAPH))
            item.said, item.part = kind, event.summary_index
            out.append(events.ReasoningDelta(event.delta))

    def _arguments(self, event: Event, out: list[events.ModelEvent]) -> None:
        item = self._item(event)
        if item.call >= 0 and isinstance(event.delta, str) and event.delta:
            item.said = "arguments"
            out.extend(events.ToolCallDelta(item.call, piece) for piece in item.arguments.feed(event.delta))

    def _whole(self, event: Event, kind: str, out: list[events.ModelEvent]) -> None:
        """The end of a text or of arguments says them once more; some servers say them here alone."""
        member, item = _WHOLE[kind], self._item(event)
        event.delta = getattr(event, member)
        if item.said or not isinstance(event.delta, str):
            return
        if member in ("arguments", "input"):
            self._arguments(event, out)
        elif "reasoning" in kind:
            self._reasoning(event, kind.replace(".done", ".delta"), out)
        else:
            self._text(event, events.RefusalDelta if member == "refusal" else events.TextDelta, out)

    def _begin_item(self, event: Event, out: list[events.ModelEvent]) -> None:
        item, data = self._item(event), event.item or {}
        if data.get("type") in ("function_call", "custom_tool_call") and item.call < 0:
            self._begin_call(item, data, out)

    def _begin_call(self, item: _Item, data: dict[str, Any], out: list[events.ModelEvent]) -> None:
        item.call, self._calls = self._calls, self._calls + 1
        own = {key: data[key] for key in ("id", "namespace") if data.get(key)}
        ident, name = str(data.get("call_id") or data.get("id") or ""), str(data.get("name") or "")
        out.append(events.ToolCallStart(item.call, ident, name, {responses_body.NAME: own} if own else None))

    def _item_done(self, item: _Item, data: dict[str, Any], out: list[events.ModelEvent]) -> None:
        if item.done:
            return
        item.done = True
        match data.get("type"):
            case "message":
                _message_done(item, data, out)
            case "function_call" | "custom_tool_call" as kind:
                if item.call < 0:
                    self._begin_call(item, data, out)
                out.extend(events.ToolCallDelta(item.call, piece) for piece in item.arguments.close())
                whole = data.get("arguments" if kind == "function_call" else "input")
                if not item.said and whole:
                    text = whole if isinstance(whole, str) else msgspec.json.encode(whole).decode()
                    out.append(events.ToolCallDelta(item.call, text))
            case "reasoning":
                if not item.said and (text := _reasoning_text(data)):
                    out.append(events.ReasoningDelta(text))
                if data.get("encrypted_content") or data.get("content"):
                    out.append(_item_added(data))
            case str(kind):
                _add_hosted(kind, data, out)
                out.append(_item_added(data))
            case _:
                pass

    def _conclude(self, response: dict[str, Any], status: str, out: list[events.ModelEvent]) -> None:
        output = response.get("output")
        for at, data in enumerate(output if isinstance(output, list) else ()):
            if isinstance(data, dict) and (not self._items or at in self._items):
                self._item_done(self._items.get(at) or _Item(), data, out)
        if isinstance(usage := response.get("usage"), dict):
            out.append(events.UsageReport(usage_of(usage)))
        for item in self._items.values():
            out.extend(events.ToolCallDelta(item.call, piece) for piece in item.arguments.close())
        raw = str(response.get("status") or status)
        details = response.get("incomplete_details")
        why = details.get("reason") if isinstance(details, dict) else None
        if "incomplete" in (status, raw):
            reason = _INCOMPLETE.get(str(why), "unknown")
        elif status == "completed":
            reason = "tool_calls" if self._calls else "stop"
        else:
            reason = "unknown"
        out.append(events.Finish(reason, raw))
        if status == "failed":
            raise _error_of(self._failure or response.get("error"))
        self.done = True

    def _conclude_early(self, out: list[events.ModelEvent]) -> None:
        """``[DONE]`` without a last event of the protocol's own."""
        if self._failure is not None:
            raise _error_of(self._failure)
        out.append(events.Finish("tool_calls" if self._calls else "unknown"))
        self.done = True


def usage_of(raw: dict[str, Any]) -> usage.Usage:
    def count(name: str, where: Any = raw) -> int:
        value = where.get(name) if isinstance(where, dict) else None
        return value if isinstance(value, int) else 0

    details = raw.get("input_tokens_details")
    return usage.Usage(
        input=count("input_tokens"),
        output=count("output_tokens"),
        cached=count("cached_tokens", details),
        cache_write=count("cache_write_tokens", details),
        reasoning=count("reasoning_tokens", raw.get("output_tokens_details")),
        raw=raw,
    )


def _message_done(item: _Item, data: dict[str, Any], out: list[events.ModelEvent]) -> None:
    for part in _dicts(data.get("content")):
        if not item.said:
            if isinstance(text := part.get("text"), str) and text:
                out.append(events.TextDelta(text))
            if isinstance(refusal := part.get("refusal"), str) and refusal:
                out.append(events.RefusalDelta(refusal))
            for annotation in _dicts(part.get("annotations")):
                _cite(annotation, out)
    if phase := data.get("phase"):
        out.append(_item_added({"type": responses_body.PHASE, "phase": phase}))


def _reasoning_text(data: dict[str, Any]) -> str:
    parts = _dicts(data.get("summary")) or _dicts(data.get("content"))
    return _PARAGRAPH.join(str(part.get("text") or "") for part in parts)


def _add_hosted(kind: str, data: dict[str, Any], out: list[events.ModelEvent]) -> None:
    """One of the vendor's own tools has run."""
    ident, name = str(data.get("id") or ""), str(data.get("name") or kind.removesuffix("_call"))
    arguments: Any = data.get("arguments")
    if not isinstance(arguments, str):
        shown = {key: data[key] for key in ("action", "queries", "code", "revised_prompt") if data.get(key)}
        arguments = msgspec.json.encode(shown).decode()
    out.append(events.HostedToolCall(ident, name, arguments))
    result = data.get("output") or data.get("outputs") or data.get("results") or data.get("error") or ""
    content = result if isinstance(result, str) else msgspec.json.encode(result).decode()
    out.append(events.HostedToolResult(ident, name, content, data.get("status") != "failed" and not data.get("error")))


def _cite(annotation: dict[str, Any], out: list[events.ModelEvent]) -> None:
    url = annotation.get("url")
    title = annotation.get("title") or annotation.get("filename") or ""
    ident = url or annotation.get("file_id") or title
    if ident:
        out.append(events.SourceFound(toolspec.Source(str(ident), str(title), str(url) if url else None)))


def _item_added(data: dict[str, Any]) -> events.ItemAdded:
    return events.ItemAdded(messages.ProviderItem(responses_body.NAME, data))


def _error_of(reported: Any) -> errors.ProviderError:
    return failures.from_status(responses_body.NAME, None, reported)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
