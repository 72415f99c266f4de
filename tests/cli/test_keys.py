from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from turnstream import cli
from turnstream.config import load
from turnstream.errors import ConfigurationError
from turnstream.identity.files import KeyFile
from turnstream.limits import Limits


def told(*words: str) -> str:
    done = CliRunner().invoke(cli.make_app(), ["keys", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_key_is_shown_once_listed_and_revoked(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("model: demo\n")
    key = told("add", "alice", "--expires", "90d", "--scope", "runs").strip()
    (listed,) = json.loads(told("list", "--json"))
    assert (listed["name"], listed["status"], listed["scopes"]) == ("alice", "active", ["runs"])
    assert key not in told("list")
    assert load(tmp_path / "agent.yaml").settings.asks_who
    assert told("revoke", listed["id"]) == "Revoked 1 key.\n"
    assert "revoked" in told("list")
    assert load(tmp_path / "agent.yaml").settings.asks_who, "no key is left, and the server does not open for that"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("add", "alice", "--scope", "root"), "unknown scope 'root'; expected runs, approve, metrics, admin"),
        (("add", "alice", "--expires", "2020-01-01"), "this time has passed"),
        (("add", "alice", "--expires", "soon"), "expected 2027-01-31, 90d or 12h, not 'soon'"),
        (("add", "alice", "--limit", "runs"), "--limit: expected NAME=NUMBER"),
        (("add", "alice", "--limit", "walks=1"), "--limit: unknown 'walks'; expected runs,"),
        (("revoke", "nobody"), "there is no key with the name or id 'nobody'"),
        (("list", "--store", "memory"), "the store 'memory' keeps no keys"),
    ],
)
def test_what_cannot_be_done_is_said(words: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(reason)):
        told(*words)


def test_a_key_may_have_limits(tmp_path: Path) -> None:
    told("add", "alice", "--limit", "runs=2", "--limit", "cost_per_day=1.5")
    (record,) = KeyFile(tmp_path / ".turnstream" / "keys.json").load()
    assert record.limits == Limits(runs=2, cost_per_day=1.5)


def test_the_configuration_says_where_the_keys_are(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("model: demo\nserver: {store: 'sqlite:here.db', keys_store: true}\n")
    told("add", "alice", "--config", "agent.yaml")
    assert json.loads(told("list", "--json", "--store", "sqlite:here.db"))[0]["name"] == "alice"
