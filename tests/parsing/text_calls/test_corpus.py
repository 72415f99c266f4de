"""Every recorded case of the other servers' test suites, whole and cut."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.corpus import TOOLCALLS, needs_corpus
from tests.parsing.text_calls.cases import Case, exceptions, load
from turnstream.parsing.text_calls import FORMATS

pytestmark = needs_corpus

EVERY_CUT = bool(os.environ.get("EVERY_CUT"))
"""Cut each text at every position; else long texts only at some (every run takes the same)."""


def _cases(name: str) -> list[Case]:
    return [case for case in load() if case.format == name] if TOOLCALLS.is_dir() else []


def _cuts(text: str) -> Iterator[int]:
    step = 1 if EVERY_CUT or len(text) < 90 else max(1, len(text) // 60)
    return iter(range(1, len(text), step))


def test_every_format_of_the_corpus_is_known() -> None:
    assert {case.format for case in load()} <= set(FORMATS)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_a_case_asserts_is_what_we_read(name: str) -> None:
    wrong = {case.id: case.misread() for case in _cases(name) if case.id not in exceptions()}
    assert {case: why for case, why in wrong.items() if why} == {}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_text_cut_in_two_reads_as_the_whole(name: str) -> None:
    for case in _cases(name):
        whole = case.read()
        assert [at for at in _cuts(case.text) if case.read(at) != whole] == [], case.id


def test_an_exception_is_one() -> None:
    cases = {case.id: case for case in load()}
    assert [name for name in exceptions() if not cases[name].misread()] == []


def test_exceptions_are_fewer_than_eight_in_a_hundred() -> None:
    assert len(exceptions()) < 0.08 * len(load())
