"""Gemini's streamGenerateContent (https://ai.google.dev/api/generate-content), by API key and on Vertex AI.

What a model of ours means here is in docs/models.md, section Gemini. The stream has no closing event: it is whole if
it gave a finish reason, and what follows that (a second one, more text) still counts.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnstream import errors, requests
from turnstream.providers import base
from turnstream.providers.access import federation, google_token
from turnstream.providers.decode import gemini_stream
from turnstream.providers.encode import gemini_body, translate

BASE_URL = "https://generativelanguage.googleapis.com"


def settings(given: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """``given``, completed from the environment.

    With a key (``GEMINI_API_KEY`` or ``GOOGLE_API_KEY``) it is the Gemini API; with ``GOOGLE_GENAI_USE_VERTEXAI``, or
    a project in the quirks, Vertex AI.
    """
    quirks = dict(given.quirks)
    vertex = "project" in quirks or environ.get("GOOGLE_GENAI_USE_VERTEXAI", "").lower() in ("1", "true")
    key = given.api_key or environ.get("GEMINI_API_KEY") or environ.get("GOOGLE_API_KEY")
    if not vertex:
        if not key:
            raise errors.ConfigurationError("The model gemini:… needs a key: set GEMINI_API_KEY (or GOOGLE_API_KEY).")
        base_url = given.base_url or environ.get("GOOGLE_GEMINI_BASE_URL") or BASE_URL
        return msgspec.structs.replace(given, api_key=key, base_url=base_url.rstrip("/"))
    for name, variable in (("project", "GOOGLE_CLOUD_PROJECT"), ("location", "GOOGLE_CLOUD_LOCATION")):
        if value := quirks.get(name) or environ.get(variable):
            quirks[name] = value
    if "project" not in quirks:
        raise errors.ConfigurationError("The model gemini:… on Vertex AI needs a project: set GOOGLE_CLOUD_PROJECT.")
    quirks.setdefault("location", "global")
    base_url = (
        given.base_url or environ.get("GOOGLE_VERTEX_BASE_URL") or google_token.vertex_url(str(quirks["location"]))
    )
    return msgspec.structs.replace(given, base_url=base_url.rstrip("/"), quirks=quirks)


def key_files(settings: base.Settings, environ: Mapping[str, str]) -> list[tuple[str, bool]]:
    """Where the key may be, and whether the operator named that file; none on a machine of Google's own."""
    if "project" not in settings.quirks or "credentials" in settings.quirks or settings.api_key:
        return []
    return google_token.key_files(settings.quirks.get("credentials_file"), environ)


def with_key_file(settings: base.Settings, content: bytes) -> base.Settings:
    credentials = google_token.credentials(content)
    return msgspec.structs.replace(settings, quirks={**settings.quirks, "credentials": credentials})


def exchange(settings: base.Settings, now: float) -> base.TokenExchange | None:
    """On Vertex AI, unless the operator gave a token of their own."""
    credentials = settings.quirks.get("credentials")
    if "project" not in settings.quirks or settings.api_key or federation.is_googles(credentials):
        return None
    return google_token.exchange(gemini_body.NAME, credentials, now)


def signer(settings: base.Settings) -> federation.Signer | None:
    return None if "project" not in settings.quirks or settings.api_key else google_token.signer(settings)


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    """Raises `RequestError` for content that the vendor does not take."""
    notes: list[str] = []
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    if settings.api_key and "project" in settings.quirks:
        headers["authorization"] = f"Bearer {settings.api_key}"
    elif settings.api_key:
        headers["x-goog-api-key"] = settings.api_key
    url = f"{settings.base_url or BASE_URL}{_path(settings)}:streamGenerateContent?alt=sse"
    payload = gemini_body.body(settings, model_request, notes)
    return base.HttpRequest("POST", url, headers | settings.headers, translate.encode(payload), tuple(notes))


def _path(settings: base.Settings) -> str:
    """A model with a slash in its name is the path of a tuned model, of an endpoint, or of a whole resource."""
    model, quirks = settings.model, settings.quirks
    if "project" not in quirks:
        return f"/v1beta/{model}" if "/" in model else f"/v1beta/models/{model}"
    if model.startswith("projects/"):
        return f"/v1/{model}"
    place = f"/v1/projects/{quirks['project']}/locations/{quirks.get('location', 'global')}"
    return f"{place}/{model}" if "/" in model else f"{place}/publishers/google/models/{model}"


PROVIDER = base.Provider(
    gemini_body.NAME,
    request,
    gemini_stream.Decoder,
    settings,
    BASE_URL,
    exchange=exchange,
    signer=signer,
    key_files=key_files,
    with_key_file=with_key_file,
    web_search=True,
)
