"""Python functions as tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def tool(function: Callable[..., Any]) -> Any:
    raise NotImplementedError
