"""How IBM watsonx.ai is reached: addresses, projects and tokens, on IBM Cloud and on Cloud Pak for Data.

Each variable is understood with either prefix, ``WATSONX_`` or ``WXAI_``. Quirks: ``project_id`` or ``space_id``;
``version``, the date of the API; ``auth``: ``iam`` (an API key of IBM Cloud), ``cpd`` (Cloud Pak for Data, with
``username`` and an API key or a ``password``) or ``token`` (the key is a bearer token already); ``iam_url``.
A model named ``deployment/ID`` is a deployment, which knows its project itself.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from turnstream import errors, jsontext
from turnstream.providers import base
from turnstream.providers.decode import failures

NAME = "watsonx"
VERSION = "2025-10-25"

_DEPLOYMENT = "deployment/"
_IAM_URL = "https://iam.cloud.ibm.com/identity/token"
_GRANT = "urn:ibm:params:oauth:grant-type:apikey"
_LIFETIME = 3600
_EARLY = 300
_KEYS = ("API_KEY", "APIKEY")


def settings(given: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """``given``, completed from the environment. Raises `ConfigurationError` that names what is missing."""
    quirks = dict(given.quirks)
    for name in ("project_id", "space_id", "username", "password", "version", "iam_url"):
        if name not in quirks and (value := variable(environ, name.upper())):
            quirks[name] = value
    key = given.api_key or variable(environ, *_KEYS)
    token = None if given.api_key else variable(environ, "TOKEN")
    auth = quirks.setdefault("auth", "token" if token else "cpd" if "username" in quirks else "iam")
    name = f"The model {NAME}:{given.model}"
    if auth not in ("iam", "cpd", "token"):
        raise errors.ConfigurationError(f"{name}: the quirk auth is iam, cpd or token, not {auth!r}.")
    if auth == "token":
        key = token or key
    if not key and not (auth == "cpd" and quirks.get("password")):
        raise errors.ConfigurationError(f"{name} needs a key: set WATSONX_API_KEY (or WXAI_API_KEY).")
    if auth == "cpd" and "username" not in quirks:
        raise errors.ConfigurationError(f"{name} on Cloud Pak for Data needs a user: set WATSONX_USERNAME.")
    if not given.model.startswith(_DEPLOYMENT) and not quirks.keys() & {"project_id", "space_id"}:
        raise errors.ConfigurationError(
            f"{name} needs a project or a space: set WATSONX_PROJECT_ID or WATSONX_SPACE_ID."
        )
    return msgspec.structs.replace(given, api_key=key or None, base_url=_address(given, environ, auth), quirks=quirks)


def _address(given: base.Settings, environ: Mapping[str, str], auth: str) -> str:
    found = given.base_url or variable(environ, "URL")
    if not found:
        if auth == "cpd":
            raise errors.ConfigurationError(f"The model {NAME}:{given.model} needs an address: set WATSONX_URL.")
        region = given.quirks.get("region") or variable(environ, "REGION") or "us-south"
        found = f"https://{region}.ml.cloud.ibm.com"
    if not found.startswith(("http://", "https://")):
        found = f"https://{found}"
    return found.rstrip("/")


def variable(environ: Mapping[str, str], *names: str) -> str:
    prefixed = (f"{prefix}_{name}" for prefix in ("WATSONX", "WXAI") for name in names)
    return next((environ[name] for name in prefixed if environ.get(name)), "")


def post(settings: base.Settings, method: str, body: dict[str, Any]) -> tuple[str, dict[str, str], dict[str, Any]]:
    """URL, headers and the whole body of a call of ``method`` (``chat_stream`` or ``generation_stream``)."""
    quirks, model = settings.quirks, settings.model
    path = f"/ml/v1/text/{method}"
    if model.startswith(_DEPLOYMENT):
        path = f"/ml/v1/deployments/{quote(model.removeprefix(_DEPLOYMENT), safe='')}/text/{method}"
    else:
        container = "project_id" if "project_id" in quirks else "space_id"
        body = {"model_id": model, container: quirks.get(container), **body}
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    if settings.api_key:
        headers["authorization"] = f"Bearer {settings.api_key}"
    url = f"{settings.base_url}{path}?version={quote(str(quirks.get('version', VERSION)))}"
    return url, headers | settings.headers, body


def exchange(settings: base.Settings, now: float) -> base.TokenExchange | None:
    """IBM Cloud: an IAM token for an API key. Cloud Pak for Data: a token for a user."""
    match settings.quirks.get("auth", "iam"):
        case "token":
            return None
        case "cpd":
            return _of_user(settings, now)
        case _:
            return _of_key(settings, now)


def _of_key(settings: base.Settings, now: float) -> base.TokenExchange:
    form = urlencode({"grant_type": _GRANT, "apikey": settings.api_key or ""}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    response = yield base.HttpRequest("POST", str(settings.quirks.get("iam_url") or _IAM_URL), headers, form)
    match _value(response):
        case {"access_token": str(token), **rest}:
            lifetime = rest.get("expires_in")
            return base.Token(token, now + (lifetime if isinstance(lifetime, int) else _LIFETIME) - _EARLY)
        case value:
            raise _refusal(response, value)


def _of_user(settings: base.Settings, now: float) -> base.TokenExchange:
    quirks = settings.quirks
    secret = {"api_key": settings.api_key} if settings.api_key else {"password": quirks.get("password")}
    body = msgspec.json.encode({"username": quirks["username"], **secret})
    headers = {"content-type": "application/json", "accept": "application/json"}
    response = yield base.HttpRequest("POST", f"{settings.base_url}/icp4d-api/v1/authorize", headers, body)
    match _value(response):
        case {"token": str(token)}:
            return base.Token(token, (_expiry(token) or now + _LIFETIME) - _EARLY)
        case value:
            raise _refusal(response, value)


def _expiry(token: str) -> float | None:
    """The ``exp`` of a JWT (RFC 7519, section 4.1.4), which is all that Cloud Pak for Data says of it."""
    payload = token.split(".")[1:2]
    try:
        claims = jsontext.decode(base64.urlsafe_b64decode(payload[0] + "=" * (-len(payload[0]) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None


def _value(response: base.HttpResponse) -> Any:
    return failures.parse(response.body) if response.status < 400 else None


def _refusal(response: base.HttpResponse, value: Any) -> errors.ProviderError:
    """IAM says 400 for a key that it does not know."""
    value = failures.parse(response.body) if value is None else value
    said = value.get("errorMessage") if isinstance(value, dict) else None
    status = 401 if response.status in (400, 403) else response.status
    return failures.from_status(NAME, status, value, str(said or failures.describe(value)))
