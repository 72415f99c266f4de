"""Azure OpenAI and Azure AI Foundry: chat completions at four kinds of address.

- ``…/openai/v1/chat/completions``: the usual one; the model is the deployment's name;
- ``…/openai/deployments/NAME/chat/completions?api-version=DATE``: where a dated ``api_version`` is given;
- ``…/models/chat/completions?api-version=DATE``: a Foundry resource's model inference, where the address ends so;
- ``https://NAME.REGION.models.ai.azure.com/chat/completions``: a serverless deployment.

Quirks: ``api_version``; ``auth``: ``key``, ``token`` (the key is an Entra token already), ``client`` (``tenant_id``,
``client_id`` and ``client_secret`` are exchanged for one), ``managed_identity``, or what azure-identity knows
(``workload_identity``, ``cli``, ``default``); ``scope`` of the Entra token; and those of
`turnstream.providers.encode.chat_body`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from turnstream import errors, requests
from turnstream.providers import base, responses_first
from turnstream.providers.access import federation
from turnstream.providers.decode import chat_stream, failures
from turnstream.providers.encode import chat_body, history, model_rules

NAME = "azure"

_SCOPE = "https://cognitiveservices.azure.com/.default"
_LOGIN = "https://login.microsoftonline.com"
_IDENTITY = "http://169.254.169.254/metadata/identity/oauth2/token"
_INFERENCE_VERSION = "2024-05-01-preview"
_NEW_LIMIT = "2024-09-01"  # the first api-version with max_completion_tokens and stream_options
_EARLY = 300
_CLIENT = ("tenant_id", "client_id", "client_secret")


def settings(given: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """``given``, completed from the environment. Raises `ConfigurationError` that names what is missing."""
    quirks = dict(given.quirks)
    for name in _CLIENT:
        if value := quirks.get(name) or environ.get(f"AZURE_{name.upper()}"):
            quirks[name] = value
    version = environ.get("AZURE_OPENAI_API_VERSION") or environ.get("OPENAI_API_VERSION")
    if version and not given.base_url:
        quirks.setdefault("api_version", version)
    key = given.api_key or environ.get("AZURE_OPENAI_API_KEY") or environ.get("AZURE_AI_API_KEY")
    if not key and "auth" not in quirks:
        key = environ.get("AZURE_OPENAI_AD_TOKEN")
        quirks["auth"] = "token" if key else _guess_auth(quirks, environ)
    auth = quirks.setdefault("auth", "key")
    name = f"The model {NAME}:{given.model}"
    if auth in ("key", "token") and not key and not given.headers.keys() & {"api-key", "authorization"}:
        raise errors.ConfigurationError(
            f"{name} needs a key: set AZURE_OPENAI_API_KEY, or AZURE_OPENAI_AD_TOKEN, "
            "or AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET."
        )
    if auth == "client" and (missing := [wanted for wanted in _CLIENT if wanted not in quirks]):
        raise errors.ConfigurationError(f"{name} needs {', '.join(f'AZURE_{wanted.upper()}' for wanted in missing)}.")
    address = given.base_url or environ.get("AZURE_OPENAI_ENDPOINT") or environ.get("AZURE_AI_ENDPOINT") or ""
    if not address.startswith(("http://", "https://")):
        raise errors.ConfigurationError(
            f"{name} needs an address that begins with https://: set AZURE_OPENAI_ENDPOINT."
        )
    base_url = address.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    return msgspec.structs.replace(given, api_key=key or None, base_url=base_url, quirks=quirks)


def _guess_auth(quirks: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    if all(name in quirks for name in _CLIENT):
        return "client"
    return "workload_identity" if environ.get("AZURE_FEDERATED_TOKEN_FILE") else "key"


def signer(settings: base.Settings) -> federation.Signer | None:
    quirks = settings.quirks
    return federation.azure(quirks.get("auth"), quirks, str(quirks.get("scope", _SCOPE)))


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    url, needed = _address(settings)
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    if settings.api_key:
        if settings.quirks.get("auth", "key") == "key" and not _serverless(settings.base_url):
            headers["api-key"] = settings.api_key
        else:
            headers["authorization"] = f"Bearer {settings.api_key}"
    completed = msgspec.structs.replace(settings, quirks={**needed, **settings.quirks})

    def chat(asked: requests.ModelRequest) -> base.HttpRequest:
        notes: list[str] = []
        body = chat_body.encode(completed, asked, notes)
        return base.HttpRequest("POST", url, headers | settings.headers, body, tuple(notes))

    head, found, query = url.partition("/openai/v1/chat/completions")
    if found and model_rules.needs_responses(settings.model, settings.options, model_request):
        return responses_first.request(settings, model_request, f"{head}/openai/v1/responses{query}", chat)
    return chat(model_request)


_OPENAI = {"most_stops": 4, "plain_schemas": True}


def _address(settings: base.Settings) -> tuple[str, dict[str, Any]]:
    """The URL, and the quirks of what answers there."""
    base, version = settings.base_url, str(settings.quirks.get("api_version") or "")
    if _serverless(base):
        return f"{base}/chat/completions", {"output_limit": "max_tokens"}
    if base.endswith("/models"):
        query = quote(version or _INFERENCE_VERSION)
        return f"{base}/chat/completions?api-version={query}", {"output_limit": "max_tokens"}
    base = base.removesuffix("/openai/v1").removesuffix("/openai")
    if not version[:1].isdigit():  # none, or v1, latest, preview
        query = f"?api-version={quote(version)}" if version == "preview" else ""
        return f"{base}/openai/v1/chat/completions{query}", {
            "output_limit": "max_completion_tokens",
            "most_stops": 4,
            "plain_schemas": True,
        }
    url = f"{base}/openai/deployments/{quote(settings.model, safe='')}/chat/completions?api-version={quote(version)}"
    if version < _NEW_LIMIT:
        return url, {"output_limit": "max_tokens", "no_stream_options": True, **_OPENAI}
    return url, {"output_limit": "max_completion_tokens", **_OPENAI}


def _serverless(base_url: str) -> bool:
    return (urlsplit(base_url).hostname or "").endswith(".models.ai.azure.com")


def exchange(settings: base.Settings, now: float) -> base.TokenExchange | None:
    """An Entra token, for a client's secret or for the identity of the machine."""
    match settings.quirks.get("auth", "key"):
        case "client":
            return _token(_of_client(settings), now)
        case "managed_identity":
            return _token(_of_machine(settings), now)
        case _:
            return None


def _of_client(settings: base.Settings) -> base.HttpRequest:
    quirks = settings.quirks
    form = {
        "grant_type": "client_credentials",
        "client_id": quirks["client_id"],
        "client_secret": quirks["client_secret"],
        "scope": quirks.get("scope", _SCOPE),
    }
    url = f"{_LOGIN}/{quote(str(quirks['tenant_id']), safe='')}/oauth2/v2.0/token"
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    return base.HttpRequest("POST", url, headers, urlencode(form).encode())


def _of_machine(settings: base.Settings) -> base.HttpRequest:
    quirks = settings.quirks
    query = {"api-version": "2018-02-01", "resource": str(quirks.get("scope", _SCOPE)).removesuffix("/.default")}
    if "client_id" in quirks:
        query["client_id"] = quirks["client_id"]
    return base.HttpRequest("GET", f"{_IDENTITY}?{urlencode(query)}", {"metadata": "true"}, b"")


def _token(request: base.HttpRequest, now: float) -> base.TokenExchange:
    response = yield request
    value = failures.parse(response.body)
    match value:
        case {"access_token": str(token), "expires_in": int() | str() as lifetime} if response.status < 400:
            seconds = int(lifetime) if str(lifetime).isdecimal() else 2 * _EARLY
            return base.Token(token, now + seconds - _EARLY)
        case _:
            status = 401 if response.status in (400, 403) else response.status
            raise failures.from_status(NAME, status, value)


class Decoder(chat_stream.Decoder):
    """Chat completions; a first chunk with nothing but the filter's verdict on the prompt, and choices that have a
    verdict but no delta, say nothing.
    """

    provider = NAME


PROVIDER = base.Provider(
    NAME, request, Decoder, settings, exchange=exchange, signer=signer, history=history.Rules(late_system=True)
)
