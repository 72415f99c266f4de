"""Seams that import contracts cannot see."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src/turnstream"
# A run is iterated by whoever owns it: the supervisor, the keeper of kept runs, the chat in a terminal.
OWNERS = {"agent/run.py", "runs/supervisor.py", "runs/keeper.py", "cli/chat.py"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCE.rglob("*.py"):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text("utf-8"))


def test_only_its_owners_iterate_a_run() -> None:
    callers = {
        name
        for name, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "batches"
    }
    assert callers == OWNERS


def test_no_module_holds_state_that_requests_share_by_a_global_statement() -> None:
    assert [name for name, module in modules() for node in ast.walk(module) if isinstance(node, ast.Global)] == []


def test_exceptions_end_in_error() -> None:
    """But for `RunTimeout`, whose name is public."""
    exceptions = {
        node.name
        for _, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)
    }
    assert {name for name in exceptions if not name.endswith("Error")} == {"RunTimeout"}
