"""Chat completions (``POST /chat/completions``), as OpenAI defined them and as everybody else speaks them.

What a vendor wants differently is in ``Settings.quirks`` (see `turnstream.providers.chat_body`); what vendors send
differently the decoder takes from each of them alike (see `turnstream.providers.chat_decoding`).
"""

from __future__ import annotations

from turnstream.events import ModelRequest, ProviderError
from turnstream.providers import chat_body, errors
from turnstream.providers.base import HttpRequest, Settings
from turnstream.providers.chat_decoding import Decoder

__all__ = ["Decoder", "error", "request"]


def request(settings: Settings, model_request: ModelRequest) -> HttpRequest:
    """The call, always streamed and always asking for usage."""
    headers = {"content-type": "application/json", "accept": "text/event-stream", **settings.headers}
    if settings.api_key:
        name = settings.quirks.get("key_header", "authorization")
        headers[name] = f"Bearer {settings.api_key}" if name == "authorization" else settings.api_key
    path = settings.quirks.get("path", "/chat/completions")
    return HttpRequest("POST", settings.base_url + path, headers, chat_body.encoded(settings, model_request))


def error(status: int, body: bytes) -> ProviderError:
    """``{"error": {…}}``, ``{"detail": …}``, a bare string, or a page: the status decides, the text may refine."""
    value = errors.parsed(body)
    return errors.from_status("openai", status, value, errors.described(value))
