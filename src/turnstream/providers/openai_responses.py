"""OpenAI's Responses API as an upstream (https://platform.openai.com/docs/api-reference/responses-streaming).

What a model of ours means here is in docs/models.md, section OpenAI Responses.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnstream import errors, requests
from turnstream.providers import base
from turnstream.providers.decode import responses_stream
from turnstream.providers.encode import history, responses_body, translate

BASE_URL = "https://api.openai.com/v1"


def settings(given: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """``given``, completed from ``OPENAI_API_KEY`` and ``OPENAI_BASE_URL``."""
    base_url = given.base_url or environ.get("OPENAI_BASE_URL") or BASE_URL
    key = given.api_key or environ.get("OPENAI_API_KEY")
    if not key and "authorization" not in given.headers:
        raise errors.ConfigurationError("The model openai-responses:… needs a key: set OPENAI_API_KEY.")
    return msgspec.structs.replace(given, base_url=base_url.rstrip("/"), api_key=key)


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    """``POST /responses``. Raises `RequestError` for content that the protocol does not take."""
    notes: list[str] = []
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    if settings.api_key:
        headers["authorization"] = f"Bearer {settings.api_key}"
    payload = responses_body.body(settings, model_request, notes)
    url = f"{settings.base_url or BASE_URL}/responses"
    return base.HttpRequest("POST", url, headers | settings.headers, translate.encode(payload), tuple(notes))


PROVIDER = base.Provider(
    responses_body.NAME,
    request,
    responses_stream.Decoder,
    settings,
    BASE_URL,
    history=history.Rules(late_system=True),
    web_search=True,
)
