"""Who may say who somebody is: the issuers of tokens that a server believes, and what it reads from their claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from turnstream import errors, limits, requests

ALGORITHMS = ("RS256", "PS256", "ES256", "Ed25519")
KNOWN = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
)  # signatures by a key that the issuer alone has: with a shared secret whoever checks tokens could make them


@dataclass(frozen=True, slots=True)
class Issuer:
    """``url`` is the ``iss`` of its tokens, under which its keys are discovered, unless ``jwks_url`` says where they
    are. ``audience``: a token must be for one of them. ``leeway`` is in seconds.

    ``subject``, ``groups`` and ``scopes`` name claims, with dots for those within others. The principal's name is
    ``prefix`` and the subject; without a prefix of its own it is the issuer and ``#``. Without a claim for scopes each
    token has ``granted``; with one it has those of the claim's values that begin with ``scope_prefix``. ``by_group``
    adds to them.
    """

    url: str
    audience: tuple[str, ...]
    algorithms: tuple[str, ...] = ALGORITHMS
    leeway: float = 60.0
    jwks_url: str | None = None
    prefix: str | None = None
    subject: str = "sub"
    groups: str = "groups"
    scopes: str | None = None
    scope_prefix: str = ""
    granted: frozenset[str] = frozenset({"runs"})
    by_group: Mapping[str, frozenset[str]] = field(default_factory=dict)
    agents: frozenset[str] | None = None
    limits: limits.Limits | None = None

    def principal(self, claims: Mapping[str, object]) -> requests.Principal | None:
        """Whose a token with these claims is; None if they do not say."""
        subject = _find(claims, self.subject)
        if not isinstance(subject, str) or not 0 < len(subject) <= requests.LONGEST_NAME or not subject.isprintable():
            return None
        if self.subject == "email" and claims.get("email_verified") is False:
            return None
        prefix = f"{self.url}#" if self.prefix is None else self.prefix
        groups = frozenset(_read_words(_find(claims, self.groups)))
        scopes = self.granted if self.scopes is None else self._scopes(_read_words(_find(claims, self.scopes)))
        more = (self.by_group.get(group, frozenset[str]()) for group in groups)
        return requests.Principal(prefix + subject, self.agents, self.limits, scopes.union(*more), groups)

    def _scopes(self, words: list[str]) -> frozenset[str]:
        own = {word.removeprefix(self.scope_prefix) for word in words if word.startswith(self.scope_prefix)}
        return requests.SCOPES & own


def check(believed: Iterable[Issuer], agents: Iterable[str]) -> None:
    """Raises `ConfigurationError` for two that cannot be told apart, and for an agent that is not served."""
    served, urls, prefixes = set(agents), set[str](), set[str | None]()
    for issuer in believed:
        if issuer.prefix is not None and issuer.prefix in prefixes:
            message = f"Two issuers have the prefix '{issuer.prefix}': a subject of one would be the other's too."
            raise errors.ConfigurationError(message)
        prefixes.add(issuer.prefix)
        if issuer.url in urls:
            raise errors.ConfigurationError(f"The issuer {issuer.url} is listed twice.")
        urls.add(issuer.url)
        if unknown := sorted((issuer.agents or set()) - served):
            message = f"The tokens of {issuer.url} are for '{unknown[0]}', but no agent has that name."
            raise errors.ConfigurationError(message)


def is_safe(url: str) -> bool:
    """Whether what comes from there comes from there: by TLS, or from this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_local = host in ("localhost", "127.0.0.1", "::1")
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_local))


def _find(claims: Mapping[str, object], name: str) -> object:
    """A claim may have a dot in its name, as in ``https://example.com/groups``: that comes first."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _read_words(value: object) -> list[str]:
    """A list of texts, or one text with blanks between them, as OAuth has scopes."""
    if isinstance(value, str):
        return value.split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
