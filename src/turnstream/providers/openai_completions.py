"""Text completions (``POST /completions``): OpenAI's older protocol, which vLLM, llama.cpp and others still serve.

The prompt is the conversation through a chat template, see `turnstream.providers.encode.template_prompts` for its
quirks. Tool calls come back as text: `text_format` says in which form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from turnstream import events, requests
from turnstream.parsing import sse
from turnstream.providers import base, catalogue
from turnstream.providers.decode import chat_usage, failures, frames, lenient
from turnstream.providers.encode import template_prompts, translate

NAME = "openai-completions"

_REASONS: dict[str, events.FinishReason] = {
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


def settings(given: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """``given`` with its address, its key and its family's template. Raises `ConfigurationError`."""
    completed = catalogue.complete(NAME, given, environ)
    return msgspec.structs.replace(completed, quirks=template_prompts.with_family(NAME, completed))


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    """Raises `RequestError` if the template refuses the conversation."""
    options = translate.options_of(settings, model_request)
    body: dict[str, Any] = {
        "model": settings.model,
        "prompt": template_prompts.prompt(settings, model_request),
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
    return base.HttpRequest(
        "POST",
        settings.base_url + "/completions",
        headers,
        translate.encode(translate.with_extra(whole, options.extra)),
        notes,
    )


class _Choice(Struct, gc=False):
    text: str | None = None
    index: int | None = None
    finish_reason: str | None = None


class _Chunk(Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


_chunk = msgspec.json.Decoder(_Chunk)


class Decoder(frames.SseDecoder):
    """Only choice 0 is read."""

    provider = NAME

    def __init__(self) -> None:
        super().__init__()
        self._finish: str | None = None
        self._usage: dict[str, Any] | None = None

    def take(self, event: sse.Event, out: list[events.ModelEvent]) -> None:
        data = event.data.strip()
        if not data:
            return
        if data == b"[DONE]":
            self._end(out)
            return
        self._read(data, out)

    def document(self, body: bytes, out: list[events.ModelEvent]) -> None:
        """A server that does not stream answers in one document of the same form."""
        value = failures.parse(body)
        if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
            super().document(body, out)
        self._read(body, out)

    def end(self, out: list[events.ModelEvent]) -> None:
        if self._finish is None:
            super().end(out)
        self._end(out)

    def _read(self, data: bytes, out: list[events.ModelEvent]) -> None:
        try:
            chunk = lenient.read(_chunk, data, self.surrogates)
        except ValueError:
            raise failures.protocol_error(NAME, "an event is not a completion chunk") from None
        for choice in chunk.choices or ():
            if not choice.index:
                if choice.text:
                    out.append(events.TextDelta(choice.text))
                self._finish = choice.finish_reason or self._finish
                self.finished = self._finish is not None
        self._usage = chunk.usage or self._usage
        if chunk.error:
            raise failures.from_status(NAME, None, chunk.error)

    def _end(self, out: list[events.ModelEvent]) -> None:
        self.done = True
        if self._usage is not None:
            out.append(events.UsageReport(chat_usage.read(self._usage)))
        out.append(events.Finish(_REASONS.get((self._finish or "").lower(), "unknown"), self._finish))


PROVIDER = base.Provider(NAME, request, Decoder, settings, text_format=template_prompts.text_format)
