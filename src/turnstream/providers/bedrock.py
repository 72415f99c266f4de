"""Amazon Bedrock's ConverseStream (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html).

What a model of ours means here is in docs/models.md, section Amazon Bedrock.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from urllib.parse import quote

import msgspec

from turnstream import errors, requests
from turnstream.providers import base
from turnstream.providers.decode import converse_stream
from turnstream.providers.encode import converse_body, translate


def settings(given: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """``given``, completed from ``AWS_BEARER_TOKEN_BEDROCK`` and ``AWS_REGION`` (or ``AWS_DEFAULT_REGION``).

    Without that token requests are signed with AWS credentials, which botocore looks up where AWS tools do.
    """
    quirks = dict(given.quirks)
    region = quirks.get("region") or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise errors.ConfigurationError("The model bedrock:… needs a region: set AWS_REGION.")
    quirks["region"] = region
    if profile := environ.get("AWS_PROFILE"):
        quirks.setdefault("profile", profile)
    key = given.api_key or environ.get("AWS_BEARER_TOKEN_BEDROCK")
    if not key and importlib.util.find_spec("botocore") is None:
        raise errors.ConfigurationError(
            "The model bedrock:… needs AWS_BEARER_TOKEN_BEDROCK, or, to sign with AWS credentials, the extra bedrock: "
            "pip install 'turnstream[bedrock]'."
        )
    base_url = given.base_url or environ.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME") or _base_url(str(region))
    return msgspec.structs.replace(given, api_key=key, base_url=base_url.rstrip("/"), quirks=quirks)


def _base_url(region: str) -> str:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://bedrock-runtime.{region}.{suffix}"


def request(settings: base.Settings, model_request: requests.ModelRequest) -> base.HttpRequest:
    """``POST /model/{id}/converse-stream``. Raises `RequestError` for content that the vendor does not take."""
    notes: list[str] = []
    headers = {"content-type": "application/json", "accept": "application/vnd.amazon.eventstream"}
    if settings.api_key:
        headers["authorization"] = f"Bearer {settings.api_key}"
    url = f"{settings.base_url}/model/{quote(settings.model, safe='')}/converse-stream"
    payload = converse_body.body(settings, model_request, notes)
    return base.HttpRequest("POST", url, headers | settings.headers, translate.encode(payload), tuple(notes))


def signer(settings: base.Settings) -> Callable[[base.HttpRequest], base.HttpRequest] | None:
    """Signature Version 4, by botocore; None where a bearer token does. The first call looks the credentials up."""
    if settings.api_key or "authorization" in settings.headers:
        return None
    from turnstream.providers.access import aws_signature

    quirks = settings.quirks
    return aws_signature.signer("bedrock", str(quirks.get("region")), quirks.get("profile"))


PROVIDER = base.Provider(converse_body.NAME, request, converse_stream.Decoder, settings, signer=signer)
