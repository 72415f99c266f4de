"""IBM watsonx.ai, ``/ml/v1/text/generation_stream`` (https://cloud.ibm.com/apidocs/watsonx-ai, "Text generation").

For models that take a prompt: the conversation goes through a chat template and tool calls come back as text, see
`turnstream.providers.encode.template_prompts`. The decoder reads IBM's older Big AI Models streams, of the same form,
too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from turnstream import events, requests, usage
from turnstream.parsing import sse
from turnstream.providers import base
from turnstream.providers.access import watsonx_access
from turnstream.providers.decode import failures, frames, lenient
from turnstream.providers.encode import template_prompts, translate

NAME = "watsonx-generation"

_DEFAULT_LIMIT = 1024  # the vendor's own default is 20 tokens
_MOST_STOPS = 6
_UNKNOWN_HERE = (
    "presence_penalty",
    "frequency_penalty",
    "response_format",
    "reasoning_effort",
    "tool_choice",
    "parallel_tool_calls",
)
_REASONS: dict[str, events.FinishReason] = {
    "eos_token": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "token_limit": "length",
    "time_limit": "length",
    "cancelled": "unknown",
}


def settings(given: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """Raises `ConfigurationError`."""
    completed = watsonx_access.settings(given, environ)
    return msgspec.structs.replace(completed, quirks=template_prompts.with_family(NAME, completed))


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    """Raises `RequestError` if the template refuses the conversation."""
    options = translate.options_of(settings, model_request)
    notes = [
        f"{name} is left out: text generation does not have it"
        for name in _UNKNOWN_HERE
        if getattr(options, name) not in (None, "auto", True)
    ]
    payload = {
        "input": template_prompts.prompt(settings, model_request),
        "parameters": _parameters(settings, options, notes),
    }
    url, headers, body = watsonx_access.post(settings, "generation_stream", payload)
    return base.HttpRequest(
        "POST", url, headers, translate.encode(translate.with_extra(body, options.extra)), tuple(notes)
    )


def _parameters(settings: base.Settings, options: requests.ModelOptions, notes: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {"max_new_tokens": options.output_limit or _DEFAULT_LIMIT, "decoding_method": "greedy"}
    if options.temperature or (options.temperature is None and options.top_p is not None):
        sampling = {"temperature": options.temperature, "top_p": options.top_p, "random_seed": options.seed}
        result["decoding_method"] = "sample"
        result |= {name: value for name, value in sampling.items() if value is not None}
    elif options.seed is not None:
        notes.append("seed is left out: without a temperature the answer is deterministic.")
    stops = list(dict.fromkeys([*(options.stop or ()), *settings.quirks.get("stop", ())]))
    if len(stops) > _MOST_STOPS:
        notes.append(f"Only {_MOST_STOPS} stop sequences are sent: this vendor accepts no more.")
    if stops:
        result |= {"stop_sequences": stops[:_MOST_STOPS], "include_stop_sequence": False}
    return result


class _Result(Struct, gc=False):
    generated_text: str | None = None
    generated_token_count: int | None = None
    input_token_count: int | None = None
    stop_reason: str | None = None


class Chunk(Struct, gc=False):
    results: list[_Result] | None = None
    errors: Any = None
    error: Any = None


_chunk = msgspec.json.Decoder(Chunk)


class Decoder(frames.SseDecoder):
    """Only the first result of a chunk is read. Counts of tokens come in pieces of their own, some of them 0."""

    provider = NAME

    def __init__(self) -> None:
        super().__init__()
        self._finish: str | None = None
        self._read_tokens: int | None = None
        self._made_tokens: int | None = None

    def take(self, event: sse.Event, out: list[events.ModelEvent]) -> None:
        data = event.data.strip()
        if data and data != b"[DONE]":
            self._read(data, event.event == "error", out)
        if event.event == "close" and self._finish is not None:
            self.end(out)

    def document(self, body: bytes, out: list[events.ModelEvent]) -> None:
        """A gateway that does not stream answers in one document of the same form."""
        value = failures.parse(body)
        if not isinstance(value, dict) or not isinstance(value.get("results"), list):
            super().document(body, out)
        self._read(body, False, out)

    def end(self, out: list[events.ModelEvent]) -> None:
        if self._finish is None:
            super().end(out)
        counts = {"generated_token_count": self._made_tokens, "input_token_count": self._read_tokens}
        raw = {name: count for name, count in counts.items() if count is not None}
        if raw:
            out.append(events.UsageReport(usage.Usage(self._read_tokens or 0, self._made_tokens or 0, raw=raw)))
        finish = str(self._finish)
        out.append(events.Finish(_REASONS.get(finish.lower(), "unknown"), finish))
        self.done = True

    def _read(self, data: bytes, failed: bool, out: list[events.ModelEvent]) -> None:
        try:
            chunk = lenient.read(_chunk, data, self.surrogates)
        except ValueError:
            raise failures.protocol_error(NAME, "an event is not part of a generation") from None
        if chunk.results:
            self._result(chunk.results[0], out)
        if chunk.errors or chunk.error or failed:
            value = failures.parse(data)
            status = value.get("status_code") if isinstance(value, dict) else None
            known = status if isinstance(status, int) else None
            raise failures.from_status(NAME, known, value)

    def _result(self, result: _Result, out: list[events.ModelEvent]) -> None:
        if result.generated_text:
            out.append(events.TextDelta(result.generated_text))
        self._made_tokens = _larger(self._made_tokens, result.generated_token_count)
        self._read_tokens = _larger(self._read_tokens, result.input_token_count)
        reason = result.stop_reason
        if reason and reason != "not_finished" and reason != "NOT_FINISHED":
            if reason.lower() == "error":
                raise failures.from_status(NAME, None, None, "stop reason error")
            self._finish = reason
            self.finished = True


def _larger(before: int | None, now: int | None) -> int | None:
    return before if now is None or now < (before or 0) else now


PROVIDER = base.Provider(
    watsonx_access.NAME,
    request,
    Decoder,
    settings,
    exchange=watsonx_access.exchange,
    text_format=template_prompts.text_format,
)
