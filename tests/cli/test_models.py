from __future__ import annotations

import pytest

from turnstream.cli import main
from turnstream.providers import catalogue


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, list[str]]:
    with pytest.raises(SystemExit) as exited:
        main(["models", *arguments])
    assert exited.value.code == 0
    return {words[0]: words[1:] for words in map(str.split, capsys.readouterr().out.splitlines())}


def test_every_provider_is_listed_with_what_it_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    found = listed(capsys)
    assert found.keys() == catalogue.PROVIDERS.keys()
    assert found["groq"] == ["missing", "GROQ_API_KEY"]
    assert found["demo"] == ["ready", "nothing"]


def test_a_key_makes_its_provider_ready(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "secret-key")
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    found = listed(capsys, "--ready")
    assert found["mistral"] == ["ready", "MISTRAL_API_KEY"]
    assert "groq" not in found
    assert "secret-key" not in str(found)
