"""Chat completions (``POST /chat/completions``), as OpenAI defined them and as everybody else speaks them.

What a vendor wants differently is in ``Settings.quirks`` (see `turnstream.providers.encode.chat_body`); what vendors
send differently the decoder takes from each of them alike (see `turnstream.providers.decode.chat_stream`).
"""

from __future__ import annotations

from turnstream import requests
from turnstream.providers import base
from turnstream.providers.decode import chat_stream
from turnstream.providers.encode import chat_body


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    """The call, always streamed and always asking for usage."""
    headers = {"content-type": "application/json", "accept": "text/event-stream", **settings.headers}
    if settings.api_key:
        name = settings.quirks.get("key_header", "authorization")
        headers[name] = f"Bearer {settings.api_key}" if name == "authorization" else settings.api_key
    path = settings.quirks.get("path", "/chat/completions")
    return base.HttpRequest("POST", settings.base_url + path, headers, chat_body.encode(settings, model_request))


PROVIDER = base.Provider("openai", request, chat_stream.Decoder)
