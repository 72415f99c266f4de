"""Every recorded case of the other servers' test suites, whole and cut."""

from __future__ import annotations

import pytest

from tests.corpus import TOOLCALLS, needs_corpus
from tests.parsing.text_calls.cases import Case, load
from turnstream.parsing.text_calls import FORMATS

READY = sorted(FORMATS)


def _cases() -> list[Case]:
    return [case for case in load() if case.format in FORMATS] if TOOLCALLS.is_dir() else []


@needs_corpus
@pytest.mark.parametrize("name", READY)
def test_a_case_cut_in_two_anywhere_reads_the_same(name: str) -> None:
    for case in _cases():
        if case.format == name:
            whole = case.read()
            for at in range(1, len(case.text)):
                assert case.read(at) == whole, (case.id, at)
