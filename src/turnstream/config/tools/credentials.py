"""Credentials of tools: what a configuration may say of them, and what adds them to requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from turnstream.config.sections import NonEmpty, OptionalSecret, Secret, Section, StrMap

if TYPE_CHECKING:
    from turnstream.tools import auth


class ApiKeySection(Section):
    """A key, and where it is sent: exactly one of `header`, `query` and `cookie`."""

    key: Secret
    header: NonEmpty | None = None
    query: NonEmpty | None = None
    cookie: NonEmpty | None = None

    @model_validator(mode="after")
    def _one_place(self) -> ApiKeySection:
        if sum(place is not None for place in (self.header, self.query, self.cookie)) != 1:
            raise ValueError("give exactly one of header, query and cookie: the name that the key has there")
        return self


class BasicSection(Section):
    username: str
    password: Annotated[str, Field(repr=False)]


class OAuth2Section(Section):
    """Client credentials: a token is fetched, kept until shortly before its end, and renewed."""

    token_url: NonEmpty
    client_id: NonEmpty
    client_secret: Secret
    scope: str = ""
    client_auth: Literal["basic", "post"] = "basic"
    """Where the id and the secret stand: in the header, or in the body (`post`)."""
    extra: StrMap = Field(default_factory=dict)
    """More fields of the request for a token: `{audience: …}`."""


class AuthSection(Section):
    """Who asks: exactly one of the keys."""

    bearer: OptionalSecret = None
    api_key: ApiKeySection | None = None
    basic: BasicSection | None = None
    oauth2: OAuth2Section | None = None

    @model_validator(mode="after")
    def _one_way(self) -> AuthSection:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise ValueError("give exactly one of bearer, api_key, basic and oauth2")
        return self


def build(section: AuthSection | None) -> auth.Auth | None:
    """Raises `ConfigurationError`."""
    from turnstream.tools import auth
    from turnstream.tools.operations import check_headers, check_url

    if section is None:
        return None
    if (oauth2 := section.oauth2) is not None:
        check_url(oauth2.token_url)
        return auth.ClientCredentials(
            oauth2.token_url,
            oauth2.client_id,
            oauth2.client_secret,
            scope=oauth2.scope,
            extra=oauth2.extra,
            client_auth=oauth2.client_auth,
        )
    fixed = _build_fixed(section)
    check_headers(fixed.given.headers)
    return fixed


def _build_fixed(section: AuthSection) -> auth.Fixed:
    from turnstream.tools import auth

    if section.bearer is not None:
        return auth.bearer(section.bearer)
    if section.basic is not None:
        return auth.basic(section.basic.username, section.basic.password)
    key = section.api_key
    assert key is not None
    if key.query is not None:
        return auth.api_key(key.key, key.query, "query")
    return auth.api_key(key.key, key.header or key.cookie or "", "header" if key.header else "cookie")
