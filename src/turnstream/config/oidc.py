"""Issuers of tokens: what a configuration may say of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from turnstream import identity
from turnstream.config.limits import LimitsSection
from turnstream.config.sections import NonEmpty, ScopeName, Section, StrList, defaults_of

Scopes = Annotated[list[ScopeName], Field(min_length=1)]
_DEFAULTS = defaults_of(identity.Issuer)
_Algorithm: TypeAlias = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"
]


def _check_url(value: str) -> str:
    if not identity.is_safe(value):
        raise ValueError("must be an https address (http is for this machine alone)")
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Url = Annotated[NonEmpty, AfterValidator(_check_url)]


class ClaimsSection(Section):
    """Where a token says what. Claims within others are named with dots: `realm_access.roles`."""

    subject: NonEmpty = _DEFAULTS["subject"]
    """Whose it is. It must be unique at the issuer, and never another's later."""
    groups: NonEmpty = _DEFAULTS["groups"]
    scopes: NonEmpty | None = None
    """What it may; those of its words that are scopes here count. Without it: `server.oidc.scopes`."""
    scope_prefix: str = _DEFAULTS["scope_prefix"]
    """What such a word begins with: `turnstream:` for `turnstream:runs`."""


class OidcSection(Section):
    """An issuer whose tokens open the server: `Authorization: Bearer <token>`."""

    issuer: Url
    """The `iss` of its tokens, exactly; its keys are found by OpenID Connect Discovery."""
    audience: Annotated[StrList, BeforeValidator(_as_list), Field(min_length=1)]
    """What a token must be for: the name that the issuer has for this server."""
    jwks_url: Url | None = None
    """Where its keys are, if they cannot be discovered."""
    algorithms: Annotated[list[_Algorithm], Field(min_length=1)] = Field(
        default_factory=lambda: list(_DEFAULTS["algorithms"])
    )
    """Signatures that are taken."""
    leeway: Annotated[float, Field(ge=0, le=300)] = _DEFAULTS["leeway"]
    """Seconds by which the issuer's clock may differ."""
    prefix: str | None = None
    """What a principal's name begins with, before the subject. Without it: the issuer and `#`."""
    claims: ClaimsSection = Field(default_factory=ClaimsSection)
    scopes: Scopes = Field(default_factory=lambda: list[ScopeName](("runs",)))
    """What every token may, unless `claims.scopes` says where that is."""
    group_scopes: dict[NonEmpty, Scopes] = Field(default_factory=dict)
    """What the members of a group may besides."""
    agents: Annotated[list[NonEmpty], Field(min_length=1)] | None = None
    """The agents that its tokens open. Without it: all."""
    limits: LimitsSection | None = None
    """The most that each may use, instead of the server's `limits.each`."""

    def build(self) -> identity.Issuer:
        return identity.Issuer(
            self.issuer,
            tuple(self.audience),
            tuple(self.algorithms),
            self.leeway,
            self.jwks_url,
            self.prefix,
            **dict(self.claims),
            granted=frozenset(self.scopes),
            by_group={group: frozenset(scopes) for group, scopes in self.group_scopes.items()},
            agents=None if self.agents is None else frozenset(self.agents),
            limits=None if self.limits is None else self.limits.build(),
        )


def as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


OidcList = Annotated[list[OidcSection], BeforeValidator(as_list)]
