"""Documents as people have them: nothing is lost without a word, and nothing is indexed that nobody sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.retrieval.folders import ids, indexed, write
from turnstream.tools.retrieval import pdf_layout
from turnstream.tools.retrieval.chunks import chunks
from turnstream.tools.retrieval.database import NAME
from turnstream.tools.retrieval.documents import Document, Section
from turnstream.tools.retrieval.extraction import extract
from turnstream.tools.retrieval.indexing import update
from turnstream.tools.retrieval.pdf import _NO_TITLE


def read(name: str, data: str | bytes) -> Document:
    document = extract(name, data if isinstance(data, bytes) else data.encode())
    return document._replace(sections=[one for one in document.sections if one.text.strip()])


def text(name: str, data: str | bytes) -> str:
    return " ".join(" ".join(section.text.split()) for section in read(name, data).sections)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_text_that_begins_with_a_rule_keeps_all_of_it(end: str) -> None:
    lines = ["---", "**OSTROWSKI**", "Carmen", "---", "# Demand", "Pay."]
    assert "Carmen" in text("a.md", end.join(lines))


@pytest.mark.parametrize(
    ("front", "title"),
    [
        ("---\ntitle: A\ntags: [x]\n---\n", "A"),
        ("---\r\ntitle: A\r\n---\r\n", "A"),
        ("---\ntitle: A: b\nlist:\n - x\n---\n", "A: b"),
        ('+++\ntitle = "A"\n+++\n', "A"),
        ("---\n---\n", "a.md"),
        ("---\njust a text\n---\n", "a.md"),
    ],
)
def test_only_a_mapping_is_front_matter(front: str, title: str) -> None:
    document = read("a.md", f"{front}Body.\n\n---")
    assert document.title == title
    assert ("just a text" in text("a.md", f"{front}Body.")) == ("just" in front)


def test_underlined_headings_are_headings() -> None:
    document = read("a.md", "Title\n=====\nText.\n\nPart\n----\nMore.\n\n- item\n---\n\na | b\n--|--\n1 | 2")
    assert document.title == "Title"
    assert [section.heading for section in document.sections] == ["Title", "Title › Part"]


def test_a_table_that_is_cut_has_its_head_in_each_piece() -> None:
    table = "| name | price |\n|---|---|\n" + "".join(f"| item {at} | {at} |\n" for at in range(40))
    pieces = chunks(table, 200)
    assert len(pieces) > 3
    assert all(piece.startswith("| name | price |\n|---|---|\n") and len(piece) <= 200 for piece in pieces)


@pytest.mark.parametrize(
    "hidden",
    [
        "<div hidden>secret <div>more secret</div> secret</div>",
        '<p style="color:red; display : none">secret</p>',
        '<span aria-hidden="true">secret</span>',
        '<div role="navigation"><ul><li>secret</ul></div>',
        '<div id="cookie-banner"><p>secret</p></div>',
        '<section class="gdpr consent popup"><h1>secret</h1></section>',
        "<dialog>secret</dialog>",
        "<p hidden>secret<p>seen too",
        '<img hidden src="x"><input type="hidden" hidden>',
    ],
)
def test_what_no_reader_sees_is_left_out(hidden: str) -> None:
    found = text("a.html", f"<body><p>before</p>{hidden}<p>after</p></body>")
    assert "secret" not in found
    assert found.startswith("before")
    assert found.endswith("after")


def test_a_recipe_for_cookies_is_seen() -> None:
    assert text("a.html", '<div class="cookie-recipe"><p>Bake.</p></div><dialog open>Hello</dialog>') == "Bake. Hello"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("euc_jp", "これは日本語の文章です。東京に行きました。"),
        ("shift_jis", "これは日本語の文章です。東京に行きました。"),
        ("gb18030", "这是一个中文的文档，我们在这里说明如何使用。"),
        ("big5", "這是一個中文的文件，我們在這裡說明如何使用。"),
        ("euc_kr", "안녕하세요. 이것은 한국어 문서입니다."),
        ("cp1251", "Привет, мир! Это обычный текст на русском языке."),
        ("koi8-r", "Привет, мир! Это обычный текст на русском языке."),
        ("cp1253", "Καλημέρα κόσμε, αυτό είναι ένα κείμενο."),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy."),
        ("cp1255", "שלום עולם, זה טקסט בעברית."),
        ("cp1252", "Il était une fois à Paris, un café très cher."),
        ("utf-16-le", "plain words here, nothing else"),
        ("utf-16-be", "plain words here, nothing else"),
    ],
)
def test_old_encodings_are_told_by_what_they_say(encoding: str, said: str) -> None:
    assert text("a.txt", said.encode(encoding)) == said


async def test_an_encoding_can_be_named_and_another_name_reads_anew(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": b"f\x81r \x84hnlich"})
    assert indexed(tmp_path).skipped == {"a.txt": "its encoding is unknown; name it with --encoding"}
    assert update(tmp_path, tmp_path / NAME, encoding="cp437").skipped == {}
    assert await ids(tmp_path, "ahnlich") == ["a.txt#0"]


def test_words_cut_at_the_end_of_a_line_are_one_word() -> None:
    from turnstream.tools.retrieval.pdf import _CUT_WORD, _join

    given = "an acci-\ndental and Well-known\nfact, New-\nYork and co\u00ad\n  operation"
    assert _CUT_WORD.sub(_join, given) == "an accidental and Well-known\nfact, New-\nYork and cooperation"


def test_letters_one_a_line_are_noticed() -> None:
    assert pdf_layout.is_in_shreds("\n".join("Spaced out"))
    assert not pdf_layout.is_in_shreds("A line\nand another\n1\n2\nthird line\nfourth line\nfifth\nsixth")


@pytest.mark.parametrize(
    ("title", "is_none"),
    [
        ("untitled", True), ("Untitled 1", True), ("Microsoft Word - x.docx", True), ("report_final.pdf", True),
        ("Document1", True), ("PowerPoint Presentation", True), ("Annual report 2025", False),
    ],
)  # fmt: skip
def test_titles_that_programs_write_are_none(title: str, is_none: bool) -> None:
    assert (_NO_TITLE.fullmatch(title) is not None) == is_none


def test_sections_keep_their_type() -> None:
    assert read("a.txt", "x").sections == [Section("", "x")]
