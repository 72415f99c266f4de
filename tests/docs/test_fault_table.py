"""The table of faults on the page is what the tests prove."""

from __future__ import annotations

from tests import fault_table

AGAIN = "run: make soak-runs"


def cells() -> dict[int, list[str]]:
    lines = fault_table.written().splitlines()[2:]
    return {int(line.split(" | ")[0].strip("| ")): line.strip("| ").split(" | ")[1:] for line in lines}


def test_every_row_has_a_test() -> None:
    assert sorted(fault_table.tests_by_row()) == sorted(fault_table.ROWS)


def test_the_rows_of_the_page_are_those_of_the_tests() -> None:
    assert {number: tuple(row[:2]) for number, row in cells().items()} == fault_table.ROWS, AGAIN


def test_a_row_counts_tests_of_the_stores_that_it_has_tests_of() -> None:
    shown = {
        number: {store for store, cell in zip(("sqlite", "postgres"), row[2:], strict=True) if cell != "–"}
        for number, row in cells().items()
    }
    shown[13] = {"postgres"}  # needs PgBouncer, which may not be installed
    assert shown == fault_table.tests_by_row(), AGAIN
