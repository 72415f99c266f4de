from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.guardrails import expressions, patterns, texts
from turnstream.guardrails.matching import Pattern, PatternRule
from turnstream.testing.pieces import cuts

KEY = "sk-proj-abcdefghijklmnopqrstuvwx"
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpA+/=\nAAAA\n-----END RSA PRIVATE KEY-----"
CARD = "4111 1111 1111 1111"
PIECES = [
    *("a", " ", ".", "\n", "@", "é", "日", "\ud83d", "sk-", "s", "4", "1234", "-----BEGIN ", "für", "foo", "bar", "-"),
    *(KEY, PRIVATE_KEY, CARD, "4111111111111112", "jane.doe@example.co.uk", "AKIAIOSFODNN7EXAMPLE", KEY[:12]),
]
RULES = {
    "secrets": patterns.find_secrets(),
    "email": patterns.find_emails(),
    "cards": patterns.find_cards(),
    "words": patterns.find_words(["für", "foo", "foo bar"]),
    "context": Pattern(expressions.Expression(r"(?m)^a|\Bs\b|foo$|\ba{1,3}\b")),
    "open end": Pattern(expressions.Expression(r"a[^@]*@"), longest=100),
}
said = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def rule(name: str, replacement: str | None = "[#]") -> PatternRule:
    return PatternRule(name, RULES[name], replacement)


def shown(rule: texts.Rule, pieces: Sequence[str]) -> tuple[str, bool]:
    """What a client sees, and whether the text was stopped."""
    stream, out = rule.open(), ""
    try:
        for piece in pieces:
            out += stream.feed(piece)
        return out + stream.close(), False
    except texts.StoppedError as stopped:
        return out + stopped.before, True


@settings(deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(RULES)), text=said)
def test_a_text_is_masked_the_same_however_it_is_cut(data: st.DataObject, name: str, text: str) -> None:
    assert shown(rule(name), data.draw(cuts(text))) == (rule(name).apply(text), False)


@settings(deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(RULES)), text=said)
def test_a_stop_shows_all_that_is_before_the_match_and_nothing_of_it(data: st.DataObject, name: str, text: str) -> None:
    mark = "\0"
    before, found, _ = rule(name, mark).apply(text).partition(mark)
    assert shown(rule(name, None), data.draw(cuts(text))) == (before, bool(found))


@settings(deadline=None)
@given(name=st.sampled_from(["secrets", "email", "cards", "words"]), text=said)
def test_only_what_could_become_a_match_is_held(name: str, text: str) -> None:
    stream = rule(name).open()
    stream.feed(text)
    held = text.encode("utf-8", "surrogatepass")[len(text.encode("utf-8", "surrogatepass")) - stream.held :]
    found = RULES[name].expression.search_open(held)
    assert not held or (found is not None and found.span() == (0, len(held)))


@pytest.mark.parametrize(
    ("name", "piece", "most"),
    [("secrets", KEY[:30], 30), ("email", "ordinary", 8), ("cards", " is 7", 1), ("words", "fo", 2)],
)
def test_the_delay_is_that_of_the_beginning_of_a_match(name: str, piece: str, most: int) -> None:
    stream = rule(name).open()
    stream.feed("some words, ")
    stream.feed(piece)
    assert stream.held == most
    stream.feed(" (")
    assert stream.held == 0


@settings(deadline=None)
@given(data=st.data(), count=st.integers(1, 4000))
def test_what_could_become_a_match_for_ever_is_stopped_at_the_same_place_however_it_is_cut(
    data: st.DataObject, count: int
) -> None:
    text = "b " + "a" * count
    whole = shown(rule("open end"), [text])
    assert shown(rule("open end"), data.draw(cuts(text))) == whole
    assert whole == ((text, False) if count + 2 < 512 else ("b ", True))


def test_memory_is_bounded_whatever_comes() -> None:
    stream = PatternRule("x", Pattern(expressions.Expression("a{1,400}b"), longest=400), "#").open()
    held = []
    for _ in range(100):
        stream.feed("a" * 1000)
        held.append(stream.held)
    assert max(held) <= 400
