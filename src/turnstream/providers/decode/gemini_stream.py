"""Gemini's streamGenerateContent (https://ai.google.dev/api/generate-content), by API key and on Vertex AI.

What a model of ours means here is in docs/models.md, section Gemini. The stream has no closing event: it is whole if
it gave a finish reason, and what follows that (a second one, more text) still counts.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from turnstream import errors, events, jsontext, messages, toolspec, usage
from turnstream.parsing import sse
from turnstream.providers.decode import failures, frames, gemini_arguments, lenient
from turnstream.providers.encode import gemini_body

_BROKEN_CALLS = ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL")
_LONGEST_REASON = 500
_REASONS: dict[str, events.FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}


class _Call(Struct):
    id: str | None = None
    name: str | None = None
    args: Any = None
    partialArgs: Any = None
    willContinue: bool | None = None


class _Part(Struct):
    text: str | None = None
    thought: bool | None = None
    thoughtSignature: str | None = None
    functionCall: _Call | None = None


class _Content(Struct):
    parts: list[_Part] | None = None


class _Candidate(Struct):
    content: _Content | None = None
    finishReason: str | None = None
    finishMessage: str | None = None
    index: int | None = None
    groundingMetadata: dict[str, Any] | None = None
    citationMetadata: dict[str, Any] | None = None


class Chunk(Struct):
    candidates: list[_Candidate] | None = None
    usageMetadata: msgspec.Raw = msgspec.Raw()
    promptFeedback: dict[str, Any] | None = None
    error: Any = None


_decode = lenient.decoder(Chunk)


class Decoder(frames.SseDecoder):
    """Only the first candidate is read."""

    provider = gemini_body.NAME

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0
        self._partial: gemini_arguments.PartialArguments | None = None
        self._usage = msgspec.Raw()
        self._finish: str | None = None
        self._message = ""
        self._blocked: str | None = None
        self._hosted = 0
        self._said = False
        self._sources: set[str] = set()

    def take(self, event: sse.Event, out: list[events.ModelEvent]) -> None:
        chunk = self.read(_decode, event.data)
        if chunk is None:
            return
        before = len(out)
        for candidate in chunk.candidates or ():
            if not candidate.index:
                self._candidate(candidate, event.data, out)
        self._said = self._said or len(out) > before
        if chunk.usageMetadata:
            self._usage = chunk.usageMetadata
        if chunk.promptFeedback and (reason := chunk.promptFeedback.get("blockReason")):
            self._blocked = str(reason)
        if chunk.error is not None:
            raise _error_of(chunk.error)

    def document(self, body: bytes, out: list[events.ModelEvent]) -> None:
        """Without ``alt=sse`` the answer is one JSON list of the same chunks."""
        try:
            chunks = [bytes(chunk) for chunk in jsontext.decode(body, list[msgspec.Raw])]
        except ValueError:
            chunks = [body]
            value = failures.parse(body)
            if isinstance(value, dict) and value.get("error"):
                raise _error_of(value["error"], value) from None
        for chunk in chunks:
            self.take(sse.Event(chunk), out)

    def end(self, out: list[events.ModelEvent]) -> None:
        if self._finish is None and self._blocked is None:
            super().end(out)
        self._close_call(out)
        unreadable = self._finish in _BROKEN_CALLS and not self._calls
        if unreadable:  # there is no call to see, but the model can try again
            out.append(events.ToolCallMalformed(0, self._message or "it could not be read"))
        if self._usage:
            usage = msgspec.json.decode(self._usage)
            if isinstance(usage, dict) and usage:
                out.append(events.UsageReport(usage_of(usage)))
        if self._finish is None:
            out.append(events.Finish("content_filter", self._blocked))
        elif not self._said and not unreadable and self._finish not in _REASONS:  # nothing, and for no good reason
            raise failures.from_status(self.provider, None, None, f"finish reason {self._finish}: {self._message}")
        elif unreadable:
            out.append(events.Finish("tool_calls", self._finish))
        else:
            reason = _REASONS.get(self._finish, "unknown")
            out.append(events.Finish("tool_calls" if reason == "stop" and self._calls else reason, self._finish))
        self.blank = self._finish == "STOP" and not self._said
        self.done = True

    def _candidate(self, candidate: _Candidate, data: bytes, out: list[events.ModelEvent]) -> None:
        parts = candidate.content.parts if candidate.content is not None else None
        for at, part in enumerate(parts or ()):
            if part.text and part.thoughtSignature is None:
                out.append(events.ReasoningDelta(part.text) if part.thought else events.TextDelta(part.text))
            elif part.functionCall is not None:
                self._function(part.functionCall, part.thoughtSignature, out)
            elif part.text is not None or part.thoughtSignature is not None:
                if part.text:
                    out.append(events.ReasoningDelta(part.text) if part.thought else events.TextDelta(part.text))
                if part.thoughtSignature is not None and not part.thought:
                    out.append(_item({"text": "", "thoughtSignature": part.thoughtSignature}))
            else:
                self._other(_raw_part(data, candidate.index, at), out)
        if candidate.finishReason is not None:
            self._finish = candidate.finishReason.upper()
            self.finished = True
            self._message = (candidate.finishMessage or "")[:_LONGEST_REASON]
        if candidate.groundingMetadata:
            self._grounding(candidate.groundingMetadata, out)
        if candidate.citationMetadata:
            cited = candidate.citationMetadata
            for source in _dicts(cited.get("citationSources") or cited.get("citations")):
                self._source(source, out)

    def _function(self, call: _Call, signature: str | None, out: list[events.ModelEvent]) -> None:
        """A call comes whole, or (if that was asked for) begun with its name and continued by nameless parts."""
        if not call.name and self._partial is None:
            raw = msgspec.json.encode(call.args or {}).decode()
            out.append(events.ToolCallMalformed(self._calls, "it has no name", raw))
            self._calls += 1
        elif call.name:
            self._close_call(out)
            own = {"thoughtSignature": signature, "id": call.id}
            own = {key: value for key, value in own.items() if value}
            out.append(
                events.ToolCallStart(self._calls, call.id or "", call.name, {gemini_body.NAME: own} if own else None)
            )
            self._calls += 1
            if not call.willContinue:
                out.append(events.ToolCallDelta(self._calls - 1, msgspec.json.encode(call.args or {}).decode()))
                return
            self._partial = gemini_arguments.PartialArguments()
        if self._partial is not None:
            if call.partialArgs:
                self.hold(len(msgspec.json.encode(call.partialArgs)))
                self._partial.feed(call.partialArgs)
            if not call.willContinue:
                self._close_call(out)

    def _close_call(self, out: list[events.ModelEvent]) -> None:
        if self._partial is not None:
            out.append(events.ToolCallDelta(self._calls - 1, msgspec.json.encode(self._partial.value).decode()))
            self._partial = None

    def _other(self, part: dict[str, Any], out: list[events.ModelEvent]) -> None:
        """Google's own tools, and kinds of parts that have no event of ours: kept for the history."""
        match part:
            case {"executableCode": dict(code)}:
                out.append(events.HostedToolCall(self._next(code), "code_execution", _json(code)))
            case {"inlineData": {"mimeType": str(kind), "data": str(data)}} if kind.startswith("image/"):
                out.append(frames.picture(f"data:{kind};base64,{data}"))
            case {"codeExecutionResult": dict(result)}:
                ok = result.get("outcome") == "OUTCOME_OK"
                out.append(
                    events.HostedToolResult(self._last(result), "code_execution", str(result.get("output") or ""), ok)
                )
            case {"toolCall": dict(call)}:
                out.append(events.HostedToolCall(self._next(call), _tool_name(call), _json(call.get("args") or {})))
            case {"toolResponse": dict(response)}:
                content = _json(response.get("response") or {})
                out.append(events.HostedToolResult(self._last(response), _tool_name(response), content))
            case _:
                pass
        if part:
            out.append(_item(part))

    def _next(self, call: dict[str, Any]) -> str:
        self._hosted += 1
        return self._last(call)

    def _last(self, result: dict[str, Any]) -> str:
        return str(result.get("id") or f"hosted_{self._hosted}")

    def _grounding(self, metadata: dict[str, Any], out: list[events.ModelEvent]) -> None:
        for chunk in _dicts(metadata.get("groundingChunks")):
            for kind in ("web", "retrievedContext", "maps", "image"):
                if isinstance(found := chunk.get(kind), dict):
                    self._source(found, out)

    def _source(self, found: dict[str, Any], out: list[events.ModelEvent]) -> None:
        uri = found.get("uri") or found.get("sourceUri")
        if isinstance(uri, str) and uri not in self._sources:
            self.hold(len(uri))
            self._sources.add(uri)
            out.append(
                events.SourceFound(
                    toolspec.Source(uri, str(found.get("title") or ""), uri, str(found.get("text") or ""))
                )
            )


def usage_of(raw: dict[str, Any]) -> usage.Usage:
    """Gemini counts thoughts apart from the answer, and prompts of its own tools apart from ours."""

    def count(name: str) -> int:
        value = raw.get(name)
        return value if isinstance(value, int) else 0

    thoughts = count("thoughtsTokenCount")
    return usage.Usage(
        input=count("promptTokenCount") + count("toolUsePromptTokenCount"),
        output=count("candidatesTokenCount") + thoughts,
        cached=count("cachedContentTokenCount"),
        reasoning=thoughts,
        raw=raw,
    )


def _error_of(reported: Any, body: Any = None) -> errors.ProviderError:
    """``body`` is what held the error object, if it was all that came."""
    return failures.from_status(gemini_body.NAME, None, body or reported, failures.describe(reported))


def _raw_part(data: bytes, index: int | None, at: int) -> dict[str, Any]:
    for candidate in _as_list(msgspec.json.decode(data)["candidates"]):
        if (candidate.get("index") or 0) == (index or 0):
            part = _as_list(candidate["content"]["parts"])[at]
            return part if isinstance(part, dict) else {}
    return {}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _item(part: dict[str, Any]) -> events.ItemAdded:
    return events.ItemAdded(messages.ProviderItem(gemini_body.NAME, part))


def _tool_name(call: dict[str, Any]) -> str:
    return str(call.get("toolType") or "tool").lower()


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
