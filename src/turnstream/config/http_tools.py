"""Sections of tools behind HTTP → toolboxes."""

from __future__ import annotations

from pathlib import Path

from turnstream.config.files import existing
from turnstream.config.tool_sections import AuthSection, HttpSection, OpenApiSection, ReadySection, RestSection
from turnstream.tools import auth, ready
from turnstream.tools.answers import Projection
from turnstream.tools.forwarding import Forwarding
from turnstream.tools.http_client import HttpOptions
from turnstream.tools.http_tools import HttpTools
from turnstream.tools.openapi import OpenApi
from turnstream.tools.openapi.operations import Choice, Fixed
from turnstream.tools.operations import check_headers, check_url
from turnstream.tools.rest import rest


def make_rest(section: RestSection, folder: Path) -> HttpTools:
    return rest(
        section.name,
        section.url,
        description=section.description,
        method=section.method,
        parameters=section.parameters,
        query=section.query,
        headers=section.headers,
        body=section.body,
        body_type=section.body_type,
        jmespath=section.jmespath,
        effect=section.effect,
        auth=make_auth(section.auth),
        forwarding=Forwarding(section.forward_headers, section.forward_context),
        options=make_options(section, folder),
    )


def make_openapi(section: OpenApiSection, folder: Path) -> HttpTools:
    is_url = section.spec.startswith(("http://", "https://"))
    check_headers(section.headers)
    if section.base_url is not None:
        check_url(section.base_url)
    return OpenApi(
        section.spec if is_url else existing(section.spec, folder),
        choice=Choice(section.include, section.exclude),
        fixed=Fixed(section.base_url, section.headers, section.effect),
        auth=make_auth(section.auth),
        forwarding=Forwarding(section.forward_headers, section.forward_context),
        projection=Projection(section.jmespath),
        options=make_options(section, folder),
    )


def make_ready(section: ReadySection) -> HttpTools:
    match section.name:
        case "weather":
            return ready.weather(section.api_key or "", units=section.units)
        case "wikipedia":
            return ready.wikipedia(language=section.language)
        case "duckduckgo":
            return ready.duckduckgo()


def make_options(section: HttpSection, folder: Path) -> HttpOptions:
    ca = None if section.ca is None else str(existing(section.ca, folder))
    return HttpOptions(section.http_timeout, section.max_bytes, ca, tuple(section.allow_private))


def make_auth(section: AuthSection | None) -> auth.Auth | None:
    if section is None:
        return None
    if (oauth2 := section.oauth2) is not None:
        check_url(oauth2.token_url)
        return auth.ClientCredentials(
            oauth2.token_url, oauth2.client_id, oauth2.client_secret, scope=oauth2.scope, extra=oauth2.extra
        )
    fixed = _fixed(section)
    check_headers(fixed.given.headers)
    return fixed


def _fixed(section: AuthSection) -> auth.Fixed:
    if section.bearer is not None:
        return auth.bearer(section.bearer)
    if section.basic is not None:
        return auth.basic(section.basic.username, section.basic.password)
    key = section.api_key
    assert key is not None
    if key.query is not None:
        return auth.api_key(key.key, key.query, "query")
    return auth.api_key(key.key, key.header or key.cookie or "", "header" if key.header else "cookie")
