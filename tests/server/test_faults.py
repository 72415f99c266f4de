"""A sample of the fault matrix (tests/faults.py). FAULTS_SEED makes it another one, ``make faults`` runs all."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests import faults

PLACES = [(fault, place) for fault in faults.FAULTS for place in faults.PLACES]
SAMPLE = random.Random(os.environ.get("FAULTS_SEED", "1")).sample(PLACES, 16)


@pytest.mark.parametrize(("fault", "place"), SAMPLE)
async def test_a_fault_has_one_end_in_every_protocol_and_leaves_nothing(fault: str, place: str) -> None:
    cells = [cell for cell in faults.CELLS if (cell.fault, cell.place) == (fault, place)]
    ends = await faults.run(cells)
    assert len(ends) == 16
    assert "internal_error" not in ends.values()


def test_the_page_has_every_fault() -> None:
    page = (Path(__file__).parents[2] / "docs" / "faults.md").read_text("utf-8")
    assert len(faults.FAULTS) == 35
    for fault in faults.FAULTS:
        assert f"| {fault} |" in page
