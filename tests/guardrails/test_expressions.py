from __future__ import annotations

import re
import time

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from turnstream import errors
from turnstream.guardrails import expressions

PATTERNS = [
    "abc",
    r"\bab?c{2,3}\b",
    "(?:ab|a)+c",
    "x(?:y(?P<name>z|w){2}|[p-r]+){1,2}!",
    r"(?i:k)[\d.]{0,3}k",
    r"^a\.?b|c$",
    r"\x41[[:digit:]]",
]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), pattern=st.sampled_from(PATTERNS))
def test_each_beginning_of_a_match_is_waited_for(data: st.DataObject, pattern: str) -> None:
    match = data.draw(
        st.from_regex(pattern.replace("[[:digit:]]", "[0-9]"), fullmatch=True, alphabet=st.characters(codec="ascii"))
    )
    search = expressions.Expression(pattern).search_open
    for end in range(1, len(match) + 1):
        found = search(match[:end].encode())
        assert found is not None
        assert found.span() == (0, end)


@settings(deadline=None)
@given(text=st.text("abcxyzk1.!", max_size=12), pattern=st.sampled_from(PATTERNS[:5]))
def test_a_whole_text_has_the_matches_that_it_always_had(text: str, pattern: str) -> None:
    found = expressions.Expression(pattern).search(text.encode())
    expected = re.search(pattern, text)
    assert (found is None) == (expected is None)
    assert found is None or expected is None or found.start() == expected.start()


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("a*", "matches the empty text"),
        (r"\b", "matches the empty text"),
        ("(a", "the group at position 1 of the expression is not closed"),
        ("a)", r"unexpected '\)' at position 2"),
        ("a(?=b)", r"unsupported '\(\?=b\)' at position 2"),
        (r"(a)\1", "RE2"),
        ("[a", r"unsupported '\[a' at position 1"),
        ("x{2,1}", "RE2"),
        ("a" * 20_001, "20000 characters"),
        ("(" * 60 + "a" + ")" * 60, "nested 50 deep"),
        ("(?:(?:a{1000}){1000}){1000}", "RE2"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(pattern: str, why: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=why):
        expressions.Expression(pattern)


@pytest.mark.parametrize("pattern", ["(?:a+)+b", "(?:a|a)*b", "(?:a?){30}a{30}b", "(?:.*,){20}b"])
def test_an_expression_that_takes_others_for_ever_takes_a_moment(pattern: str) -> None:
    search = expressions.Expression(pattern).search_open
    began = time.process_time()
    search(b"a," * 20_000)
    assert time.process_time() - began < 2
