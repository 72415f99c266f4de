"""Anthropic Messages (https://platform.claude.com/docs/en/api/messages-streaming).

What a model of ours means here is in docs/models.md, section Anthropic.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from turnstream import errors, events, jsontext, messages, toolspec, usage
from turnstream.parsing import repeated_arguments, sse
from turnstream.providers.decode import failures, frames, lenient
from turnstream.providers.encode import anthropic_body

_REASONS: dict[str, events.FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "content_filter",
}


class _Delta(Struct):
    """The delta of ``content_block_delta`` and of ``message_delta``."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    citation: dict[str, Any] | None = None
    stop_reason: str | None = None
    stop_details: dict[str, Any] | None = None


class Event(Struct):
    type: str = ""
    index: int = 0
    delta: _Delta | None = None
    content_block: dict[str, Any] | None = None
    message: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


class _Raw(Struct):
    """A delta of a type that is not known here, as the object that it is."""

    delta: dict[str, Any]


_decode = lenient.decoder(Event)
_decode_raw = msgspec.json.Decoder(_Raw).decode


class _Block:
    """A content block that is still open. ``call`` is its number among the tool calls, -1 if it is none."""

    __slots__ = ("call", "data", "input", "pieces", "said", "signature", "size", "type")

    def __init__(self, data: dict[str, Any], call: int) -> None:
        self.data = data
        self.type = str(data.get("type"))
        self.call = call
        self.pieces: list[str] = []  # of thinking, or of a hosted call's arguments
        self.signature: list[str] = []
        self.input = repeated_arguments.Arguments()
        self.said = False
        self.size = 0


def _kind_of(delta: _Delta) -> str:
    """The type of a delta that does not say it, by what it has."""
    if delta.text is not None:
        return "text_delta"
    if delta.partial_json is not None:
        return "input_json_delta"
    return "thinking_delta" if delta.thinking is not None else "signature_delta" if delta.signature is not None else ""


class Decoder(frames.SseDecoder):
    """Blocks that the history needs (signed thinking, the vendor's own tools) are given whole when they end."""

    provider = anthropic_body.NAME

    def __init__(self) -> None:
        super().__init__()
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._usage: dict[str, Any] = {}
        self._finish: events.Finish | None = None
        self._hosted: dict[str, str] = {}
        self._empty = -1  # the call that ended without input: by itself, or was it cut off?

    def take(self, event: sse.Event, out: list[events.ModelEvent]) -> None:
        data = event.data
        decoded = self.read(_decode, data)
        if decoded is None:
            return
        if not decoded.type and event.event:  # imitators name it nowhere else
            decoded.type = event.event
        delta = decoded.delta
        if delta is not None and delta.type == "text_delta" and delta.text:  # nearly all events
            out.append(events.TextDelta(delta.text))
        else:
            self.message(decoded, data, out)

    def document(self, body: bytes, out: list[events.ModelEvent]) -> None:
        """An error, or the whole answer of a gateway that does not stream."""
        value = failures.parse(body)
        if not isinstance(value, dict) or value.get("type") != "message" or not isinstance(value.get("content"), list):
            super().document(body, out)
        for number, block in enumerate(value["content"]):
            if isinstance(block, dict):
                self._start(Event(index=number, content_block=block), len(body), out)
        ended = {"delta": {"stop_reason": value.get("stop_reason") or "end_turn"}, "usage": value.get("usage")}
        self._message_delta(msgspec.convert(ended, Event), out)
        self._conclude(out)

    def message(self, event: Event, data: bytes, out: list[events.ModelEvent]) -> None:
        """One event of the protocol, whatever frame it came in."""
        match event.type:
            case "content_block_delta":
                self._delta(event, data, out)
            case "content_block_start":
                self._start(event, len(data), out)
            case "content_block_stop":
                if (block := self._blocks.pop(event.index, None)) is not None:
                    self._stop(block, out)
            case "message_start":
                if isinstance(usage := (event.message or {}).get("usage"), dict):
                    self._count(usage)
            case "message_delta":
                self._message_delta(event, out)
            case "message_stop":
                self._conclude(out)
            case "error":
                raise _stream_error(event.error)
            case _:  # ping, and what is not known yet
                pass

    def end(self, out: list[events.ModelEvent]) -> None:
        if self._finish is None:
            super().end(out)
        self._conclude(out)

    def _start(self, event: Event, size: int, out: list[events.ModelEvent]) -> None:
        data = event.content_block or {}
        if (open_one := self._blocks.pop(event.index, None)) is not None:  # imitators leave its stop out
            self._stop(open_one, out)
        self._settle_empty(out)
        block = _Block(data, -1)
        self._keep(block, size)
        self._blocks[event.index] = block
        if block.type == "tool_use":
            block.call, self._calls = self._calls, self._calls + 1
            out.append(events.ToolCallStart(block.call, str(data.get("id") or ""), str(data.get("name") or "")))
        elif block.type == "text" and data.get("text"):
            out.append(events.TextDelta(str(data["text"])))
        elif block.type == "thinking" and data.get("thinking"):
            block.pieces.append(str(data["thinking"]))
            out.append(events.ReasoningDelta(str(data["thinking"])))

    def _keep(self, block: _Block, size: int) -> None:
        self.hold(size)
        block.size += size

    def _delta(self, event: Event, data: bytes, out: list[events.ModelEvent]) -> None:
        delta = event.delta
        if delta is None:
            return
        kind = delta.type or _kind_of(delta)
        if kind == "text_delta":
            if delta.text:
                out.append(events.TextDelta(delta.text))
            return
        block = self._blocks.get(event.index)
        if block is None:
            block = self._begin_untold(event.index, kind, out)  # imitators leave the start out
        if block is None:
            return
        if kind == "input_json_delta":
            self._input(block, delta.partial_json or "", out)
        elif kind == "thinking_delta":
            if delta.thinking:
                self._keep(block, len(delta.thinking))
                block.pieces.append(delta.thinking)
                out.append(events.ReasoningDelta(delta.thinking))
        elif kind == "signature_delta":
            self._keep(block, len(delta.signature or ""))
            block.signature.append(delta.signature or "")
        elif kind == "citations_delta":
            out.append(events.SourceFound(_citation(delta.citation or {})))
        else:
            self._grow(block, data)

    def _begin_untold(self, index: int, kind: str, out: list[events.ModelEvent]) -> _Block | None:
        """The block of a delta that nothing has begun: a thought, or a call whose name nobody will know."""
        if kind in ("thinking_delta", "signature_delta"):
            block = self._blocks[index] = _Block({"type": "thinking"}, -1)
        elif kind == "input_json_delta":
            block = self._blocks[index] = _Block({"type": "tool_use"}, self._calls)
            self._calls += 1
            out.append(events.ToolCallMalformed(block.call, "it has no name"))
        else:
            return None
        return block

    def _input(self, block: _Block, fragment: str, out: list[events.ModelEvent]) -> None:
        if not fragment:
            return
        if block.call >= 0:
            block.said = True
            out.extend(events.ToolCallDelta(block.call, piece) for piece in block.input.feed(fragment))
        else:
            self._keep(block, len(fragment))
            block.pieces.append(fragment)

    def _grow(self, block: _Block, data: bytes) -> None:
        """A delta of an unknown type: its strings continue the block's fields of the same name."""
        self._keep(block, len(data))
        for key, value in _decode_raw(data).delta.items():
            if key != "type":
                before = block.data.get(key)
                block.data[key] = before + value if isinstance(before, str) and isinstance(value, str) else value

    def _stop(self, block: _Block, out: list[events.ModelEvent]) -> None:
        self.release(block.size)
        data = block.data
        match block.type:
            case "text":
                return
            case "tool_use":
                out.extend(events.ToolCallDelta(block.call, piece) for piece in block.input.close())
                if not block.said and data.get("input"):  # all of it came with the start
                    out.append(events.ToolCallDelta(block.call, msgspec.json.encode(data["input"]).decode()))
                elif not block.said:
                    self._settle_empty(out)
                    self._empty = block.call
                return
            case "thinking":
                data["thinking"] = "".join(block.pieces)
                data["signature"] = "".join(block.signature) or data.get("signature") or ""
                if not data["signature"]:  # it cannot be sent back
                    return
            case "server_tool_use" | "mcp_tool_use":
                self._hosted_call(block, out)
            case kind if kind.endswith("_tool_result"):
                self._hosted_result(data, out)
            case _:
                pass
        out.append(events.ItemAdded(messages.ProviderItem(anthropic_body.NAME, data)))

    def _settle_empty(self, out: list[events.ModelEvent]) -> None:
        """The answer went on behind a call without input, or ended by itself: the tool takes none."""
        if self._empty >= 0:
            out.append(events.ToolCallDelta(self._empty, "{}"))
        self._empty = -1

    def _hosted_call(self, block: _Block, out: list[events.ModelEvent]) -> None:
        data = block.data
        arguments = "".join(block.pieces)
        if arguments:
            try:
                data["input"] = jsontext.decode(arguments)
            except ValueError:
                data["input"] = {}
        else:
            arguments = msgspec.json.encode(data.get("input") or {}).decode()
        ident, name = str(data.get("id") or ""), str(data.get("name") or "")
        self.hold(len(ident) + len(name))
        self._hosted[ident] = name
        out.append(events.HostedToolCall(ident, name, arguments))

    def _hosted_result(self, data: dict[str, Any], out: list[events.ModelEvent]) -> None:
        ident, content = str(data.get("tool_use_id") or ""), data.get("content")
        name = self._hosted.get(ident) or str(data["type"]).removesuffix("_tool_result")
        failed = bool(data.get("is_error")) or (isinstance(content, dict) and "error_code" in content)
        out.append(events.HostedToolResult(ident, name, _result_text(content), not failed))
        for found in content if isinstance(content, list) else ():
            if isinstance(found, dict) and found.get("type") == "web_search_result":
                url = str(found.get("url") or "")
                out.append(events.SourceFound(toolspec.Source(url, str(found.get("title") or ""), url or None), ident))

    def _message_delta(self, event: Event, out: list[events.ModelEvent]) -> None:
        if event.usage:
            self._count(event.usage)
        delta = event.delta
        if delta is None or delta.stop_reason is None:
            return
        if delta.stop_details and isinstance(text := delta.stop_details.get("explanation"), str):
            out.append(events.RefusalDelta(text))
        self.finished = True
        self._finish = events.Finish(_REASONS.get(delta.stop_reason, "unknown"), delta.stop_reason)

    def _count(self, usage: dict[str, Any]) -> None:
        """Counts are cumulative; what a later event leaves out, or has as null, keeps its value."""
        self._usage.update((key, value) for key, value in usage.items() if value is not None)

    def _conclude(self, out: list[events.ModelEvent]) -> None:
        for block in self._blocks.values():
            self._stop(block, out)
        self._blocks.clear()
        if self._finish is None or self._finish.reason != "length":
            self._settle_empty(out)
        if self._usage:
            out.append(events.UsageReport(usage_of(self._usage)))
        out.append(self._finish or events.Finish("unknown"))
        self.done = True


def usage_of(raw: dict[str, Any]) -> usage.Usage:
    """Anthropic counts cached input apart; ours counts it in."""

    def count(name: str, where: Any = raw) -> int:
        value = where.get(name) if isinstance(where, dict) else None
        return value if isinstance(value, int) else 0

    cached, written = count("cache_read_input_tokens"), count("cache_creation_input_tokens")
    return usage.Usage(
        input=count("input_tokens") + cached + written,
        output=count("output_tokens"),
        cached=cached,
        cache_write=written,
        reasoning=count("thinking_tokens", raw.get("output_tokens_details")),
        raw=raw,
    )


def _stream_error(reported: Any) -> errors.ProviderError:
    """``{"type": …, "message": …}``: the type stands for the status that the answer can no longer have."""
    return failures.from_status(anthropic_body.NAME, None, reported)


def _citation(data: dict[str, Any]) -> toolspec.Source:
    """A passage of a document that was sent along, of a search result, or of a page of the web."""
    url = data.get("url") or data.get("source")
    title = data.get("document_title") or data.get("title") or ""
    ident = url or f"document-{data.get('document_index', 0)}"
    return toolspec.Source(
        str(ident), str(title), url if isinstance(url, str) else None, str(data.get("cited_text") or "")
    )


def _result_text(content: Any) -> str:
    """A hosted tool's result as text: its text blocks, titles of pages, or its JSON without encrypted parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(item, dict) for item in content):
        texts = [item.get("text") or f"{item.get('title', '')} {item.get('url', '')}".strip() for item in content]
        if all(isinstance(text, str) and text for text in texts):
            return "\n".join(texts)
    return msgspec.json.encode(_strip_ciphers(content)).decode()


def _strip_ciphers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strip_ciphers(item) for key, item in value.items() if not str(key).startswith("encrypted_")}
    return [_strip_ciphers(item) for item in value] if isinstance(value, list) else value
