"""The lines that Ollama answers with, of ``/api/chat`` and of ``/api/generate``."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from turnstream import errors, events, jsontext, usage
from turnstream.parsing import ndjson
from turnstream.providers.decode import failures, frames, lenient

NAME = "ollama"

_REASONS: dict[str, events.FinishReason] = {"stop": "stop", "length": "length"}
_COUNTS = (
    "prompt_eval_count",
    "eval_count",
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
)


class _Function(Struct, gc=False):
    name: str | None = None
    arguments: msgspec.Raw = msgspec.Raw()


class _Call(Struct, gc=False):
    id: str | None = None
    function: _Function | None = None


class _Message(Struct, gc=False):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class Line(Struct, gc=False):
    message: _Message | None = None
    response: str | None = None
    thinking: str | None = None
    done: bool = False
    done_reason: str | None = None
    error: Any = None


_line = msgspec.json.Decoder(Line)
_strict = _line.decode


class Decoder(frames.FramedDecoder[bytes]):
    """A call comes whole, in one line or in several; the last line says ``done``."""

    provider = NAME

    def __init__(self) -> None:
        super().__init__(ndjson.Decoder())
        self._calls = 0

    def take(self, frame: bytes, out: list[events.ModelEvent]) -> None:
        if frame[:1] != b"{":  # a gateway has made events of the lines
            frame = frame.removeprefix(b"data:").strip()
            if frame.startswith((b":", b"event:", b"id:")) or frames.says_nothing(frame):
                return
        try:
            line = _strict(frame)
        except jsontext.UNDECODABLE:
            line = _lenient(frame, self.surrogates)
        message = line.message
        if message is None:
            _add_generated(line, out)
        else:
            if message.thinking:
                out.append(events.ReasoningDelta(message.thinking))
            if message.content:
                out.append(events.TextDelta(message.content))
            if message.tool_calls:
                for call in message.tool_calls:
                    self._call(call, out)
        if line.done or line.error:
            self._end(line, frame, out)

    def _call(self, call: _Call, out: list[events.ModelEvent]) -> None:
        function = call.function or _Function()
        arguments = _arguments(bytes(function.arguments))
        if function.name:
            out.append(events.ToolCallStart(self._calls, call.id or "", function.name))
            out.append(events.ToolCallDelta(self._calls, arguments))
        else:
            out.append(events.ToolCallMalformed(self._calls, "it has no name", arguments))
        self._calls += 1

    def _end(self, line: Line, data: bytes, out: list[events.ModelEvent]) -> None:
        if line.error:
            raise _error_of(data, line.error)
        counts = _counts(data)
        prompt, answer = counts.get("prompt_eval_count", 0), counts.get("eval_count", 0)
        out.append(events.UsageReport(usage.Usage(prompt, answer, raw=counts)))
        reason = _REASONS.get(line.done_reason, "unknown") if line.done_reason else "stop"
        out.append(events.Finish("tool_calls" if self._calls and reason == "stop" else reason, line.done_reason))
        self.done = True


def _lenient(data: bytes, surrogates: lenient.Surrogates) -> Line:
    try:
        return lenient.read(_line, data, surrogates)
    except ValueError:
        raise failures.protocol_error(NAME, "a line is not a JSON object of an answer") from None


def _add_generated(line: Line, out: list[events.ModelEvent]) -> None:
    """``/api/generate`` has its texts in the line itself."""
    if line.thinking:
        out.append(events.ReasoningDelta(line.thinking))
    if line.response:
        out.append(events.TextDelta(line.response))


def _counts(data: bytes) -> dict[str, Any]:
    whole = failures.parse(data)
    if not isinstance(whole, dict):
        return {}
    return {name: whole[name] for name in _COUNTS if type(whole.get(name)) is int and whole[name] >= 0}


def _arguments(raw: bytes) -> str:
    """An object, as its text. Some models' arguments come as a string of JSON."""
    if raw[:1] == b'"':
        return str(msgspec.json.decode(raw))
    text = raw.decode("utf-8", "replace")
    return "{}" if text in ("", "null") else text


def _error_of(data: bytes, error: Any) -> errors.ProviderError:
    return failures.from_status(NAME, None, failures.parse(data), failures.describe({"error": error}))
