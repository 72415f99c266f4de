from __future__ import annotations

import copy
import dataclasses

import pytest

from turnstream import RunContext


def test_a_context_can_be_copied_with_changes_as_the_dataclass_that_it_is() -> None:
    context = RunContext(run_id="run_1", user="ann", values={"tenant": 1})
    changed = dataclasses.replace(context, tool_call_id="call_1")
    assert changed == RunContext(run_id="run_1", user="ann", values={"tenant": 1}, tool_call_id="call_1")
    assert changed.idempotency_key == "run_1.call_1"
    assert copy.copy(context) == context != changed


def test_a_context_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        RunContext().user = "bob"  # type: ignore[misc]
