"""Pages that are not written in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, strategies as st

from tests.tools.retrieval.folders import pdf
from turnstream.tools.retrieval import pdf_layout
from turnstream.tools.retrieval.extraction import extract

LEFT = [f"{number} the quick brown fox goes on to the river" for number in range(10)]
RIGHT = [f"{number} meanwhile in the city people of the market" for number in range(10, 20)]
TABLE = [("Product", "Price"), *((f"Blue widget {number}", f"{number}2.50") for number in range(8))]

Cell = tuple[int, int, str]


def page(cells: Iterable[Cell]) -> list[str]:
    """The lines that are read of a page with these texts, each at its place, in this order."""
    texts = " ".join(f"BT /F1 10 Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET" for x, y, text in cells)
    document = extract("a.pdf", pdf(f") Tj ET {texts} BT ("))
    return [line.strip() for line in document.sections[0].text.split("\n") if line.strip()]


def side_by_side() -> list[Cell]:
    return [
        cell
        for row, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True))
        for cell in ((50, 700 - 12 * row, left), (320, 700 - 12 * row, right))
    ]


def test_two_columns_that_are_written_line_by_line_are_read_one_after_the_other() -> None:
    assert page(side_by_side()) == [*LEFT, *RIGHT]


def test_two_columns_in_the_order_of_reading_stay_so() -> None:
    assert page(sorted(side_by_side(), key=lambda cell: cell[0])) == [*LEFT, *RIGHT]


def test_what_goes_across_both_columns_stays_where_it_is() -> None:
    title = "A long title that stands above both columns of the page and goes from the left margin to the right one"
    assert page([(50, 740, title), *side_by_side()]) == [title, *LEFT, *RIGHT]


def test_a_table_that_is_written_column_by_column_is_read_row_by_row() -> None:
    cells = [(50 + 150 * column, 700 - 15 * row, TABLE[row][column]) for column in range(2) for row in range(9)]
    assert page(cells) == [" ".join(row) for row in TABLE]


def test_a_table_in_the_order_of_its_rows_stays_so() -> None:
    cells = [(50 + 150 * column, 700 - 15 * row, TABLE[row][column]) for row in range(9) for column in range(2)]
    assert page(cells) == [" ".join(row) for row in TABLE]


def test_a_wide_table_is_not_taken_for_columns_of_text() -> None:
    row = ["a cell of some length here", "and another cell beside it", "and a third one"]
    cells = [(50 + 180 * column, 700 - 15 * at, f"{at} {cell}") for at in range(10) for column, cell in enumerate(row)]
    assert page(cells) == [" ".join(f"{at} {cell}" for cell in row) for at in range(10)]


def test_letters_with_space_between_them_are_words() -> None:
    cells = [(50 + 8 * at, 700, letter) for at, letter in enumerate("spaced out letters of a page") if letter != " "]
    assert "".join(page(cells)).replace(" ", "") == "spacedoutlettersofapage"
    assert pdf_layout.read("a b c d e f g h i j k l " * 3, "a b c   d e f\n" * 6) == "\n".join(["abc def"] * 6)


WORDS = st.text("abc ", min_size=1, max_size=40)
ROWS = st.lists(st.tuples(st.integers(0, 60), WORDS, st.integers(1, 40), WORDS), max_size=20)


@given(ROWS)
def test_no_word_of_a_page_is_lost_or_made_up(rows: list[tuple[int, str, int, str]]) -> None:
    placed = "\n".join(f"{' ' * before}{left}{' ' * gap}{right}" for before, left, gap, right in rows)
    read = pdf_layout.read(placed, placed) if pdf_layout.may_be_out_of_order(placed) else placed
    assert sorted("".join(read.split())) == sorted("".join(placed.split()))
