"""What a newcomer installs: the base stays as small as it is, and what is heavy has an environment of its own."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements"
_NAMES = """
    aiohappyeyeballs aiohttp aiosignal annotated-doc annotated-types anyio attrs click colorama cronsim fastapi
    frozenlist genai-prices griffe griffecli griffelib h11 httpcore2 httptools httpx2 httpx2-jsfetch idna
    jinja2 jsonschema jsonschema-specifications markdown-it-py markupsafe mdurl msgspec multidict
    opentelemetry-api orjson propcache pydantic pydantic-core pygments python-dotenv pyyaml referencing rich
    rpds-py shellingham starlette truststore typer tzdata typing-extensions typing-inspection uvicorn uvloop
    watchfiles yarl
"""
BASE = frozenset(_NAMES.split())
"""A new one is weighed in docs/design/dependencies.md first."""
HEAVY = {"faiss-cpu", "matplotlib", "milvus-lite", "pandas", "pyarrow", "pymilvus"}


def pins(name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    text = (REQUIREMENTS / f"{name}.txt").read_text("utf-8")
    for package, version in re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==(\S+)", text, re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


def test_the_base_is_what_it_was() -> None:
    assert set(pins("base")) == BASE


def test_the_base_is_what_the_package_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[^A-Za-z0-9_.-]", one)[0] for one in project["dependencies"]}
    assert names <= set(pins("base"))


def test_what_is_heavy_is_not_in_the_development_environment() -> None:
    assert not HEAVY & set(pins("dev"))
    assert {*pins("milvus"), *pins("bench")} >= HEAVY


@pytest.mark.parametrize("name", ["base", "bench", "deploy", "image", "milvus"])
def test_an_environment_that_is_put_before_another_has_its_versions(name: str) -> None:
    dev = pins("dev")
    assert [package for package, found in pins(name).items() if not found <= dev.get(package, found)] == []


@pytest.mark.parametrize("file", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda file: file.stem)
def test_every_package_has_its_hashes_and_no_registry_is_named(file: Path) -> None:
    text = file.read_text("utf-8")
    assert len(re.findall(r"^\S+==.*\\$", text, re.MULTILINE)) == len(re.findall(r"^\S+==", text, re.MULTILINE))
    assert "://" not in re.sub(r"^ *#.*", "", text, flags=re.MULTILINE)
