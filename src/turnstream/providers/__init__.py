"""One file for each wire protocol of model vendors: a pure ``request`` and a sans-IO ``Decoder``."""

from __future__ import annotations

from typing import Any


def model(name: str) -> Any:
    raise NotImplementedError
