"""Text completions (``POST /completions``): OpenAI's older protocol, which vLLM, llama.cpp and others still serve.

The prompt is the conversation through a chat template, see `turnstream.providers.template_prompts` for its quirks. Tool
calls come back as text: `text_format` says in which form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from turnstream.events import (
    Finish,
    FinishReason,
    ModelEvent,
    ModelRequest,
    ProviderError,
    TextDelta,
    UsageReport,
)
from turnstream.parsing import sse
from turnstream.providers import compatible, errors
from turnstream.providers.base import HttpRequest, Settings
from turnstream.providers.chat_usage import usage
from turnstream.providers.decoding import SseDecoder
from turnstream.providers.failure import broken
from turnstream.providers.leniency import read
from turnstream.providers.template_prompts import prompt, text_format, with_family
from turnstream.providers.translate import encoded, options_of, with_extra

PROVIDER = "openai-completions"

__all__ = ["Decoder", "error", "request", "settings", "text_format"]

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
_PLAIN = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty")
_UNKNOWN_HERE = ("response_format", "reasoning_effort", "tool_choice", "parallel_tool_calls")


def settings(given: Settings, environ: Mapping[str, str]) -> Settings:
    """``given`` with its address, its key and its family's template. Raises `ConfigurationError`."""
    completed = compatible.settings("openai-compatible", given, environ)
    return msgspec.structs.replace(completed, quirks=with_family(PROVIDER, completed))


def request(settings: Settings, model_request: ModelRequest) -> HttpRequest:
    """Raises `RequestError` if the template refuses the conversation."""
    options = options_of(settings, model_request)
    body: dict[str, Any] = {
        "model": settings.model,
        "prompt": prompt(settings, model_request),
        "stream": True,
        "stream_options": {"include_usage": True},
        "stop": [*(options.stop or ()), *settings.quirks.get("stop", ())],
    }
    body |= {name: value for name in _PLAIN if (value := getattr(options, name)) is not None}
    if options.output_limit is not None:
        body["max_tokens"] = options.output_limit
    headers = {"content-type": "application/json", "accept": "text/event-stream", **settings.headers}
    if settings.api_key:
        headers["authorization"] = f"Bearer {settings.api_key}"
    notes = tuple(
        f"{name} is left out: text completions do not have it"
        for name in _UNKNOWN_HERE
        if getattr(options, name) not in (None, "auto")
    )
    whole = {name: value for name, value in body.items() if value != []}
    return HttpRequest(
        "POST", settings.base_url + "/completions", headers, encoded(with_extra(whole, options.extra)), notes
    )


def error(status: int, body: bytes) -> ProviderError:
    value = errors.parsed(body)
    return errors.from_status(PROVIDER, status, value, errors.described(value))


class _Choice(Struct, gc=False):
    text: str | None = None
    index: int | None = None
    finish_reason: str | None = None


class _Chunk(Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


_chunk = msgspec.json.Decoder(_Chunk)


class Decoder(SseDecoder):
    """Only choice 0 is read."""

    provider = PROVIDER

    def __init__(self) -> None:
        super().__init__()
        self._finish: str | None = None
        self._usage: dict[str, Any] | None = None

    def take(self, event: sse.Event, out: list[ModelEvent]) -> None:
        data = event.data.strip()
        if not data:
            return
        if data == b"[DONE]":
            self._end(out)
            return
        self._read(data, out)

    def document(self, body: bytes, out: list[ModelEvent]) -> None:
        """A server that does not stream answers in one document of the same form."""
        value = errors.parsed(body)
        if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
            super().document(body, out)
        self._read(body, out)

    def end(self, out: list[ModelEvent]) -> None:
        if self._finish is None:
            super().end(out)
        self._end(out)

    def _read(self, data: bytes, out: list[ModelEvent]) -> None:
        try:
            chunk = read(_chunk, data, self.halves)
        except ValueError:
            raise broken(PROVIDER, "an event is no completion chunk") from None
        for choice in chunk.choices or ():
            if not choice.index:
                if choice.text:
                    out.append(TextDelta(choice.text))
                self._finish = choice.finish_reason or self._finish
        self._usage = chunk.usage or self._usage
        if chunk.error:
            raise errors.from_status(PROVIDER, None, chunk.error, errors.described(chunk.error))

    def _end(self, out: list[ModelEvent]) -> None:
        self.done = True
        if self._usage is not None:
            out.append(UsageReport(usage(self._usage)))
        out.append(Finish(_REASONS.get((self._finish or "").lower(), "unknown"), self._finish))
