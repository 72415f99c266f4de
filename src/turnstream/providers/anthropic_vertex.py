"""Claude on Vertex AI: Anthropic's Messages at Google's address, with Google's token.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnstream import errors, requests
from turnstream.providers import base
from turnstream.providers.access import federation, google_token
from turnstream.providers.decode import anthropic_stream
from turnstream.providers.encode import anthropic_body, translate

_VERSION = "vertex-2023-10-16"
_PROJECTS = ("ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT")
_LOCATIONS = ("CLOUD_ML_REGION", "GOOGLE_CLOUD_LOCATION")


def settings(given: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """``given``, completed from ``ANTHROPIC_VERTEX_PROJECT_ID`` and ``CLOUD_ML_REGION``, or Google's own variables."""
    quirks = dict(given.quirks)
    for name, variables in (("project", _PROJECTS), ("location", _LOCATIONS)):
        if value := next((environ[variable] for variable in variables if environ.get(variable)), None):
            quirks.setdefault(name, value)
    if "project" not in quirks:
        raise errors.ConfigurationError(
            "The model anthropic-vertex:… needs a project: set ANTHROPIC_VERTEX_PROJECT_ID."
        )
    location = str(quirks.setdefault("location", "global"))
    base_url = given.base_url or google_token.vertex_url(location)
    return msgspec.structs.replace(given, base_url=base_url, quirks=quirks)


def key_files(settings: base.Settings, environ: Mapping[str, str]) -> list[tuple[str, bool]]:
    if "credentials" in settings.quirks or settings.api_key:
        return []
    return google_token.key_files(settings.quirks.get("credentials_file"), environ)


def with_key_file(settings: base.Settings, content: bytes) -> base.Settings:
    credentials = google_token.credentials(content)
    return msgspec.structs.replace(settings, quirks={**settings.quirks, "credentials": credentials})


def exchange(settings: base.Settings, now: float) -> base.TokenExchange | None:
    """None where the operator gave a token of their own."""
    credentials = settings.quirks.get("credentials")
    if settings.api_key or federation.is_googles(credentials):
        return None
    return google_token.exchange("anthropic", credentials, now)


def signer(settings: base.Settings) -> federation.Signer | None:
    return None if settings.api_key else google_token.signer(settings)


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    """Raises `RequestError` for content that the vendor does not take."""
    notes: list[str] = []
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    if settings.api_key:
        headers["authorization"] = f"Bearer {settings.api_key}"
    place = f"/v1/projects/{settings.quirks['project']}/locations/{settings.quirks['location']}"
    url = f"{settings.base_url}{place}/publishers/anthropic/models/{settings.model}:streamRawPredict"
    whole = {"anthropic_version": _VERSION, "stream": True, **anthropic_body.body(settings, model_request, notes)}
    return base.HttpRequest("POST", url, headers | settings.headers, translate.encode(whole), tuple(notes))


PROVIDER = base.Provider(
    anthropic_body.NAME,
    request,
    anthropic_stream.Decoder,
    settings,
    exchange=exchange,
    signer=signer,
    key_files=key_files,
    with_key_file=with_key_file,
    web_search=True,
)
