"""The stream of chat completions, as everybody who speaks them sends it: read leniently, from each vendor alike."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec

from turnstream import errors, events, messages, toolspec
from turnstream.parsing import answers
from turnstream.parsing.sse import MAX_EVENT, Event
from turnstream.parsing.tool_call_deltas import Assembler
from turnstream.providers.decode import chat_chunks, chat_usage, failures, lenient

_REASONS: dict[str, events.FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "max_output_tokens": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
}
_FAILED = ("error", "network_error", "server_error")


class Decoder:
    """Chunks in, model events out. Only choice 0 is read.

    Reasoning is taken from the fields that hold it as a string, once. ``reasoning_details``, which repeats it in
    pieces with signatures, is for the history only: one `ItemAdded` at the end.

    ``done`` is True once the answer is complete: after ``[DONE]`` nothing is worth waiting for.
    """

    provider = "openai"

    def __init__(self) -> None:
        self.done = False
        self._answer = answers.Decoder()
        self._calls = Assembler()
        self._surrogates = lenient.Surrogates()
        self._finish: str | None = None
        self._usage: dict[str, Any] | None = None
        self._plain_reasoning = False
        self._details: list[dict[str, Any]] = []
        self._sources: set[str] = set()
        self._last_sources: tuple[bytes, bytes] = (b"", b"")
        self._settled = False
        self._held = 0
        self._error: errors.ProviderError | None = None

    def feed(self, piece: bytes) -> list[events.ModelEvent]:
        """Raises what the stream reported or broke, but not before the events ahead of it were given."""
        self._check()
        if self.done or not piece:
            return []
        out: list[events.ModelEvent] = []
        try:
            for event in self._answer.feed(piece):
                if self._event(event, out):
                    break
        except errors.ProviderError as failure:
            self._settle(out)
            self._error = failure
        if not out:
            self._check()
        return out

    def close(self) -> list[events.ModelEvent]:
        """The rest. Call it until it gives nothing: if the stream also ended badly, the call after the rest raises."""
        self._check()
        if self._settled:
            return []
        out: list[events.ModelEvent] = []
        try:
            self._last(out)
        except errors.ProviderError as failure:
            self._settle(out)
            self._error = failure
        if not out:
            self._check()
        return out

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _last(self, out: list[events.ModelEvent]) -> None:
        """The end of the body. A last event that is torn does not matter if the answer was complete before it."""
        torn: errors.ProtocolError | None = None
        for event in self._answer.close():
            try:
                self._event(event, out)
            except errors.ProtocolError as failure:
                torn = failure
        if self._answer.document is not None:
            self._document(self._answer.document, out)
        elif self.done:
            return
        elif self._finish is None:
            detail = torn.detail if torn else ""
            raise errors.ProtocolError(
                "The model's stream ended before its answer did.", provider=self.provider, detail=detail
            )
        else:
            self._end(out)

    def _event(self, event: Event, out: list[events.ModelEvent]) -> bool:
        """Whether that was the last event of the answer."""
        data = event.data
        try:
            chunk = chat_chunks.strict(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            rest = data.strip()
            if rest == b"[DONE]":
                self._end(out)
                return True
            if not rest:
                return False
            chunk = chat_chunks.read_leniently(self._surrogates.join(data))
        if chunk.choices:
            for choice in chunk.choices:
                if not choice.index:
                    self._choice(choice, out)
        elif chunk.choices is None:
            self._without_choices(chunk, data)
        if chunk.usage:
            self._usage = chunk.usage
        if (
            chunk.x_groq is not None
            or chunk.search_results is not chat_chunks.ABSENT
            or chunk.citations is not chat_chunks.ABSENT
        ):
            self._extras(chunk, out)
        if chunk.error:
            raise _error_of(self.provider, chunk.error)
        return bool(event.event) and self._named(event, out)

    def _without_choices(self, chunk: chat_chunks.Chunk, data: bytes) -> None:
        """vLLM: the error is the whole chunk."""
        if chunk.object == "error":
            raise _error_of(self.provider, failures.parse(data))

    def _named(self, event: Event, out: list[events.ModelEvent]) -> bool:
        """An event with a name, after its chunk was read: whether it was the last of the answer."""
        if event.event == "error":
            raise _error_of(self.provider, failures.parse(event.data))
        return False

    def _choice(self, choice: chat_chunks.Choice, out: list[events.ModelEvent]) -> None:
        delta = choice.delta
        if delta is not None:
            reasoning = delta.reasoning_content or delta.reasoning or delta.reasoning_text
            if reasoning:
                self._plain_reasoning = True
                out.append(events.ReasoningDelta(reasoning))
            if delta.reasoning_details:
                self._keep(delta.reasoning_details)
            content = delta.content
            if content:
                if content.__class__ is str:
                    out.append(events.TextDelta(content))
                else:
                    _parts(content, out)
            if delta.tool_calls:
                self._fragments(delta, out)
            if delta.refusal:
                out.append(events.RefusalDelta(delta.refusal))
            if delta.function_call is not None:
                self._calls.feed(0, None, delta.function_call.name, _arguments(delta.function_call), out)
            if delta.annotations:
                self._add_sources(_annotation_sources(delta.annotations), out)
            if delta.executed_tools:
                _hosted(delta.executed_tools, out)
        if choice.finish_reason:
            self._finish = choice.finish_reason

    def _keep(self, details: list[Any]) -> None:
        for detail in details:
            if isinstance(detail, dict):
                self._hold(sum(len(value) for value in detail.values() if isinstance(value, str)))
                self._details.append(detail)

    def _hold(self, size: int) -> None:
        """Count what is kept until the end; raises when that is more than one event may be."""
        self._held += size
        if self._held > MAX_EVENT:
            raise failures.broken(
                self.provider, f"the calls or the details of one answer have more than {MAX_EVENT} bytes"
            )

    def _fragments(self, delta: chat_chunks.Delta, out: list[events.ModelEvent]) -> None:
        for call in delta.tool_calls or ():
            function = call.function
            extra = {"extra_content": call.extra_content} if call.extra_content else None
            if function is None:
                self._calls.feed(call.index, call.id, None, None, out, extra)
            else:
                arguments = _arguments(function)
                if arguments:
                    self._hold(len(arguments))
                self._calls.feed(call.index, call.id, function.name, arguments, out, extra)

    def _extras(self, chunk: chat_chunks.Chunk, out: list[events.ModelEvent]) -> None:
        """Groq's own member, and the sources that Perplexity repeats in every chunk."""
        groq = chunk.x_groq or {}
        if isinstance(groq.get("usage"), dict):
            self._usage = groq["usage"]
        sources = bytes(chunk.search_results), bytes(chunk.citations)
        if sources != self._last_sources:
            self._last_sources = sources
            for raw in sources:
                listed = msgspec.json.decode(raw or b"null")
                self._add_sources([_source(item) for item in listed] if isinstance(listed, list) else [], out)
        if groq.get("error"):
            raise _error_of(self.provider, groq["error"])

    def _add_sources(self, sources: list[toolspec.Source | None], out: list[events.ModelEvent]) -> None:
        for source in sources:
            if source is not None and source.id not in self._sources:
                self._sources.add(source.id)
                out.append(events.SourceFound(source))

    def _document(self, body: bytes, out: list[events.ModelEvent]) -> None:
        """One JSON document instead of a stream: an error, or a whole answer of a server that does not stream."""
        value = failures.parse(body)
        if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
            raise _error_of(self.provider, value)
        chunk = chat_chunks.whole(body)
        for choice in chunk.choices or ():
            if not choice.index:
                self._choice(choice, out)
        self._usage = chunk.usage
        if chunk.error:
            raise _error_of(self.provider, chunk.error)
        self._end(out)

    def _end(self, out: list[events.ModelEvent]) -> None:
        """Raises if the finish reason is that the vendor failed."""
        called = self._calls.started
        self._settle(out)
        self.done = True
        if self._finish is None:
            out.append(events.Finish("tool_calls" if called else "unknown"))
        elif self._finish.lower() in _FAILED:
            raise failures.from_status(self.provider, None, None, f"finish reason {self._finish}")

    def _settle(self, out: list[events.ModelEvent]) -> None:
        """What is known at the end, be it good or bad; once."""
        if self._settled:
            return
        self._settled = True
        called = self._calls.started
        self._calls.close(out)
        if any(not self._plain_reasoning or "signature" in detail or "data" in detail for detail in self._details):
            out.append(
                events.ItemAdded(messages.ProviderItem("openai", {"reasoning_details": merge_details(self._details)}))
            )
        if self._usage is not None:
            out.append(events.UsageReport(chat_usage.read(self._usage)))
        if self._finish is not None:
            reason = _REASONS.get(self._finish.lower(), "unknown")
            if called and reason in ("stop", "unknown"):
                reason = "tool_calls"
            out.append(events.Finish(reason, self._finish))


def merge_details(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fragments of one detail, which have its index and type, as one; what has no text is taken from the last."""
    whole: list[dict[str, Any]] = []
    for _, group in itertools.groupby(details, lambda detail: (detail.get("type"), detail.get("index"))):
        one: dict[str, Any] = {}
        texts: dict[str, list[str]] = {}
        for detail in group:
            for key, value in detail.items():
                if key in ("text", "summary", "data") and isinstance(value, str):
                    texts.setdefault(key, []).append(value)
                if value or key not in one:
                    one[key] = value
        whole.append(one | {key: "".join(pieces) for key, pieces in texts.items()})
    return whole


def _error_of(provider: str, reported: Any) -> errors.ProviderError:
    """An error inside a stream. Its own code is an HTTP status with some vendors."""
    status = None
    if isinstance(reported, dict):
        inner = reported.get("error")
        for holder in (reported, inner if isinstance(inner, dict) else {}):
            for key in ("status_code", "code", "status"):
                code = holder.get(key)
                if isinstance(code, int) and 400 <= code < 600:
                    status = status or code
    return failures.from_status(provider, status, reported, failures.describe(reported))


def _arguments(function: chat_chunks.Function) -> str | None:
    arguments = function.arguments
    if isinstance(arguments, dict):
        return msgspec.json.encode(arguments).decode()
    return arguments


def _parts(parts: Any, out: list[events.ModelEvent]) -> None:
    """Content as a list: text, and thinking (Magistral) or reasoning (Databricks) with its text one level down."""
    for part in parts:
        if isinstance(part, str):
            out.append(events.TextDelta(part))
        elif isinstance(part, dict):
            kind = part.get("type")
            if kind in ("thinking", "reasoning"):
                inner = part.get("thinking") or part.get("summary") or part.get("text") or ""
                listed = inner if isinstance(inner, list) else []
                texts = (
                    [inner] if isinstance(inner, str) else [_text(item) for item in listed if isinstance(item, dict)]
                )
                out.extend(events.ReasoningDelta(text) for text in texts if text)
            elif _text(part):
                out.append(events.TextDelta(_text(part)))


def _text(part: dict[str, Any]) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else ""


def _source(item: Any) -> toolspec.Source | None:
    if isinstance(item, str):
        return toolspec.Source(item, url=item)
    if not isinstance(item, dict) or not isinstance(item.get("url"), str):
        return None
    snippet = item.get("snippet") or item.get("content") or ""
    return toolspec.Source(item["url"], str(item.get("title") or ""), item["url"], str(snippet)[:2000])


def _annotation_sources(annotations: list[Any]) -> list[toolspec.Source | None]:
    found = []
    for annotation in annotations:
        if isinstance(annotation, dict):
            citation = annotation.get("url_citation")
            found.append(_source(citation if isinstance(citation, dict) else annotation))
    return found


def _hosted(executed: list[Any], out: list[events.ModelEvent]) -> None:
    """Groq's compound models: each tool that ran, first with its arguments, later with its output."""
    for tool in executed:
        if isinstance(tool, dict):
            name, call_id = str(tool.get("type") or "tool"), f"executed_{tool.get('index', 0)}"
            if tool.get("output") is None:
                out.append(events.HostedToolCall(call_id, name, str(tool.get("arguments") or "")))
            else:
                out.append(events.HostedToolResult(call_id, name, str(tool["output"])))
