"""What a configuration may say of the server's keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnstream.config import load
from turnstream.errors import ConfigurationError
from turnstream.identity import Issuer, Key, Users
from turnstream.limits import Limits
from turnstream.service import ServerSettings


def loaded(folder: Path, server: str) -> ServerSettings:
    (folder / "agent.yaml").write_text(f"model: demo\nserver: {{{server}}}\n")
    return load(folder / "agent.yaml", {}).settings


def test_all_that_may_be_said_of_a_key(tmp_path: Path) -> None:
    said = "{key: k, name: bob, scopes: [runs], groups: [sales], limits: {runs: 2}, expires: 2027-01-31}"
    (key,) = loaded(tmp_path, f"keys: [{said}]").keys
    expected = Key("k", "bob", None, frozenset({"runs"}), frozenset({"sales"}), Limits(runs=2), 1801353600.0)
    assert key == expected


@pytest.mark.parametrize("expires", ["2027-01-31T00:00:00Z", "'2027-01-31'", "2027-01-31T01:00:00+01:00"])
def test_a_time_may_be_written_in_several_ways(expires: str, tmp_path: Path) -> None:
    (key,) = loaded(tmp_path, f"keys: [{{key: k, expires: {expires}}}]").keys
    assert isinstance(key, Key)
    assert key.expires_at == 1801353600.0


def test_a_key_may_be_in_a_file_beside_the_configuration_or_elsewhere(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "keys: [{file: a, name: shop}, {file: /run/secrets/b}]")
    assert [key.file for key in settings.keys if isinstance(key, Key)] == [tmp_path / "a", Path("/run/secrets/b")]
    (alone,) = loaded(tmp_path, "keys: {file: a}").keys
    assert alone == Key(file=tmp_path / "a")


def test_a_file_of_hashes_may_be_named_or_made_where_it_is_found(tmp_path: Path) -> None:
    assert not loaded(tmp_path, "port: 1").asks_who
    assert loaded(tmp_path, "keys_file: my.json").keys_file == tmp_path / "my.json"
    (tmp_path / ".turnstream").mkdir()
    (tmp_path / ".turnstream" / "keys.json").write_text("{}")
    assert loaded(tmp_path, "port: 1").asks_who


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ("keys: [{key: k, scopes: []}]", "keys[0].scopes: must not be empty"),
        ("keys: [{key: k, scopes: [root]}]", "keys[0].scopes[0]: must be 'runs', 'approve', 'metrics' or 'admin'"),
        ("keys: [{name: bob}]", "needs `key`, or else `file`"),
        ("keys: [{key: k, file: f}]", "needs `key`, or else `file`"),
        ("keys: [{key: k, expires: soon}]", "must be a date such as 2027-01-31"),
    ],
)
def test_a_key_that_nobody_could_use_is_an_error(server: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, server)
    assert message in caught.value.message


def test_an_issuer_and_all_that_may_be_said_of_it(tmp_path: Path) -> None:
    said = (
        "{issuer: 'https://login.test', audience: me, claims: {groups: roles}, group_scopes: {ops: [admin]}, "
        "agents: [agent], limits: {runs: 2}, prefix: 'corp:'}"
    )
    (issuer,) = loaded(tmp_path, f"oidc: {said}").oidc
    assert issuer == Issuer(
        "https://login.test",
        ("me",),
        prefix="corp:",
        groups="roles",
        by_group={"ops": frozenset({"admin"})},
        agents=frozenset({"agent"}),
        limits=Limits(runs=2),
    )


def test_users_may_be_named_by_whom_a_key_says(tmp_path: Path) -> None:
    said = "{name: a, key: k, users: {secret: 0123456789abcdef}}, {name: b, key: l, users: {header: X-User}}"
    keys = [key.users for key in loaded(tmp_path, f"keys: [{said}]").keys if isinstance(key, Key)]
    assert keys == [Users(secret="0123456789abcdef"), Users("x-user")]


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ("oidc: {issuer: 'https://login.test'}", "audience: is missing"),
        ("oidc: {issuer: 'https://login.test', audience: []}", "audience: must not be empty"),
        ("oidc: {issuer: 'http://login.test', audience: me}", "must be an https address"),
        ("oidc: {issuer: 'https://login.test', audience: me, algorithms: [HS256]}", "algorithms[0]: must be 'RS256'"),
        ("oidc: {issuer: 'https://login.test', audience: me, scopes: []}", "scopes: must not be empty"),
        ("keys: [{key: k, users: {header: X-User}}]", "with `users` it needs a `name`"),
        ("keys: [{key: k, name: a/b, users: {header: X-User}}]", "with `users` it needs a `name` without '/'"),
        ("keys: [{key: k, name: a, users: {}}]", "needs `secret`, for names that are signed, or else `header`"),
        ("keys: [{key: k, name: a, users: {secret: short}}]", "secret: must not be empty"),
    ],
)
def test_what_would_trust_too_much_is_an_error(server: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, server)
    assert message in caught.value.message
