"""Bedrock's InvokeModelWithResponseStream, for reading: one chunk format for each family of models, in one framing.

Chunks of Claude are Anthropic's events, those of Nova are Converse's and those of gpt-oss are chat completions', so
their own decoders read them here.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from msgspec import Struct

from turnstream import events
from turnstream.parsing import sse
from turnstream.parsing.aws_event_stream import Message
from turnstream.providers.decode import anthropic_stream, aws_frames, chat_stream, converse_stream, failures, lenient
from turnstream.providers.encode import converse_body

_METRICS = "amazon-bedrock-invocationMetrics"
_REASONS: dict[str, events.FinishReason] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "FINISH": "stop",
    "COMPLETE": "stop",
    "length": "length",
    "LENGTH": "length",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "CONTENT_FILTERED": "content_filter",
}


class _Frame(Struct):
    bytes: str = ""


_decode_frame = lenient.decoder(_Frame)
_decode_claude = lenient.decoder(anthropic_stream.Event)
_decode_any = msgspec.json.Decoder(dict[str, Any]).decode
_NOVA = ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata")


def _repair(data: bytes, surrogates: lenient.Surrogates) -> bytes:
    try:
        return msgspec.json.encode(lenient.loads(surrogates.join(data)))
    except ValueError:
        raise failures.protocol_error(converse_body.NAME, "a chunk is not valid JSON") from None


class Decoder(aws_frames.AwsDecoder):
    """The families that say text, a reason and no more: Titan, Llama, Mistral, DeepSeek, Cohere Command, Claude 2."""

    provider = converse_body.NAME

    def __init__(self) -> None:
        super().__init__()
        self._claude: anthropic_stream.Decoder | None = None
        self._nova: converse_stream.Decoder | None = None
        self._chat: chat_stream.Decoder | None = None
        self._reason: str | None = None
        self._metrics: dict[str, Any] | None = None

    def take(self, frame: Message, out: list[events.ModelEvent]) -> None:
        if frame.headers.get(":message-type") in ("exception", "error"):
            raise converse_stream.error_of(frame)
        try:
            data = base64.b64decode(_decode_frame(frame.payload, self.surrogates).bytes)
        except ValueError:
            raise failures.protocol_error(converse_body.NAME, "a chunk is not valid base64") from None
        try:
            chunk = _decode_any(data)
        except (msgspec.DecodeError, UnicodeError):
            data = _repair(data, self.surrogates)
            chunk = _decode_any(data)
        if self._claude is not None or ("type" in chunk and chunk["type"] != "completion"):
            self._of_claude(data, out)
        elif self._chat is not None or _has_deltas(chunk):
            self._of_chat(data, chunk, out)
        elif any(name in chunk for name in _NOVA):
            self._of_nova(chunk, len(data), out)
        else:
            self._of_others(chunk, out)

    def end(self, out: list[events.ModelEvent]) -> None:
        if self._claude is not None:
            self._claude.end(out)
        elif self._nova is not None:
            self._nova.end(out)
        elif self._chat is not None:
            self._end_chat(self._chat, out)
        elif self._reason is None and self._metrics is None:
            super().end(out)
        else:
            if self._metrics:
                out.append(events.UsageReport(converse_stream.usage_of(self._metrics)))
            out.append(events.Finish(_REASONS.get(self._reason or "", "unknown"), self._reason))
        self.done = True

    def _of_claude(self, data: bytes, out: list[events.ModelEvent]) -> None:
        if self._claude is None:
            self._claude = anthropic_stream.Decoder()
        self._claude.message(_decode_claude(data, self.surrogates), data, out)
        self.done = self._claude.done

    def _of_nova(self, chunk: dict[str, Any], size: int, out: list[events.ModelEvent]) -> None:
        if self._nova is None:
            self._nova = converse_stream.Decoder()
        for name in _NOVA:
            if isinstance(inner := chunk.get(name), dict):
                self._nova.event(name, lenient.fit(converse_stream.Event, inner), size, out)
        self.done = self._nova.done

    def _of_chat(self, data: bytes, chunk: dict[str, Any], out: list[events.ModelEvent]) -> None:
        if self._chat is None:
            self._chat = chat_stream.Decoder()
        self._chat.take(sse.Event(data), out)
        if isinstance(metrics := chunk.get(_METRICS), dict):
            self._metrics = metrics

    def _end_chat(self, chat: chat_stream.Decoder, out: list[events.ModelEvent]) -> None:
        begun = len(out)
        chat.end(out)
        if self._metrics and not any(isinstance(event, events.UsageReport) for event in out[begun:]):
            out.insert(len(out) - 1, events.UsageReport(converse_stream.usage_of(self._metrics)))

    def _of_others(self, chunk: dict[str, Any], out: list[events.ModelEvent]) -> None:
        holders = chunk.get("outputs") or chunk.get("choices")
        for holder in holders if isinstance(holders, list) and holders else [chunk]:
            if not isinstance(holder, dict):
                continue
            for name in ("text", "outputText", "generation", "completion"):
                if isinstance(text := holder.get(name), str) and text:
                    out.append(events.TextDelta(text))
            for name in ("stop_reason", "completionReason", "finish_reason"):
                if isinstance(reason := holder.get(name), str):
                    self._reason = reason
        if isinstance(metrics := chunk.get(_METRICS), dict):
            self._metrics = metrics


def _has_deltas(chunk: dict[str, Any]) -> bool:
    """Whether it is a chunk of chat completions; choices with a ``text`` are text completions."""
    choices = chunk.get("choices")
    return isinstance(choices, list) and any(
        isinstance(choice, dict) and not choice.keys().isdisjoint(("delta", "message")) for choice in choices
    )
