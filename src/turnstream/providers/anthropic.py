"""Anthropic Messages (https://platform.claude.com/docs/en/api/messages-streaming).

What a model of ours means here is in docs/models.md, section Anthropic.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnstream import errors, requests
from turnstream.providers import base
from turnstream.providers.decode import anthropic_stream
from turnstream.providers.encode import anthropic_body, translate

_FILES_BETA = "files-api-2025-04-14"

_VERSION = "2023-06-01"

BASE_URL = "https://api.anthropic.com"


def settings(given: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """``given``, completed from ``ANTHROPIC_API_KEY`` (or ``ANTHROPIC_AUTH_TOKEN``) and ``ANTHROPIC_BASE_URL``."""
    base_url = given.base_url or environ.get("ANTHROPIC_BASE_URL") or BASE_URL
    given = msgspec.structs.replace(given, base_url=base_url.rstrip("/").removesuffix("/v1"))
    if given.api_key:
        return given
    if key := environ.get("ANTHROPIC_API_KEY"):
        return msgspec.structs.replace(given, api_key=key)
    if token := environ.get("ANTHROPIC_AUTH_TOKEN"):
        return msgspec.structs.replace(given, headers={"authorization": f"Bearer {token}"} | given.headers)
    if "authorization" in given.headers or "x-api-key" in given.headers:
        return given
    raise errors.ConfigurationError("The model anthropic:… needs a key: set ANTHROPIC_API_KEY.")


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    """``POST /v1/messages``. Raises `RequestError` for content that the vendor does not take."""
    notes: list[str] = []
    headers = {"content-type": "application/json", "accept": "text/event-stream", "anthropic-version": _VERSION}
    if settings.api_key:
        headers["x-api-key"] = settings.api_key
    headers |= settings.headers
    if anthropic_body.has_file_ids(model_request.messages):
        headers["anthropic-beta"] = ",".join(filter(None, (headers.get("anthropic-beta"), _FILES_BETA)))
    whole = {"model": settings.model, "stream": True, **anthropic_body.body(settings, model_request, notes)}
    return base.HttpRequest(
        "POST",
        f"{settings.base_url or BASE_URL}/v1/messages",
        headers,
        translate.encode(whole),
        tuple(notes),
    )


PROVIDER = base.Provider(anthropic_body.NAME, request, anthropic_stream.Decoder, settings, BASE_URL, web_search=True)
