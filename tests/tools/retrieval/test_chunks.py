from __future__ import annotations

from hypothesis import given, settings, strategies as st

from turnstream.tools.retrieval.chunks import chunks

TEXTS = st.text(
    alphabet=st.one_of(st.characters(codec="utf-8"), st.sampled_from("ab .\n \t!。\u0301\u200d")), max_size=400
)


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.integers(2, 60))
def test_nothing_but_white_space_is_lost_or_said_twice(text: str, limit: int) -> None:
    assert "".join("".join(chunks(text, limit)).split()) == "".join(text.split())


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.integers(2, 60))
def test_no_chunk_is_empty_or_too_long(text: str, limit: int) -> None:
    assert all(chunk.strip() and len(chunk) <= limit for chunk in chunks(text, limit))


def test_paragraphs_are_packed_together_while_they_fit() -> None:
    assert chunks("one\n\ntwo\n \nthree", 10) == ["one\n\ntwo", "three"]


def test_a_long_paragraph_is_cut_after_a_sentence() -> None:
    assert chunks("The first one is. The second one is too. And the third.", 30) == [
        "The first one is.",
        "The second one is too.",
        "And the third.",
    ]


def test_else_after_a_word() -> None:
    assert chunks("one two three four five", 10) == ["one two", "three four", "five"]


def test_an_accent_is_not_parted_from_its_letter() -> None:
    assert all(not chunk.startswith("\u0301") for chunk in chunks("e\u0301" * 50, 11))


def test_a_megabyte_without_a_space_takes_no_time() -> None:
    assert len(chunks("x" * 1_000_000)) == 834
