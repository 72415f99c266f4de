"""``package.module:name`` and ``file.py:name`` → the object."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from turnstream import errors
from turnstream.config.validation import suggest

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)

PATTERN = r"^[^:]+:[A-Za-z_][A-Za-z0-9_.]*$"


def resolve(reference: str, folder: Path) -> Any:
    """The object that ``package.module:name`` or ``file.py:name`` (relative to ``folder``) names.

    Modules are found in ``folder`` too, after everything else that is installed.
    """
    if not re.match(PATTERN, reference):
        hint = _suggest_reference(reference, folder)
        raise errors.ConfigurationError(f"must be 'package.module:name' or 'file.py:name'{hint}")
    home, _, name = reference.rpartition(":")
    _make_importable(folder)
    module = _load_file(folder / home) if home.endswith(".py") else _load_module(home)
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            known = [key for key in vars(value) if not key.startswith("_")] if hasattr(value, "__dict__") else []
            raise errors.ConfigurationError(f"{home} has no {part!r}{suggest(part, known)}")
        value = getattr(value, part)
    return value


def _suggest_reference(reference: str, folder: Path) -> str:
    """For ``get_weather`` and for ``tools.py`` alone: the function in a file of the folder that may be meant."""
    files = [folder / reference] if reference.endswith(".py") else sorted(folder.glob("*.py"))
    for file in files:
        try:
            names = [one.name for one in ast.parse(file.read_text("utf-8")).body if isinstance(one, _FUNCTION)]
        except (OSError, ValueError, SyntaxError):
            continue
        public = [name for name in names if not name.startswith("_")]
        if public and (reference in public or file.name == reference):
            return f" (did you mean '{file.name}:{reference if reference in public else public[0]}'?)"
    return ""


def _make_importable(folder: Path) -> None:
    entry = str(folder.resolve())
    if entry not in sys.path:
        sys.path.append(entry)


def _load_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise errors.ConfigurationError(f"there is no module {name!r}") from None
        raise errors.ConfigurationError(
            f"the module {name!r} imports {error.name!r}, which is not installed"
        ) from error
    except Exception as error:  # a user's module may raise anything while it is imported
        raise _explain_failure(name, error) from error


def _load_file(path: Path) -> ModuleType:
    path = path.resolve()
    name = f"{path.stem}_{sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    if not path.is_file():
        raise errors.ConfigurationError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise errors.ConfigurationError(f"{path.name} is not a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        del sys.modules[name]
        raise errors.ConfigurationError(f"{path.name} imports {error.name!r}, which is not installed") from error
    except Exception as error:  # a user's file may raise anything while it is imported
        del sys.modules[name]
        raise _explain_failure(path.name, error) from error
    return module


def _explain_failure(name: str, error: Exception) -> errors.ConfigurationError:
    trace, line = error.__traceback__, ""
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).name in (name, name.rpartition(".")[2] + ".py"):
            line = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        return errors.ConfigurationError(f"{name}, line {error.lineno}, is not valid Python")
    if isinstance(error, errors.TurnstreamError):
        return errors.ConfigurationError(f"{name}{line}: {error.message}")
    return errors.ConfigurationError(f"{name} cannot be imported: {type(error).__name__}{line}")
