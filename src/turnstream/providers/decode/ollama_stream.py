"""The lines that Ollama answers with, of ``/api/chat`` and of ``/api/generate``."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from turnstream.events import (
    Finish,
    FinishReason,
    ModelEvent,
    ProviderError,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)
from turnstream.parsing import ndjson
from turnstream.providers.decode import failures, lenient

NAME = "ollama"

_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
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


class Decoder:
    """A call comes whole, in one line or in several; the last line says ``done``."""

    def __init__(self) -> None:
        self.done = False
        self._lines = ndjson.Decoder()
        self._halves = lenient.Halves()
        self._calls = 0
        self._error: ProviderError | None = None

    def feed(self, piece: bytes) -> list[ModelEvent]:
        self._check()
        if self.done:
            return []
        out: list[ModelEvent] = []
        try:
            for data in self._lines.feed(piece):
                if self._take(data, out):
                    break
        except ProviderError as error:
            self._fail(error, out)
        return out

    def close(self) -> list[ModelEvent]:
        """The rest. Call it until it gives nothing: if the stream also ended badly, the call after the rest raises."""
        self._check()
        out: list[ModelEvent] = []
        try:
            if not self.done:
                for line in self._lines.close():
                    self._take(line, out)
            if not self.done:
                raise failures.ended_early(NAME)
        except ProviderError as error:
            self._fail(error, out)
        return out

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _fail(self, error: ProviderError, out: list[ModelEvent]) -> None:
        error.provider = NAME
        self._error = error
        if not out:
            raise error

    def _take(self, data: bytes, out: list[ModelEvent]) -> bool:
        """Whether that was the last line."""
        try:
            line = _strict(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            line = _lenient(data, self._halves)
        message = line.message
        if message is None:
            _generated(line, out)
        else:
            if message.thinking:
                out.append(ReasoningDelta(message.thinking))
            if message.content:
                out.append(TextDelta(message.content))
            if message.tool_calls:
                for call in message.tool_calls:
                    self._call(call, out)
        if line.done or line.error:
            self._end(line, data, out)
            return True
        return False

    def _call(self, call: _Call, out: list[ModelEvent]) -> None:
        function = call.function or _Function()
        if not function.name:
            raise failures.broken(NAME, "a tool call has no name")
        out.append(ToolCallStart(self._calls, call.id or "", function.name))
        out.append(ToolCallDelta(self._calls, _arguments(bytes(function.arguments))))
        self._calls += 1

    def _end(self, line: Line, data: bytes, out: list[ModelEvent]) -> None:
        if line.error:
            raise _reported(data, line.error)
        counts = _counts(data)
        prompt, answer = counts.get("prompt_eval_count", 0), counts.get("eval_count", 0)
        out.append(UsageReport(Usage(prompt, answer, raw=counts)))
        reason = _REASONS.get(line.done_reason, "unknown") if line.done_reason else "stop"
        out.append(Finish("tool_calls" if self._calls and reason == "stop" else reason, line.done_reason))
        self.done = True


def _lenient(data: bytes, halves: lenient.Halves) -> Line:
    try:
        return lenient.read(_line, data, halves)
    except ValueError:
        raise failures.broken(NAME, "a line is no JSON object of an answer") from None


def _generated(line: Line, out: list[ModelEvent]) -> None:
    """``/api/generate`` has its texts in the line itself."""
    if line.thinking:
        out.append(ReasoningDelta(line.thinking))
    if line.response:
        out.append(TextDelta(line.response))


def _counts(data: bytes) -> dict[str, Any]:
    whole = failures.parsed(data)
    if not isinstance(whole, dict):
        return {}
    return {name: whole[name] for name in _COUNTS if type(whole.get(name)) is int and whole[name] >= 0}


def _arguments(raw: bytes) -> str:
    """An object, as its text. Some models' arguments come as a string of JSON."""
    if raw[:1] == b'"':
        return str(msgspec.json.decode(raw))
    text = raw.decode("utf-8", "replace")
    return "{}" if text in ("", "null") else text


def _reported(data: bytes, error: Any) -> ProviderError:
    return failures.from_status(NAME, None, failures.parsed(data), failures.described({"error": error}))
