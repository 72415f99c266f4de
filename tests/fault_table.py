"""The table of faults in docs/kept-runs.md: what the tests prove, and how many of them did when it was written.

A test says in its docstring which rows it is about ("Row 3.", "Rows 1, 16 and 26: …"). As a plugin of pytest
(``-p tests.fault_table``, which `make soak-runs` uses) this counts, row by row and store by store, the tests that
passed, and writes the table if none failed. `tests/docs/test_fault_table.py` holds it equal to the tests.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "kept-runs.md"
FOLDERS = "runs", "server", "clients"
BEGIN, END = "<!-- written by make soak-runs -->", "<!-- to here -->"
_NAMED = re.compile(r"^Rows? (\d+(?:(?:, | and )\d+)*)")

StoreName: TypeAlias = Literal["sqlite", "postgres"]
Counts: TypeAlias = Mapping[tuple[int, StoreName], int]

ROWS = {
    1: (
        "the owner is killed anywhere: in text, between steps, in the transaction that ends the run, at the release",
        "the run goes on behind its last finished step; numbers stay dense; its text is exact without void events",
    ),
    2: (
        "the owner sleeps past its lease and wakes up while another writes",
        "nothing of it is stored, it changes no status",
    ),
    3: ("the owner that has lost its run is silent", "the heartbeat tells it within a third of the lease; it stops"),
    4: ("one of two servers with 40 runs is killed", "40 runs are told to the end"),
    5: ("SIGTERM", "taken over at once; a rolling restart of two servers drops nothing"),
    6: ("two owners write at one place", "exactly one does"),
    7: ("one run of many in a statement is fenced", "the others are stored"),
    8: ("an append is stored and its answer lost", "it is stored once, the thread's messages too"),
    9: ("the database crashes and is back at once", "no event is lost, the runs go on"),
    10: ("the database is away for longer than the lease", "one owner of each run goes on"),
    11: ("the log is shorter than what a client has seen", "409, never other text under old numbers"),
    12: ("a notification is lost, or the listener", "watchers are late by a poll, and miss nothing"),
    13: ("PgBouncer in transaction mode (where it is installed)", "works, by polling"),
    14: ("one Idempotency-Key at two servers at once", "one run"),
    15: (
        "many submissions to one thread at once",
        "`reject`: one; `queue`: one after another; `interrupt`: the last",
    ),
    16: ("the owner is killed while another run of the thread waits", "that one begins after this one's end"),
    17: (
        "cancelled while queued, executed, waiting, without an owner, from another server",
        "one terminal event; the model call ends",
    ),
    18: (
        "approved after a restart of everything; five answers at once; an answer after a cancellation",
        "one is accepted; none",
    ),
    19: (
        "killed between the beginning of a call that must not happen twice and its result",
        "it is not called again; its check, a person, or else the model is told",
    ),
    20: ("a run that ends each of its owners", "given up after five tries; its thread goes on"),
    21: ("a server's clock is off by an hour", "no difference: times are the database's"),
    22: (
        "the disk is full, or the database read-only",
        "new kept runs get 503; what is under way waits and goes on",
    ),
    23: ("a thousand watchers of one run", "one query for each wake, for all of them"),
    24: ("200 principals at once with the same names", "nobody finds anything of another"),
    25: ("resumed at every event on every wire, at another server", "the rest, byte by byte"),
    26: (
        "a second process on one file; the power fails",
        "refused, and told what to do; the log is a beginning of what it was, with all that a call relied on",
    ),
    27: ("the configuration changes while a run waits or is taken over", "the run goes on with its own version"),
    28: ("the events are not stored any more", "410; the run and its thread are there"),
}


def rows_of(docstring: str | None) -> list[int]:
    """The rows that a test says it is about."""
    found = _NAMED.match(docstring or "")
    return [int(number) for number in re.findall(r"\d+", found[1])] if found else []


def stores_of(fixtures: Iterable[str], kind: object = None) -> list[StoreName]:
    """Which stores a test with these fixtures is about; ``kind`` is that of the `place` which it was given."""
    names = set(fixtures)
    if names & {"place", "store"}:
        return ["sqlite", "postgres"] if kind is None else ["sqlite" if kind == "sqlite" else "postgres"]
    return ["postgres"] if names & {"shared", "postgres_url", "server"} else ["sqlite"]


def tests_by_row() -> dict[int, set[StoreName]]:
    """From the sources of the tests: which rows have tests, and on which stores."""
    found: dict[int, set[StoreName]] = defaultdict(set)
    for folder in FOLDERS:
        for path in (ROOT / "tests" / folder).glob("test_*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                    for row in rows_of(ast.get_docstring(node)):
                        found[row].update(stores_of(argument.arg for argument in node.args.args))
    return found


def table(counts: Counts) -> str:
    lines = ["| | fault | what is seen | SQLite | PostgreSQL |", "|---|---|---|---|---|"]
    for number, (fault, seen) in ROWS.items():
        places: list[tuple[int, StoreName]] = [(number, "sqlite"), (number, "postgres")]
        cells = [str(counts.get(place, 0) or "–") for place in places]
        lines.append(f"| {number} | {fault} | {seen} | {' | '.join(cells)} |")
    return "\n".join(lines)


def written() -> str:
    """The table as it stands on the page."""
    return PAGE.read_text("utf-8").split(BEGIN)[1].split(END)[0].strip()


def write(counts: Counts) -> None:
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table(counts)}\n\n{END}{rest.partition(END)[2]}", "utf-8")


# ------------------------------------------------------------------------------------------------ as a plugin of pytest

_passed: Counter[tuple[int, StoreName]] = Counter()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only tests of rows are run."""
    wanted = [item for item in items if isinstance(item, pytest.Function) and rows_of(item.function.__doc__)]
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = wanted


def pytest_runtest_setup(item: pytest.Item) -> None:
    if isinstance(item, pytest.Function):
        kind = item.callspec.params.get("place") if hasattr(item, "callspec") else None
        for store in stores_of(item.fixturenames, kind):
            item.user_properties += [("row", f"{row} {store}") for row in rows_of(item.function.__doc__)]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        for name, value in report.user_properties:
            if name == "row":
                row, _, store = str(value).partition(" ")
                _passed[int(row), "sqlite" if store == "sqlite" else "postgres"] += 1


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if not hasattr(session.config, "workerinput") and exitstatus == 0 and _passed:
        write(_passed)
