"""Uvicorn without its command line.

Its package imports that too, and with it click, a watcher of files and multiprocessing: 2.4 MiB that each server would
have, and a twentieth of its start. A module stands in for it while the package is imported; who uses ``uvicorn.run``
gets the one of the command line then.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_COMMAND_LINE = "uvicorn.main"


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name == "Server":
            return import_module("uvicorn.server").Server
        if name in ("main", "run"):
            return _later(name)
        raise AttributeError(name)


def _later(name: str) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(_COMMAND_LINE), name)(*args, **kwargs)

    return call


def load() -> None:
    """Nothing, if it is loaded; all of it, if this one needs more of its command line than is known here."""
    if "uvicorn" in sys.modules:
        return
    sys.modules[_COMMAND_LINE] = _StandIn(_COMMAND_LINE)
    try:
        import_module("uvicorn")
    except (ImportError, AttributeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "uvicorn"]:
            del sys.modules[name]
    else:
        del sys.modules[_COMMAND_LINE]
