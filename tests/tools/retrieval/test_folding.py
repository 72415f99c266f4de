"""What of a text's spelling does not matter to a search."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.tools.retrieval.folders import ids, indexed, write
from turnstream.tools.retrieval import database, folding
from turnstream.tools.retrieval.words import excerpt, words


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("co\u00adop\u00aderate", "cooperate"),
        ("ﬁle", "file"),
        ("Ｆｕｌｌ", "full"),
        ("zero\u200bwidth", "zerowidth"),
        ("Αθήνα", "αθηνα"),
        ("ΑΘΗΝΑΣ", "αθηνας"),
        ("Ёлка", "елка"),
        ("الكِتَاب", "الكتاب"),
        ("סֵפֶר", "ספר"),
        ("Straße", "strasse"),
        ("STRASSE", "straße"),
        ("Łódź", "lodz"),
        ("œuvre", "oeuvre"),
        ("Đức", "duc"),
        ("Ærø", "aero"),
        ("Müller", "muller"),
        ("naïve", "nai\u0308ve"),
    ],
)
async def test_a_word_is_found_however_it_is_written(tmp_path: Path, text: str, question: str) -> None:
    write(tmp_path, {"a.txt": f"one {text} two", "b.txt": "nothing of the kind"})
    indexed(tmp_path)
    assert await ids(tmp_path, question) == ["a.txt#0"]
    assert words(question) == words(text)


@pytest.mark.parametrize("text", ["हिन्दी", "がぎ", "한국어", "ภาษาไทย"])
def test_marks_that_are_vowels_stay(text: str) -> None:
    assert folding.fold(text) == text


async def test_an_index_that_was_folded_otherwise_is_made_anew(tmp_path: Path) -> None:
    indexed(write(tmp_path, {"a.txt": "Straße", "b.txt": "road"}))
    connection = sqlite3.connect(tmp_path / database.NAME)
    with connection:
        connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
        connection.execute("UPDATE meta SET value = '0' WHERE key = 'words'")
    connection.close()
    assert await ids(tmp_path, "strasse") == []
    indexed(tmp_path)
    assert await ids(tmp_path, "strasse") == ["a.txt#0"]


def test_an_excerpt_finds_its_place_in_folded_text() -> None:
    text = "ﬁrst " * 100 + "the Straße here " + "last " * 100
    assert "Straße" in excerpt(text, "strasse", 60)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Die Haftpflichtversicherung zahlt.", "Versicherung"),
        ("Die Frist endet bald.", "Fristen"),
        ("Alle Fristen enden bald.", "Frist"),
        ("Herr Müller kommt.", "Mueller"),
    ],
)
async def test_parts_of_words_are_looked_for_where_words_find_nothing(tmp_path: Path, text: str, question: str) -> None:
    indexed(write(tmp_path, {"a.txt": text, "b.txt": "Ganz etwas anderes steht hier."}))
    assert await ids(tmp_path, question) == ["a.txt#0"]
    assert await ids(tmp_path, "xylophon") == []


async def test_what_words_find_stands_before_what_is_similar(tmp_path: Path) -> None:
    indexed(write(tmp_path, {"a.txt": "Unfallversicherung", "b.txt": "Eine Versicherung"}))
    assert await ids(tmp_path, "Versicherung") == ["b.txt#0", "a.txt#0"]
