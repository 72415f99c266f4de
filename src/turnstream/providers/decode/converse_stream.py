"""Amazon Bedrock's ConverseStream (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html).

What a model of ours means here is in docs/models.md, section Amazon Bedrock.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from msgspec import Struct

from turnstream import errors, events, jsontext, messages, toolspec, usage
from turnstream.parsing import repeated_arguments
from turnstream.parsing.aws_event_stream import Message
from turnstream.providers.decode import aws_frames, failures, lenient
from turnstream.providers.encode import converse_body

_REASONS: dict[str, events.FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "malformed_tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "pause_turn": "pause",
}
_STATUSES = {
    "validationException": 400,
    "accessDeniedException": 403,
    "resourceNotFoundException": 404,
    "modelTimeoutException": 408,
    "modelStreamErrorException": 424,
    "throttlingException": 429,
    "internalServerException": 500,
    "modelErrorException": 500,
    "serviceUnavailableException": 503,
    "modelNotReadyException": 503,
}
_RETRYABLE = ("modelStreamErrorException", "modelNotReadyException")


class ToolUse(Struct):
    toolUseId: str | None = None
    name: str | None = None
    type: str | None = None
    input: str | None = None


class Reasoning(Struct):
    text: str | None = None
    signature: str | None = None
    redactedContent: str | None = None


class Delta(Struct):
    text: str | None = None
    toolUse: ToolUse | None = None
    reasoningContent: Reasoning | None = None
    toolResult: list[dict[str, Any]] | None = None
    citation: dict[str, Any] | None = None


class Start(Struct):
    toolUse: ToolUse | None = None
    toolResult: dict[str, Any] | None = None


class Event(Struct):
    """The payload of any event; each has some of these members."""

    contentBlockIndex: int = 0
    delta: Delta | None = None
    start: Start | None = None
    stopReason: str | None = None
    usage: dict[str, Any] | None = None


_decode = lenient.decoder(Event)


class _Block:
    """A content block that is still open. ``call`` is its number among the tool calls, -1 if it is none."""

    __slots__ = ("call", "hosted", "input", "redacted", "result", "results", "said", "signature", "size", "text")

    def __init__(self) -> None:
        self.call = -1
        self.said = False
        self.input: repeated_arguments.Arguments | None = None  # of a call, from its first fragment on
        self.size = 0
        self.hosted: ToolUse | None = None
        self.result: dict[str, Any] | None = None
        self.results: list[dict[str, Any]] = []
        self.text: list[str] = []  # of reasoning, or of a hosted tool's input
        self.signature: list[str] = []
        self.redacted: list[str] = []


class Decoder(aws_frames.AwsDecoder):
    """Blocks of text and reasoning have no start, and a block's index may be any number."""

    provider = converse_body.NAME

    def __init__(self) -> None:
        super().__init__()
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._hosted = ("", "")
        self._empty = -1  # the call that ended without input: by itself, or was it cut off?
        self._stop_reason: str | None = None
        self._usage: dict[str, Any] | None = None

    def take(self, frame: Message, out: list[events.ModelEvent]) -> None:
        kind = frame.headers.get(":message-type")
        if kind in ("exception", "error"):
            raise error_of(frame)
        event = _decode(frame.payload, self.surrogates)
        self.event(str(frame.headers.get(":event-type")), event, len(frame.payload), out)

    def event(self, kind: str, event: Event, size: int, out: list[events.ModelEvent]) -> None:
        """One event of the protocol, whatever frame it came in."""
        match kind:
            case "contentBlockDelta":
                if event.delta is not None:
                    self._delta(event.contentBlockIndex, event.delta, size, out)
            case "contentBlockStart":
                if event.start is not None:
                    self._start(self._block(event.contentBlockIndex, size), event.start, out)
            case "contentBlockStop":
                if (block := self._blocks.pop(event.contentBlockIndex, None)) is not None:
                    self._stop(block, out)
            case "messageStop":
                self._stop_reason = event.stopReason or "unknown"
                self.finished = True
            case "metadata":
                self._usage = event.usage
                if self._stop_reason is not None:
                    self._conclude(out)
            case _:  # messageStart, and what is not known yet
                pass

    def end(self, out: list[events.ModelEvent]) -> None:
        if self._stop_reason is None:
            super().end(out)
        self._conclude(out)

    def _block(self, index: int, size: int) -> _Block:
        block = self._blocks.get(index)
        if block is None:
            block = self._blocks[index] = _Block()
        self.hold(size)
        block.size += size
        return block

    def _start(self, block: _Block, start: Start, out: list[events.ModelEvent]) -> None:
        tool = start.toolUse
        if tool is not None and tool.type == "server_tool_use":
            block.hosted = tool
        elif tool is not None and block.call < 0:
            self._settle_empty(out)
            block.call, self._calls = self._calls, self._calls + 1
            out.append(events.ToolCallStart(block.call, tool.toolUseId or "", tool.name or ""))
        if start.toolResult is not None:
            block.result = start.toolResult

    def _delta(self, index: int, delta: Delta, size: int, out: list[events.ModelEvent]) -> None:
        if delta.text is not None:
            if delta.text:
                out.append(events.TextDelta(delta.text))
        elif delta.toolUse is not None:
            self._input(index, delta.toolUse.input or "", out)
        elif delta.reasoningContent is not None:
            self._reasoning(self._block(index, size), delta.reasoningContent, out)
        elif delta.toolResult is not None:
            self._block(index, size).results += delta.toolResult
        elif delta.citation is not None:
            out.append(events.SourceFound(_citation(delta.citation)))

    def _input(self, index: int, fragment: str, out: list[events.ModelEvent]) -> None:
        block = self._blocks.get(index)
        if block is None or not fragment:
            return
        if block.hosted is not None:
            self._block(index, len(fragment)).text.append(fragment)
        elif block.call >= 0:
            block.said = True
            if block.input is None:
                block.input = repeated_arguments.Arguments()
            for piece in block.input.feed(fragment):
                out.append(events.ToolCallDelta(block.call, piece))

    def _reasoning(self, block: _Block, reasoning: Reasoning, out: list[events.ModelEvent]) -> None:
        if reasoning.text:
            block.text.append(reasoning.text)
            out.append(events.ReasoningDelta(reasoning.text))
        if reasoning.signature:
            block.signature.append(reasoning.signature)
        if reasoning.redactedContent:
            block.redacted.append(reasoning.redactedContent)

    def _stop(self, block: _Block, out: list[events.ModelEvent]) -> None:
        self.release(block.size)
        if block.input is not None:
            for piece in block.input.close():
                out.append(events.ToolCallDelta(block.call, piece))
        if block.call >= 0 and not block.said:
            self._settle_empty(out)
            self._empty = block.call
        elif block.signature:
            text = {"text": "".join(block.text), "signature": "".join(block.signature)}
            out.append(_item({"reasoningContent": {"reasoningText": text}}))
        elif block.redacted:
            out.append(_item({"reasoningContent": {"redactedContent": _join_base64(block.redacted)}}))
        elif block.hosted is not None:
            self._hosted_call(block.hosted, "".join(block.text), out)
        elif block.result is not None or block.results:
            self._hosted_result(block, out)

    def _settle_empty(self, out: list[events.ModelEvent]) -> None:
        """The answer went on behind a call without input, or ended by itself: the tool takes none."""
        if self._empty >= 0:
            out.append(events.ToolCallDelta(self._empty, "{}"))
        self._empty = -1

    def _hosted_call(self, tool: ToolUse, arguments: str, out: list[events.ModelEvent]) -> None:
        self._hosted = (tool.toolUseId or "", tool.name or "")
        out.append(events.HostedToolCall(*self._hosted, arguments or "{}"))
        try:
            given = jsontext.decode(arguments or "{}")
        except ValueError:
            given = {}
        whole = {"toolUseId": tool.toolUseId, "name": tool.name, "input": given, "type": "server_tool_use"}
        out.append(_item({"toolUse": whole}))

    def _hosted_result(self, block: _Block, out: list[events.ModelEvent]) -> None:
        result = block.result or {}
        ident, name = str(result.get("toolUseId") or self._hosted[0]), self._hosted[1]
        shown = [part["text"] if "text" in part else _json(part.get("json")) for part in block.results]
        out.append(events.HostedToolResult(ident, name, "\n".join(map(str, shown)), result.get("status") != "error"))
        out.append(_item({"toolResult": {**result, "toolUseId": ident, "content": block.results}}))

    def _conclude(self, out: list[events.ModelEvent]) -> None:
        for block in self._blocks.values():
            self._stop(block, out)
        self._blocks.clear()
        raw = self._stop_reason or ""
        if _REASONS.get(raw) != "length":
            self._settle_empty(out)
        if self._usage:
            out.append(events.UsageReport(usage_of(self._usage)))
        if raw == "malformed_tool_use" and not self._calls:  # there is no call to see, but the model can try again
            out.append(events.ToolCallMalformed(0, "it could not be read"))
        out.append(events.Finish(_REASONS.get(raw, "unknown"), raw))
        self.done = True


def usage_of(raw: dict[str, Any]) -> usage.Usage:
    """Bedrock counts cached input apart; ours counts it in. The names differ between its APIs."""

    def count(*names: str) -> int:
        return next((value for name in names if isinstance(value := raw.get(name), int)), 0)

    cached = count("cacheReadInputTokens", "cacheReadInputTokenCount")
    written = count("cacheWriteInputTokens", "cacheWriteInputTokenCount")
    return usage.Usage(
        input=count("inputTokens", "inputTokenCount") + cached + written,
        output=count("outputTokens", "outputTokenCount"),
        cached=cached,
        cache_write=written,
        raw=raw,
    )


def error_of(frame: Message) -> errors.ProviderError:
    """An exception in the middle of a stream; ``:error-code`` is an error below the service."""
    kind = str(frame.headers.get(":exception-type") or frame.headers.get(":error-code") or "")
    value = failures.parse(frame.payload) or {"message": str(frame.headers.get(":error-message") or "")}
    text = f"{kind} {failures.describe(value)}"
    failure = failures.from_status(converse_body.NAME, _STATUSES.get(kind[:1].lower() + kind[1:], 500), value, text)
    failure.retryable = failure.retryable or kind in _RETRYABLE
    return failure


def _citation(data: dict[str, Any]) -> toolspec.Source:
    location = data.get("location")
    web = location.get("web") if isinstance(location, dict) else None
    url = web.get("url") if isinstance(web, dict) else None
    cited = data.get("sourceContent")
    texts = [str(part.get("text") or "") for part in cited if isinstance(part, dict)] if isinstance(cited, list) else []
    title = str(data.get("title") or (web.get("domain") if isinstance(web, dict) else "") or "")
    ident = url or data.get("source") or title or "document"
    return toolspec.Source(str(ident), title, str(url) if url else None, "".join(texts))


def _join_base64(pieces: list[str]) -> str:
    """Base64 of bytes that came in pieces, each base64 of its own."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(map(base64.b64decode, pieces))).decode()
    except ValueError:
        return "".join(pieces)


def _item(data: dict[str, Any]) -> events.ItemAdded:
    return events.ItemAdded(messages.ProviderItem(converse_body.NAME, data))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
