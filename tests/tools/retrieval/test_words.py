from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.tools.retrieval.words import MOST_WORDS, add_spaces, excerpt, expression, words

HOSTILE = [
    '"',
    '""',
    '" OR "',
    "a AND NOT b",
    "NEAR(a b, 2)",
    "title:secret",
    "-title : x",
    "{title heading} : x",
    "^start",
    "a*",
    "a + b",
    "(((",
    "'; DROP TABLE files; --",
    "\x00",
    "a\x00b",
    "\ud800",
    "*",
    "AND OR NOT",
    "rank:x bm25()",
]


@pytest.fixture(scope="module")
def table() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5 (a, tokenize='porter unicode61 remove_diacritics 2')")
    connection.execute(
        "INSERT INTO t VALUES (?)", (add_spaces("and near title 東京タワー gpt-5.1 C++ it's naïve हिन्दी кофе"),)
    )
    return connection


def found(table: sqlite3.Connection, question: str) -> bool:
    asked = expression(words(question))
    return bool(asked) and bool(table.execute("SELECT 1 FROM t WHERE t MATCH ?", (asked,)).fetchall())


@pytest.mark.parametrize("question", HOSTILE)
def test_nothing_of_a_question_is_syntax(table: sqlite3.Connection, question: str) -> None:
    found(table, question)


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\"'*^:(){}+-\x00 ANDORTe東ー"))))
def test_any_text_is_a_question(question: str) -> None:
    asked = expression(words(question))
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5 (a, tokenize='porter unicode61 remove_diacritics 2')")
    if asked:
        connection.execute("SELECT 1 FROM t WHERE t MATCH ?", (asked,)).fetchall()
    connection.close()


@pytest.mark.parametrize(
    "question",
    [
        "AND",
        "NEAR",
        "京タ",
        "東京タワー",
        "gpt-5.1",
        "C++",
        "IT'S",
        "NAIVE",
        "titles",
        "where is 東京?",
        "हिन्दी",
        "nai\u0308ve",
        "КОФЕ",
    ],
)
def test_words_are_found_in_any_script_case_and_form(table: sqlite3.Connection, question: str) -> None:
    assert found(table, question)


@pytest.mark.parametrize("question", ["京東", "gpu", "", "?!", "naïvety", "हद"])
def test_other_words_are_not_found(table: sqlite3.Connection, question: str) -> None:
    assert not found(table, question)


def test_a_compound_word_is_asked_for_whole_and_in_parts() -> None:
    assert words("the GPT-5.1 model") == ["the", "gpt-5.1", "gpt", "5", "1", "model"]


def test_an_endless_question_is_cut() -> None:
    assert len(words(" ".join(f"word{number}" for number in range(10_000)))) == MOST_WORDS


def test_an_excerpt_shows_the_place_that_was_asked_for() -> None:
    text = "nothing here " * 100 + "the kingfisher dives " + "nothing there " * 100
    piece = excerpt(text, "What does a kingfisher do?", 80)
    assert "kingfisher" in piece
    assert len(piece) <= 82
    assert (piece[0], piece[-1]) == ("…", "…")
