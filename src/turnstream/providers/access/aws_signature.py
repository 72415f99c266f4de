"""Signature Version 4, by botocore (the extra ``bedrock``). Looking credentials up may read files and the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from turnstream import errors
from turnstream.providers import base

_UNSIGNED = ("accept", "user-agent")  # a proxy may change them


def signer(service: str, region: str, profile: str | None) -> Callable[[base.HttpRequest], base.HttpRequest]:
    """A function that signs a request. Its credentials are looked up by the first call and refresh themselves."""
    credentials: Any = None

    def sign(request: base.HttpRequest) -> base.HttpRequest:
        nonlocal credentials
        if credentials is None:
            credentials = _credentials(profile)
        return _sign(request, credentials, service, region)

    return sign


def _credentials(profile: str | None) -> Any:
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    try:
        found = Session(profile=profile).get_credentials()
    except BotoCoreError as error:
        raise errors.ConfigurationError(f"The AWS credentials cannot be read: {error}") from None
    if found is None:
        raise errors.ConfigurationError(
            "No AWS credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, "
            "or AWS_BEARER_TOKEN_BEDROCK."
        )
    return found


def _sign(request: base.HttpRequest, credentials: Any, service: str, region: str) -> base.HttpRequest:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    signed = {name: value for name, value in request.headers.items() if name not in _UNSIGNED}
    whole = AWSRequest(request.method, request.url, signed, request.body)
    SigV4Auth(credentials.get_frozen_credentials(), service, region).add_auth(whole)
    return msgspec.structs.replace(
        request, headers={**request.headers, **{name.lower(): str(value) for name, value in whole.headers.items()}}
    )
