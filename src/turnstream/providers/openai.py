"""Chat completions (``POST /chat/completions``), as OpenAI defined them and as everybody else speaks them.

What a vendor wants differently is in ``Settings.quirks`` (see `turnstream.providers.encode.chat_body`); what vendors
send differently the decoder takes from each of them alike (see `turnstream.providers.decode.chat_stream`).

OpenAI's newest models refuse tools here while they think. Such a request goes to ``/responses``, and where the server
has no such address, back here without thinking.
"""

from __future__ import annotations

from functools import partial

from turnstream import requests
from turnstream.providers import base
from turnstream.providers.decode import chat_stream
from turnstream.providers.encode import chat_body, model_rules


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    """The call, always streamed and always asking for usage."""
    headers = {"content-type": "application/json", "accept": "text/event-stream", **settings.headers}
    if settings.api_key:
        name = settings.quirks.get("key_header", "authorization")
        headers[name] = f"Bearer {settings.api_key}" if name == "authorization" else settings.api_key
    url = settings.base_url + settings.quirks.get("path", "/chat/completions")

    if settings.quirks.get("responses") and model_rules.needs_responses(
        settings.model, settings.options, model_request
    ):
        from turnstream.providers import responses_first  # few models and few requests need it

        chat = partial(_chat, settings, url, headers)
        return responses_first.request(settings, model_request, f"{settings.base_url}/responses", chat)
    return _chat(settings, url, headers, model_request)


def _chat(settings: base.Settings, url: str, headers: dict[str, str], asked: requests.ModelRequest) -> base.HttpRequest:
    notes: list[str] = []
    body = chat_body.encode(settings, asked, notes)
    return base.HttpRequest("POST", url, headers, body, tuple(notes))


PROVIDER = base.Provider("openai", request, partial(chat_stream.Decoder, show_details=True))
