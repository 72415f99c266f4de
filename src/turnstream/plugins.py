"""Plugins of other libraries, which look into what ours does."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

_SWITCH = "PYDANTIC_DISABLE_PLUGINS"


@contextlib.contextmanager
def without_those_of_pydantic() -> Iterator[None]:
    """For models of our own. To look for plugins, pydantic reads what every installed distribution says of itself,
    which takes longer than any model. What users write has its plugins as ever.

    Only while there is one thread: the switch is a variable of the environment, which others may be reading.
    """
    if _SWITCH in os.environ or threading.active_count() > 1:
        yield
        return
    os.environ[_SWITCH] = "1"
    try:
        yield
    finally:
        del os.environ[_SWITCH]
