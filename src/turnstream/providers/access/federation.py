"""Tokens of identities that the clouds themselves know: by google-auth (the extra ``vertex``) and azure-identity (the
extra ``azure``). Both are synchronous, keep their token and renew it; what is made here is called in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from turnstream import errors
from turnstream.providers import base

Signer: TypeAlias = Callable[[base.HttpRequest], base.HttpRequest]

_OF_GOOGLE = ("external_account", "external_account_authorized_user", "impersonated_service_account")
_OF_AZURE = {
    "workload_identity": "WorkloadIdentityCredential",
    "cli": "AzureCliCredential",
    "default": "DefaultAzureCredential",
}


def is_googles(credentials: Any) -> bool:
    """Whether a key file is of a type that only google-auth knows: federation and impersonation."""
    return isinstance(credentials, dict) and credentials.get("type") in _OF_GOOGLE


def google(credentials: Mapping[str, Any], scope: str) -> Signer:
    """A function that gives a request the token of ``credentials``, the content of a key file."""
    try:
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request
    except ImportError:
        raise errors.ConfigurationError(
            "Google credentials of this type need the extra vertex: pip install 'turnstream[vertex]'."
        ) from None
    try:
        found = _load_google(dict(credentials), [scope])
    except (GoogleAuthError, ValueError, KeyError, TypeError):
        raise errors.ConfigurationError("The Google key file has no credentials that can be used.") from None

    def sign(request: base.HttpRequest) -> base.HttpRequest:
        try:
            if not found.valid:
                found.refresh(Request())
        except GoogleAuthError as error:
            raise _refuse("gemini", error) from error
        return _authorize(request, str(found.token))

    return sign


def _load_google(credentials: dict[str, Any], scopes: list[str]) -> Any:
    """By the class of each type, as Google asks: a file that says another type than is meant is never followed."""
    from google.auth import aws, external_account_authorized_user, identity_pool, impersonated_credentials, pluggable

    if credentials["type"] == "impersonated_service_account":
        impersonated = impersonated_credentials.Credentials
        return impersonated.from_impersonated_service_account_info(credentials, scopes=scopes)
    if credentials["type"] == "external_account_authorized_user":
        return external_account_authorized_user.Credentials.from_info(credentials, scopes=scopes)
    source = credentials.get("credential_source") or {}
    if credentials.get("subject_token_type") == "urn:ietf:params:aws:token-type:aws4_request":
        return aws.Credentials.from_info(credentials, scopes=scopes)
    kind = pluggable if "executable" in source else identity_pool
    return kind.Credentials.from_info(credentials, scopes=scopes)


def azure(auth: Any, quirks: Mapping[str, Any], scope: str) -> Signer | None:
    """None where ``auth`` is not one of azure-identity's: ``workload_identity``, ``cli``, ``default``."""
    if auth not in _OF_AZURE:
        return None
    try:
        from azure import identity
        from azure.core.exceptions import ClientAuthenticationError
    except ImportError:
        raise errors.ConfigurationError(
            f"auth: {auth} needs the extra azure: pip install 'turnstream[azure]'."
        ) from None
    given = {name: quirks[name] for name in ("tenant_id", "client_id") if name in quirks}
    options = given if auth == "workload_identity" else {}
    try:
        credential = getattr(identity, _OF_AZURE[auth])(**options)
    except ValueError as error:  # an environment that has no such identity
        raise errors.ConfigurationError(f"auth: {auth}: {error}") from None

    def sign(request: base.HttpRequest) -> base.HttpRequest:
        try:
            token = credential.get_token(scope).token
        except ClientAuthenticationError as error:
            raise _refuse("azure", error) from error
        return _authorize(request, token)

    return sign


def _authorize(request: base.HttpRequest, token: str) -> base.HttpRequest:
    headers = {name: value for name, value in request.headers.items() if name != "api-key"}
    return msgspec.structs.replace(request, headers={**headers, "authorization": f"Bearer {token}"})


def _refuse(provider: str, error: Exception) -> errors.ProviderError:
    return errors.ProviderError(
        "The cloud gave no token for this identity.",
        code="provider_authentication",
        provider=provider,
        detail=str(error)[:500],
    )
