"""The kinds of tools that a configuration can name: one row each, from its section to toolboxes."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from turnstream.config.errors import meant
from turnstream.config.files import existing
from turnstream.config.http_tools import make_auth, make_openapi, make_ready, make_rest
from turnstream.config.retrieval import RetrievalSection, make_retrieval
from turnstream.config.tool_sections import (
    AuthSection,
    McpSection,
    OpenApiSection,
    ReadySection,
    RestSection,
    ToolSection,
)
from turnstream.events import ConfigurationError, TurnstreamError
from turnstream.protocols import Toolbox
from turnstream.providers.http import Client
from turnstream.tools import mcp, python, wrap
from turnstream.tools.http_client import HttpOptions
from turnstream.tools.operations import check_headers


@dataclass(frozen=True, slots=True)
class Place:
    """Where a configuration lives: its folder, the environment that it is read with, and the connections to models
    that all of its agents share.
    """

    folder: Path
    environ: Mapping[str, str]
    client: Client


Builder: TypeAlias = Callable[[Any, Place], Iterable[Toolbox]]


def build(section: ToolSection, place: Place) -> list[Toolbox]:
    """The toolboxes of one entry. Raises `ConfigurationError`, without file and line."""
    boxes = BUILDERS[section.kind](getattr(section, section.kind), place)
    ask = _ask(section.approve.ask, place) if section.approve is not None else None
    return [_wrapped(box, section, ask) for box in boxes]


def _ask(reference: str | None, place: Place) -> wrap.Ask | None:
    """The function that approves; one that cannot be called as it will be is found now."""
    if reference is None:
        return None
    found: Any = resolve(reference, place.folder)
    try:
        inspect.signature(found).bind(None, None)
    except (TypeError, ValueError):
        raise ConfigurationError("approve.ask must name a function of the call and the run's context") from None
    ask: wrap.Ask = found
    return ask


def _wrapped(box: Toolbox, section: ToolSection, ask: wrap.Ask | None) -> Toolbox:
    """The filter stands innermost, the prefix outermost, so that all between know the tools by their own names; what
    is kept in the cache costs no call; who is asked for approval has all the time in the world."""
    if section.allow is not None or section.deny:
        box = wrap.Filtered(box, section.allow, section.deny)
    if section.timeout is not None:
        box = wrap.Timed(box, section.timeout)
    if section.rate_limit is not None:
        box = wrap.RateLimited(box, section.rate_limit.calls, section.rate_limit.seconds)
    if section.cache is not None:
        box = wrap.Cached(box, section.cache)
    if section.approve is not None:
        box = wrap.Approved(box, section.approve.calls, ask)
    if section.prefix is not None:
        box = wrap.Prefixed(box, section.prefix)
    return box


def _python(reference: str, place: Place) -> Iterable[Toolbox]:
    found = resolve(reference, place.folder)
    for tool in found if isinstance(found, list | tuple) else (found,):
        if hasattr(tool, "tools") and hasattr(tool, "call"):
            toolbox: Toolbox = tool
        elif callable(tool):
            toolbox = python.tool(tool)
        else:
            raise ConfigurationError("it names neither a function nor a toolbox, nor a list of them")
        if isinstance(toolbox, python.FunctionTool):
            _ = toolbox.spec  # a signature that cannot be described is found now
        yield toolbox


def _mcp(section: McpSection, place: Place) -> Iterable[Toolbox]:
    if importlib.util.find_spec("mcp") is None:
        raise ConfigurationError("MCP servers need the extra 'mcp': pip install 'turnstream[mcp]'")
    target: mcp.Stdio | mcp.Http
    if section.command is not None:
        cwd = str((place.folder / (section.cwd or "")).resolve())
        if not Path(cwd).is_dir():
            raise ConfigurationError(f"there is no folder {cwd}")
        target = mcp.Stdio(section.command, tuple(section.args), section.env, cwd)
        name = _program(section.command, section.args)
    else:
        url = section.url or ""
        ca = str(existing(section.ca, place.folder)) if section.ca is not None else None
        name = _host(url)
        check_headers(section.headers)
        auth = make_auth(section.auth)
        options = HttpOptions(ca=ca, allow_private=_token_server(section.auth))
        target = mcp.Http(url, section.transport, section.headers, ca, auth, options)
    yield mcp.McpServer(
        section.name or name,
        target,
        forward_headers=section.forward_headers,
        forward_context=section.forward_context,
        effect=section.effect,
        start_timeout=section.start_timeout,
        max_bytes=section.max_bytes,
    )


_SAY_NOTHING = ("index", "main", "cli", "__main__", "dist", "build", "lib", "src", "bin")


def _token_server(auth: AuthSection | None) -> tuple[str, ...]:
    """The configuration names it and no model can change that: it may be private, as the MCP server may."""
    return () if auth is None or auth.oauth2 is None else (urlsplit(auth.oauth2.token_url).netloc,)


def _program(command: str, args: Sequence[str]) -> str:
    """What is run: ``server-files`` of ``npx -y @scope/server-files .`` and of ``node server-files/dist/index.js``."""
    path = Path(command)
    if path.stem in ("npx", "uvx", "node", "uv", "docker") or path.stem.startswith("python"):
        words = [word for word in args if not word.startswith("-") and word not in ("run", "exec")]
        path = Path(words[0]) if words else path
    while path.stem in _SAY_NOTHING and path.parent.stem:
        path = path.parent
    return path.stem


def _host(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("its url must begin with http:// or https:// and name a host")
    return parts.hostname


def _rest(section: RestSection, place: Place) -> Iterable[Toolbox]:
    yield make_rest(section, place.folder)


def _openapi(section: OpenApiSection, place: Place) -> Iterable[Toolbox]:
    yield make_openapi(section, place.folder)


def _ready(section: ReadySection, place: Place) -> Iterable[Toolbox]:
    yield make_ready(section)


def _retrieval(section: RetrievalSection, place: Place) -> Iterable[Toolbox]:
    yield make_retrieval(section, place.folder)


BUILDERS: Mapping[str, Builder] = {
    "python": _python,
    "mcp": _mcp,
    "rest": _rest,
    "openapi": _openapi,
    "ready": _ready,
    "retrieval": _retrieval,
}
"""A new kind is a field of `ToolSection`, one of its `KINDS`, and a row here."""


def resolve(reference: str, folder: Path) -> Any:
    """The object that ``package.module:name`` or ``file.py:name`` (relative to ``folder``) names.

    Modules are found in ``folder`` too, after everything else that is installed.
    """
    home, _, name = reference.rpartition(":")
    _searched(folder)
    module = _file(folder / home) if home.endswith(".py") else _module(home)
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            known = [key for key in vars(value) if not key.startswith("_")] if hasattr(value, "__dict__") else []
            raise ConfigurationError(f"{home} has no {part!r}{meant(part, known)}")
        value = getattr(value, part)
    return value


def _searched(folder: Path) -> None:
    entry = str(folder.resolve())
    if entry not in sys.path:
        sys.path.append(entry)


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise ConfigurationError(f"there is no module {name!r}") from None
        raise ConfigurationError(f"the module {name!r} imports {error.name!r}, which is not installed") from error
    except Exception as error:  # a user's module may raise anything while it is imported
        raise _failed(name, error) from error


def _file(path: Path) -> ModuleType:
    path = path.resolve()
    name = f"{path.stem}_{sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    if not path.is_file():
        raise ConfigurationError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path.name} is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        del sys.modules[name]
        raise ConfigurationError(f"{path.name} imports {error.name!r}, which is not installed") from error
    except Exception as error:  # a user's file may raise anything while it is imported
        del sys.modules[name]
        raise _failed(path.name, error) from error
    return module


def _failed(name: str, error: Exception) -> ConfigurationError:
    trace, line = error.__traceback__, ""
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).name in (name, name.rpartition(".")[2] + ".py"):
            line = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        return ConfigurationError(f"{name}, line {error.lineno}, is not valid Python")
    if isinstance(error, TurnstreamError):
        return ConfigurationError(f"{name}{line}: {error.message}")
    return ConfigurationError(f"{name} cannot be imported: {type(error).__name__}{line}")
