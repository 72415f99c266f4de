"""Files that hold the exact bytes which a step gives. ``WRITE_GOLDEN=1`` writes them anew: read the diff."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def check(name: str, given: bytes) -> None:
    path = GOLDEN / name
    if os.environ.get("WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(given)
    assert given.decode() == path.read_bytes().decode(), f"{name} differs from its golden file"
