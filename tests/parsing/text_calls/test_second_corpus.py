"""The cases of the second corpus: each has the right value and the reason. They are run as its own runner runs them."""

from __future__ import annotations

import importlib.util
import json
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"
EXCEPTIONS = Path(__file__).with_name("second_exceptions.toml")

pytestmark = pytest.mark.skipif(
    not (CASES / "toolcalls-2.jsonl").is_file(), reason="the cases are not in this checkout's ../shared/cases"
)


@cache
def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_toolcalls", CASES / "run_toolcalls.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def load() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / "toolcalls-2.jsonl").read_text(encoding="utf-8").splitlines() if line]


def exceptions() -> dict[str, str]:
    """Case id → why the case is wrong."""
    found: dict[str, str] = tomllib.loads(EXCEPTIONS.read_text(encoding="utf-8"))["wrong"]
    return found


def test_every_case_reads_as_it_should() -> None:
    misses = {case["id"]: runner().misses(case) for case in load() if case["id"] not in exceptions()}
    assert {name: found for name, found in misses.items() if found} == {}


def test_an_exception_is_one() -> None:
    assert [case["id"] for case in load() if case["id"] in exceptions() and not runner().misses(case)] == []


def test_exceptions_are_at_most_two_in_a_hundred() -> None:
    assert len(exceptions()) <= 0.02 * len(load())
