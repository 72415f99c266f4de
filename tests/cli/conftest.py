from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """Commands read `.env` files into the process's environment: no other test sees that."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
