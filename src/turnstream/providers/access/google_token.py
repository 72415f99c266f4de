"""Vertex AI's addresses, and Google Cloud's access tokens, as a generator of requests.

See https://google.aip.dev/auth/4110.

Service-account keys (a signed JWT, RFC 7523), the user credentials that ``gcloud auth application-default login``
leaves, and, where there is neither, the metadata server of the machine.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from turnstream import errors, jsontext
from turnstream.providers import base
from turnstream.providers.access import federation
from turnstream.providers.decode import failures

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_TOKEN_URL = "https://oauth2.googleapis.com/token"
_METADATA_URL = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
_LIFETIME = 3600
_EARLY = 300
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def vertex_url(location: str) -> str:
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def key_files(named: Any, environ: Mapping[str, str]) -> list[tuple[str, bool]]:
    """Where a key file may be, and whether the operator named it."""
    if path := named or environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return [(str(path), True)]
    return [(environ.get("CLOUDSDK_CONFIG", "~/.config/gcloud") + "/application_default_credentials.json", False)]


def credentials(content: bytes) -> dict[str, Any]:
    """The content of a key file. Raises `ConfigurationError` if it is not one."""
    try:
        return jsontext.decode(content, dict[str, Any])
    except ValueError:
        raise errors.ConfigurationError("The Google key file is not a JSON object.") from None


def signer(settings: base.Settings) -> federation.Signer | None:
    """For credentials of federation and impersonation, which google-auth exchanges."""
    credentials: Any = settings.quirks.get("credentials")
    return federation.google(credentials, SCOPE) if federation.is_googles(credentials) else None


def exchange(provider: str, credentials: Any, now: float) -> base.TokenExchange:
    """``credentials`` is the content of a key file, or None for the metadata server. Raises `ConfigurationError`."""
    if credentials is None:
        request = base.HttpRequest("GET", _METADATA_URL, {"metadata-flavor": "Google"}, b"")
    else:
        request = _token_request(credentials, now)
    response = yield request
    return _token(provider, response, now)


def _token_request(credentials: Any, now: float) -> base.HttpRequest:
    match credentials:
        case {"type": "service_account", "client_email": str(), "private_key": str()}:
            form = {"grant_type": _JWT_GRANT, "assertion": _assertion(credentials, now)}
        case {"type": "authorized_user", "client_id": client, "client_secret": secret, "refresh_token": token}:
            form = {
                "grant_type": "refresh_token",
                "client_id": client,
                "client_secret": secret,
                "refresh_token": token,
            }
        case {"type": kind}:
            raise errors.ConfigurationError(
                f"Google credentials of type {kind!r} are not supported: use a service account or workload identity."
            )
        case _:
            raise errors.ConfigurationError(
                "The Google key file has no credentials in it: set GOOGLE_APPLICATION_CREDENTIALS to one that has."
            )
    url = str(credentials.get("token_uri") or _TOKEN_URL)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return base.HttpRequest("POST", url, headers, urlencode(form).encode())


def _assertion(credentials: dict[str, Any], now: float) -> str:
    """A JWT (RFC 7519), signed with RS256 by the service account's key."""
    header: dict[str, Any] = {"alg": "RS256", "typ": "JWT"}
    if key_id := credentials.get("private_key_id"):
        header["kid"] = key_id
    claims = {
        "iss": credentials["client_email"],
        "scope": SCOPE,
        "aud": credentials.get("token_uri") or _TOKEN_URL,
        "iat": int(now),
        "exp": int(now) + _LIFETIME,
    }
    signed = b".".join(_base64(msgspec.json.encode(part)) for part in (header, claims))
    return (signed + b"." + _base64(_signature(credentials["private_key"], signed))).decode()


def _signature(private_key: str, message: bytes) -> bytes:
    try:
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise errors.ConfigurationError(
            "Service accounts on Vertex AI need the extra vertex: pip install 'turnstream[vertex]'."
        ) from None
    try:
        key = load_pem_private_key(private_key.encode(), password=None)
    except ValueError:
        raise errors.ConfigurationError("The service account's private_key cannot be read.") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise errors.ConfigurationError("The service account's private_key is not an RSA key.")
    return key.sign(message, padding.PKCS1v15(), SHA256())


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _token(provider: str, response: base.HttpResponse, now: float) -> base.Token:
    value = failures.parse(response.body)
    match value:
        case {"access_token": str(token), **rest} if response.status < 400:
            lifetime = rest.get("expires_in")
            return base.Token(token, now + (lifetime if isinstance(lifetime, int) else _LIFETIME) - _EARLY)
        case _:
            raise failures.from_status(provider, response.status, value)
