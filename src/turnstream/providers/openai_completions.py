"""Text completions (``POST /completions``): OpenAI's older protocol, which vLLM, llama.cpp and others still serve.

The prompt is the conversation through a chat template (`turnstream.prompts`). Quirks: ``family`` names one of
`prompts.families.FAMILIES`, by default that of the model's name; ``template`` is the text of a template of one's
own, with ``format`` (a name of `text_calls.FORMATS`), ``bos``, ``eos`` and ``stop`` beside it; ``variables`` are
passed to the template. Tool calls come back as text: `text_format` says in which form.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from turnstream.events import (
    ConfigurationError,
    Finish,
    FinishReason,
    ModelEvent,
    ModelRequest,
    ProviderError,
    TextDelta,
    UsageReport,
)
from turnstream.parsing import sse
from turnstream.prompts.chat_template import ChatTemplate
from turnstream.prompts.families import FAMILIES, Family, family_of, with_short_ids
from turnstream.providers import compatible, errors
from turnstream.providers.base import HttpRequest, Settings
from turnstream.providers.chat_usage import usage
from turnstream.providers.decoding import SseDecoder
from turnstream.providers.failure import broken
from turnstream.providers.translate import encoded, options_of, with_extra

PROVIDER = "openai-completions"

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
    quirks = dict(completed.quirks)
    if "template" not in quirks:
        quirks = {**_of_family(_family(given)), **quirks}
    return msgspec.structs.replace(completed, quirks=quirks)


def _family(given: Settings) -> Family:
    named = given.quirks.get("family")
    family = FAMILIES.get(str(named)) if named else family_of(given.model)
    if family is None:
        known = ", ".join(FAMILIES)
        raise ConfigurationError(
            f"openai-completions:{given.model} needs a chat template: set the quirk family to one of {known}, "
            "or template to a template's text."
        )
    return family


def _of_family(family: Family) -> dict[str, Any]:
    return {
        "template": family.source(),
        "format": family.format,
        "bos": family.bos,
        "eos": family.eos,
        "stop": list(family.stop),
        "short_ids": family.short_ids,
    }


def text_format(settings: Settings) -> str:
    """The form in which this model writes its tool calls, by its name in `text_calls.FORMATS`."""
    return str(settings.quirks.get("format") or "hermes")


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


def prompt(settings: Settings, model_request: ModelRequest) -> str:
    quirks = settings.quirks
    messages = with_short_ids(model_request.messages) if quirks.get("short_ids") else model_request.messages
    return _template(quirks["template"]).render(
        messages,
        model_request.tools,
        now=datetime.fromtimestamp(model_request.time, UTC),
        bos_token=quirks.get("bos", ""),
        eos_token=quirks.get("eos", ""),
        **quirks.get("variables", {}),
    )


@lru_cache(maxsize=32)
def _template(source: str) -> ChatTemplate:
    return ChatTemplate(source)


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
            chunk = _chunk.decode(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
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
