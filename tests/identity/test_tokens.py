"""Tokens: which are believed, and what is read from them."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from joserfc import jwk, jws
from joserfc.util import urlsafe_b64encode

from turnstream.errors import ConfigurationError
from turnstream.identity import Issuer, issuers, jwks
from turnstream.identity.credentials import IdentityError
from turnstream.identity.jwks import Document, IssuerUnavailableError, Jwks
from turnstream.identity.tokens import Tokens

URL = "https://issuer.test"
NOW = 1_000_000.0
KEY = jwk.RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig"})
OTHER = jwk.RSAKey.generate_key(2048, parameters={"kid": "two"})
CLAIMS = {"iss": URL, "aud": "me", "sub": "alice", "exp": NOW + 60, "iat": NOW}


class Site:
    """What the issuer has at its addresses."""

    def __init__(self, *keys: Any, **document: Any) -> None:
        self.asked: list[str] = []
        self.document = {"issuer": URL, "jwks_uri": f"{URL}/keys", **document}
        self.keys: list[Any] = [key if isinstance(key, dict) else key.as_dict(private=False) for key in keys]
        self.fails = False

    async def get(self, url: str) -> Document:
        self.asked.append(url)
        await asyncio.sleep(0)
        if self.fails:
            raise OSError("away")
        found = self.document if url.endswith("configuration") else {"keys": self.keys}
        return Document(json.dumps(found).encode())


def issuer(**fields: Any) -> Issuer:
    return Issuer(URL, ("me",), **fields)


def sign(claims: dict[str, Any] | None = None, key: Any = KEY, **header: Any) -> bytes:
    given = {"alg": "RS256", "kid": key.kid, "typ": "JWT", **header}
    head = {name: value for name, value in given.items() if value is not None}
    payload = json.dumps({**CLAIMS, **(claims or {})}).encode()
    registry = jws.JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
    return jws.serialize_compact(head, payload, key, registry=registry).encode()


def tokens(site: Site, **fields: Any) -> Tokens:
    return Tokens([issuer(**fields)], site.get, clock=lambda: NOW)


async def refused(token: bytes, **fields: Any) -> str:
    async with tokens(Site(KEY), **fields) as checking:
        with pytest.raises(IdentityError) as caught:
            await checking.verify(token)
    assert (caught.value.code, caught.value.status) == ("invalid_api_key", 401)
    return caught.value.message


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://other.test"}, "issuer"),
        ({"iss": URL + "/"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "you"}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": [{"me": 1}]}, "audience"),
        ({"exp": NOW - 61}, "expired"),
        ({"exp": None}, "period"),
        ({"exp": "9999999999"}, "period"),
        ({"nbf": NOW + 61}, "not valid yet"),
        ({"nbf": "now"}, "period"),
        ({"sub": None}, "does not name its user"),
        ({"sub": ""}, "does not name its user"),
        ({"sub": 7}, "does not name its user"),
        ({"sub": "a\nb"}, "does not name its user"),
        ({"sub": "a" * 256}, "does not name its user"),
        ({"cnf": {"jkt": "x"}}, "bound to a key"),
    ],
    ids=range(18),
)
async def test_claims_that_do_not_fit_are_refused(claims: dict[str, Any], reason: str) -> None:
    assert reason in await refused(sign(claims))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"alg": "RS512"}, "algorithm"),
        ({"typ": "logout+jwt"}, "kind"),
        ({"typ": "dpop+jwt"}, "kind"),
        ({"kid": "two"}, "signature"),
    ],
)
async def test_headers_that_do_not_fit_are_refused(header: dict[str, Any], reason: str) -> None:
    assert reason in await refused(sign(**header))


async def test_another_key_under_the_same_name_signs_nothing() -> None:
    assert "signature" in await refused(sign(key=OTHER, kid="one"))


async def test_a_token_that_was_changed_is_refused() -> None:
    head, _, signature = sign().split(b".")
    payload = sign({"sub": "bob"}).split(b".")[1]
    assert "signature" in await refused(b".".join([head, payload, signature]))


async def test_the_public_key_is_no_shared_secret() -> None:
    """A token signed by HMAC with the issuer's public key: the oldest trick there is."""
    head = {"alg": "HS256", "kid": "one"}
    signed = b".".join(urlsafe_b64encode(json.dumps(part).encode()) for part in (head, CLAIMS))
    signature = hmac.digest(KEY.as_pem(private=False), signed, "sha256")
    assert "algorithm" in await refused(signed + b"." + urlsafe_b64encode(signature))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, ["RS256"], {"alg": "RS256"}])
async def test_a_token_without_a_signature_is_refused(alg: Any) -> None:
    parts = (json.dumps({"alg": alg}).encode(), json.dumps(CLAIMS).encode(), b"")
    assert await refused(b".".join(urlsafe_b64encode(part) for part in parts))


@pytest.mark.parametrize(
    "claims",
    [{}, {"aud": ["you", "me"]}, {"exp": NOW - 59}, {"nbf": NOW + 59}],
    ids=["plain", "two audiences", "just expired", "just begun"],
)
async def test_a_good_token_is_its_subjects(claims: dict[str, Any]) -> None:
    async with tokens(Site(KEY)) as checking:
        assert (await checking.verify(sign(claims))).name == f"{URL}#alice"


async def test_a_token_that_names_no_key_is_tried_with_those_that_there_are() -> None:
    async with tokens(Site(OTHER, KEY)) as checking:
        assert await checking.verify(sign(kid=None))


@given(st.binary(max_size=300) | st.text('eyJ.{}":,[]abc-_=', max_size=200).map(str.encode))
@settings(deadline=None, max_examples=200)
def test_noise_is_refused_and_nothing_else(noise: bytes) -> None:
    async def verify() -> None:
        async with tokens(Site(KEY)) as checking:
            with pytest.raises(IdentityError):
                await checking.verify(noise)

    asyncio.run(verify())


# -------------------------------------------------------------------------------------------------------------- claims


@pytest.mark.parametrize(
    ("fields", "claims", "scopes"),
    [
        ({}, {"scope": "admin"}, {"runs"}),
        ({"scopes": "scope"}, {"scope": "openid runs admin"}, {"runs", "admin"}),
        ({"scopes": "scp", "scope_prefix": "ts:"}, {"scp": ["ts:runs", "admin", "ts:root", 7]}, {"runs"}),
        ({"scopes": "realm_access.roles"}, {"realm_access": {"roles": ["metrics"]}}, {"metrics"}),
        ({"scopes": "https://x.test/scopes"}, {"https://x.test/scopes": ["runs"]}, {"runs"}),
        ({"scopes": "scope"}, {}, set()),
        ({"by_group": {"ops": frozenset({"admin"})}}, {"groups": ["ops"]}, {"runs", "admin"}),
        ({"by_group": {"ops": frozenset({"admin"})}}, {"groups": {"ops": True}}, {"runs"}),
    ],
    ids=range(8),
)
def test_scopes_come_from_the_issuer_the_claims_and_the_groups(
    fields: dict[str, Any], claims: dict[str, Any], scopes: set[str]
) -> None:
    principal = issuer(**fields).principal({"sub": "alice", **claims})
    assert principal is not None
    assert principal.scopes == scopes


def test_a_prefix_tells_two_issuers_apart_and_may_be_chosen() -> None:
    names = [issuer(prefix=prefix).principal({"sub": "a"}) for prefix in (None, "corp:", "")]
    assert [found.name for found in names if found is not None] == [f"{URL}#a", "corp:a", "a"]


def test_an_address_that_nobody_has_verified_is_nobodys() -> None:
    believed = issuer(subject="email")
    assert believed.principal({"email": "a@b.c", "email_verified": False}) is None
    assert believed.principal({"email": "a@b.c", "email_verified": True}) is not None


# ---------------------------------------------------------------------------------------------------------------- keys


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


def keys(site: Site, clock: list[float], **fields: Any) -> Jwks:
    return Jwks(issuer(**fields), site.get, lambda: clock[0])


async def test_keys_are_looked_up_once_and_kept(clock: list[float]) -> None:
    site = Site(KEY)
    found = keys(site, clock)
    await asyncio.gather(*(found.find("one", "RS256") for _ in range(20)))
    assert len(site.asked) == 2
    clock[0] += 3599
    assert len(await found.find("one", "RS256")) == 1
    assert len(site.asked) == 2


async def test_unknown_keys_are_looked_up_once_in_a_while_whoever_names_them(clock: list[float]) -> None:
    site = Site(KEY)
    found = keys(site, clock)
    for n in range(50):
        assert await found.find(f"nobody-{n}", "RS256") == []
    assert len(site.asked) == 2
    site.keys = [OTHER.as_dict(private=False)]
    clock[0] += jwks.PAUSE
    assert len(await found.find("two", "RS256")) == 1
    assert await found.find("one", "RS256") == []


async def test_old_keys_count_while_the_issuer_is_away_but_not_for_ever(clock: list[float]) -> None:
    site = Site(KEY)
    found = keys(site, clock)
    await found.find("one", "RS256")
    site.fails = True
    clock[0] += 7200
    assert len(await found.find("one", "RS256")) == 1
    clock[0] += 86400
    with pytest.raises(IssuerUnavailableError):
        await found.find("one", "RS256")
    await found.close()


async def test_without_keys_nobody_can_say_and_the_client_may_come_back(clock: list[float]) -> None:
    site = Site(KEY)
    site.fails = True
    found = keys(site, clock)
    for _ in range(3):
        with pytest.raises(IssuerUnavailableError) as caught:
            await found.find("one", "RS256")
    assert (caught.value.status, len(site.asked)) == (503, 1)


@pytest.mark.parametrize(
    "document",
    [{"issuer": "https://other.test"}, {"jwks_uri": "http://issuer.test/keys"}, {"jwks_uri": None}, {"jwks_uri": "x"}],
)
async def test_a_document_that_is_not_the_issuers_is_not_believed(document: dict[str, Any], clock: list[float]) -> None:
    with pytest.raises(IssuerUnavailableError):
        await keys(Site(KEY, **document), clock).find("one", "RS256")


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0"},
        {**KEY.as_dict(private=False), "use": "enc"},
        KEY.as_dict(private=True),
        {**KEY.as_dict(private=False), "key_ops": ["encrypt"]},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC"},
        {},
    ],
    ids=range(8),
)
def test_what_cannot_check_a_signature_is_none_of_the_keys(key: dict[str, Any]) -> None:
    assert jwks.read_keys(json.dumps({"keys": [key, 7, None]}).encode()) == []


async def test_an_issuer_that_is_away_costs_a_key_nothing() -> None:
    began = time.monotonic()
    site = Site(KEY)
    site.fails = True
    async with tokens(site) as checking:
        with pytest.raises(IssuerUnavailableError):
            await checking.verify(sign())
    assert time.monotonic() - began < 5


def test_two_issuers_that_could_not_be_told_apart_are_an_error() -> None:
    for others in ([Issuer(URL, ("you",))], [Issuer("https://other.test", ("me",), prefix="corp:")]):
        with pytest.raises(ConfigurationError):
            issuers.check([issuer(prefix="corp:"), *others], [])
    with pytest.raises(ConfigurationError, match="'nobody', but no agent has that name"):
        issuers.check([issuer(agents=frozenset({"nobody"}))], ["helper"])
