"""The events that Cohere's v2 chat answers with."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from turnstream import events, messages, toolspec, usage
from turnstream.parsing import sse
from turnstream.providers.decode import failures, frames, lenient

NAME = "cohere"

_REASONS: dict[str, events.FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}


class _Content(Struct, gc=False):
    text: str | None = None
    thinking: str | None = None


class _Function(Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Call(Struct, gc=False):
    id: str | None = None
    function: _Function | None = None


class _Message(Struct, gc=False):
    content: _Content | list[Any] | None = None
    tool_calls: _Call | list[Any] | None = None
    tool_plan: str | None = None
    citations: dict[str, Any] | list[Any] | None = None


class _Delta(Struct, gc=False):
    message: _Message | None = None
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    error: str | None = None


class Event(Struct, gc=False):
    type: str | None = None
    index: int | None = None
    delta: _Delta | None = None
    message: Any = None


_event = msgspec.json.Decoder(Event)


class Decoder(frames.SseDecoder):
    """The tool plan, which is neither answer nor reasoning, is for the history only: one `ItemAdded`."""

    provider = NAME

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[int, int] = {}  # the vendor's index -> ours
        self._started = 0
        self._plan: list[str] = []
        self._sources: set[str] = set()

    def take(self, event: sse.Event, out: list[events.ModelEvent]) -> None:
        if event.data == b"[DONE]":
            return
        try:
            found = lenient.read(_event, event.data, self.surrogates)
        except ValueError:
            raise failures.protocol_error(NAME, "an event is not understood") from None
        delta = found.delta
        message = delta.message if delta is not None else None
        kind = found.type or event.event
        if message is not None:
            if (kind == "content-delta" or kind == "content-start") and message.content.__class__ is _Content:
                _say(message.content, out)
            elif kind == "tool-plan-delta":
                self._extend_plan(message.tool_plan or "")
            elif kind == "tool-call-start" or kind == "tool-call-delta":
                self._call(kind, found.index or 0, message.tool_calls, out)
            elif kind == "citation-start":
                self._cite(message.citations, out)
        elif kind == "message-end":
            self._end(delta or _Delta(), out)
        elif isinstance(found.message, str) and found.delta is None:
            raise failures.from_status(NAME, None, failures.parse(event.data), found.message)

    def _extend_plan(self, text: str) -> None:
        self.hold(len(text))
        self._plan.append(text)

    def _call(self, kind: str, index: int, calls: _Call | list[Any] | None, out: list[events.ModelEvent]) -> None:
        if isinstance(calls, list):
            for call in calls:
                self._call(kind, index, lenient.fit(_Call, call) if isinstance(call, dict) else None, out)
        if not isinstance(calls, _Call):
            return
        function = calls.function or _Function()
        if kind == "tool-call-start":
            self._keep_plan(out)
            self._calls[index] = self._started
            if function.name:
                out.append(events.ToolCallStart(self._started, calls.id or "", function.name))
            else:
                out.append(events.ToolCallMalformed(self._started, "it has no name"))
            self._started += 1
        if function.arguments:
            if index not in self._calls:
                raise failures.protocol_error(NAME, "arguments of a tool call that did not begin")
            out.append(events.ToolCallDelta(self._calls[index], function.arguments))

    def _keep_plan(self, out: list[events.ModelEvent]) -> None:
        if plan := "".join(self._plan):
            out.append(events.ItemAdded(messages.ProviderItem(NAME, {"tool_plan": plan})))
            self.release(len(plan))
        self._plan.clear()

    def _cite(self, citations: dict[str, Any] | list[Any] | None, out: list[events.ModelEvent]) -> None:
        listed = citations if isinstance(citations, list) else [citations]
        for citation in listed:
            sources = citation.get("sources") if isinstance(citation, dict) else None
            for source in sources if isinstance(sources, list) else ():
                if isinstance(source, dict) and isinstance(source.get("id"), str) and source["id"] not in self._sources:
                    self.hold(len(source["id"]))
                    self._sources.add(source["id"])
                    out.append(_source_found(source))

    def _end(self, delta: _Delta, out: list[events.ModelEvent]) -> None:
        self._keep_plan(out)
        if delta.usage:
            out.append(events.UsageReport(_usage(delta.usage)))
        reason = delta.finish_reason or ""
        if reason.upper() in ("ERROR", "TIMEOUT"):
            status = 504 if reason.upper() == "TIMEOUT" else None
            raise failures.from_status(NAME, status, {"error": delta.error or reason}, delta.error or reason)
        out.append(events.Finish(_REASONS.get(reason.upper(), "unknown"), delta.finish_reason))
        self.done = True


def _say(content: _Content | list[Any] | None, out: list[events.ModelEvent]) -> None:
    if isinstance(content, _Content):
        if content.thinking:
            out.append(events.ReasoningDelta(content.thinking))
        if content.text:
            out.append(events.TextDelta(content.text))


def _source_found(source: dict[str, Any]) -> events.SourceFound:
    """Where the answer got it from: the result of a tool, by the call's id and a number, or a document."""
    ident: str = source["id"]
    if source.get("type") == "tool":
        given = msgspec.json.encode(source.get("tool_output")).decode()
        return events.SourceFound(toolspec.Source(ident, snippet=given[:2000]), ident.rpartition(":")[0] or ident)
    document = source.get("document")
    known = document if isinstance(document, dict) else {}
    url = known.get("url")
    text = known.get("snippet") or known.get("text") or ""
    found = toolspec.Source(
        ident, str(known.get("title") or ""), url if isinstance(url, str) else None, str(text)[:2000]
    )
    return events.SourceFound(found)


def _usage(raw: dict[str, Any]) -> usage.Usage:
    """``tokens`` is what the model read and wrote; ``billed_units`` leaves out what Cohere's own prompts add."""
    tokens = raw.get("tokens") or raw.get("billed_units")
    counts = tokens if isinstance(tokens, dict) else {}

    def count(name: str, holder: dict[str, Any]) -> int:
        value = holder.get(name)
        return int(value) if isinstance(value, int | float) and 0 <= value < 1e15 else 0

    return usage.Usage(
        input=count("input_tokens", counts),
        output=count("output_tokens", counts),
        cached=count("cached_tokens", raw),
        reasoning=count("reasoning_tokens", counts),
        raw=raw,
    )
