"""IBM watsonx.ai, ``/ml/v1/text/chat_stream`` (https://cloud.ibm.com/apidocs/watsonx-ai, "Text chat stream").

Messages and chunks are those of chat completions; the rest is watsonx's own. For models that take a prompt there is
`turnstream.providers.watsonx_generation`. Addresses and tokens: `turnstream.providers.access.watsonx_access`.
"""

from __future__ import annotations

from typing import Any

from turnstream import errors, events, messages, requests
from turnstream.parsing.sse import Event
from turnstream.prompts.families import family_of, with_short_ids
from turnstream.providers import base
from turnstream.providers.access import watsonx_access
from turnstream.providers.decode import chat_chunks, chat_stream, failures
from turnstream.providers.encode import chat_body, chat_messages, translate

_PLAIN = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "response_format")
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    """Raises `RequestError` for content that the vendor does not take."""
    options = translate.options_of(settings, model_request)
    notes: list[str] = []
    _check(model_request)
    family, history = family_of(settings.model), model_request.messages
    if family is not None and family.short_ids:
        history = with_short_ids(history)
    quirks = {**settings.quirks, "no_files": True}
    payload: dict[str, Any] = {"messages": chat_messages.encode(history, quirks, settings.model)}
    if model_request.tools:
        payload["tools"] = [chat_body.tool(spec) for spec in model_request.tools]
        if (forced := translate.forced_tool(options.tool_choice)) is not None:
            payload["tool_choice"] = {"type": "function", "function": {"name": forced}}
        elif options.tool_choice is not None:
            payload["tool_choice_option"] = options.tool_choice
        if options.parallel_tool_calls is False:
            notes.append("parallel_tool_calls is left out: this vendor does not support it.")
    payload |= {name: value for name in _PLAIN if (value := getattr(options, name)) is not None}
    if options.output_limit is not None:
        payload[str(settings.quirks.get("output_limit", "max_completion_tokens"))] = options.output_limit
    if options.stop:
        payload["stop"] = list(options.stop)
    _add_effort(payload, options, notes)
    url, headers, body = watsonx_access.post(settings, "chat_stream", payload)
    return base.HttpRequest(
        "POST", url, headers, translate.encode(translate.with_extra(body, options.extra)), tuple(notes)
    )


def _check(model_request: requests.ModelRequest) -> None:
    for at, message in enumerate(model_request.messages):
        if isinstance(message, messages.UserMessage) and not isinstance(message.content, str):
            for number, part in enumerate(message.content):
                if isinstance(part, messages.FilePart):
                    where = f"messages[{at}].content[{number}]"
                    raise errors.RequestError("watsonx.ai takes text, images and sound, but no files.", param=where)


def _add_effort(payload: dict[str, Any], options: requests.ModelOptions, notes: list[str]) -> None:
    effort = options.reasoning_effort
    if effort is None:
        return
    if effort == "none":
        notes.append("reasoning_effort none is sent as low: this vendor knows low, medium and high.")
    payload["reasoning_effort"] = _EFFORTS.get(effort, "low")


class Decoder(chat_stream.Decoder):
    """Chat completions, which end with the body or with ``event: close``; failures come as a list ``errors``."""

    provider = watsonx_access.NAME

    def _without_choices(self, chunk: chat_chunks.Chunk, data: bytes) -> None:
        """``{"errors": [{"code", "message"}], "trace", "status_code"}`` inside a stream."""
        value = failures.parse(data)
        if isinstance(value, dict) and isinstance(value.get("errors"), list):
            raise failures.from_status(watsonx_access.NAME, None, value)
        super()._without_choices(chunk, data)

    def _take_named(self, event: Event, out: list[events.ModelEvent]) -> None:
        super()._take_named(event, out)
        if event.event == "close" and self._finish is not None:
            self._end(out)


PROVIDER = base.Provider(
    watsonx_access.NAME, request, Decoder, watsonx_access.settings, exchange=watsonx_access.exchange
)
