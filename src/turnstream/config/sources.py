"""The configuration of an agent as it is stored with its runs: what it says, without secrets.

Variables stay as they are written (``${NAME}``), and what is written at the place of a secret is left out: it is put
back from the configuration that counts when the agent is made again, so that a key that was changed is the new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from turnstream import errors, redaction, text as text_module
from turnstream.config import document, files
from turnstream.config.tools import entry

# Sections of the server, which are no part of an agent.
_OF_THE_SERVER = ("server", "schedules", "webhooks")
# Keys whose texts are secrets, or mappings in which some are; a test holds this against the sections.
SECRET = frozenset({"api_key", "bearer", "client_secret", "env", "headers", "key", "password", "query", "token"})
_LEFT_OUT = "(left out)"
_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
# What stands beside a variable and tells nothing: `Bearer `.
_HARMLESS = 10


def raw(text: str) -> Any:
    """The values of a file as they are written, without any from the environment."""
    return document.read(text, "", {}, is_json=entry.is_json, raw=True).value


def write(value: Any, folder: Path) -> str:
    """``value`` is the `raw` one of an agent's file. Its instructions are in it, also if they have a file of their
    own."""
    kept = {key: each for key, each in value.items() if key not in _OF_THE_SERVER}
    if isinstance(name := kept.get("instructions_file"), str) and "${" not in name:
        del kept["instructions_file"]
        kept["instructions"] = files.read_text(folder / name).replace("${", "$${")
    known = [one for one in redaction.collect(kept) if len(one) >= text_module.SHORTEST_SECRET and "${" not in one]
    return yaml.safe_dump(_without_secrets(kept, known, secret=False), allow_unicode=True, sort_keys=False)


def read(source: str, current: Any) -> str:
    """The text of a file that can be read as any other. ``current`` is the `raw` value of the agent's file as it is
    now. Raises `ConfigurationError` where that has no secret at a place that needs one."""
    return yaml.safe_dump(_with_secrets(yaml.safe_load(source), current, ()), allow_unicode=True, sort_keys=False)


def _without_secrets(value: Any, known: Sequence[str], *, secret: bool) -> Any:
    match value:
        case dict():
            return {
                key: _without_secrets(each, known, secret=secret or is_secret(str(key))) for key, each in value.items()
            }
        case list():
            return [_without_secrets(each, known, secret=secret) for each in value]
        case str() if (secret and len(_VARIABLE.sub("", value)) > _HARMLESS) or any(one in value for one in known):
            return {_LEFT_OUT: True}
        case _:
            return value


def is_secret(key: str) -> bool:
    return key in SECRET or redaction.is_secret_name(key)


def _with_secrets(value: Any, current: Any, path: document.Path) -> Any:
    match value:
        case {"(left out)": True}:
            if not isinstance(current, str):
                text = f"{document.format_path(path)}: the secret that stood here is not in the configuration any more"
                raise errors.ConfigurationError(text)
            return current
        case dict():
            return {key: _with_secrets(each, inside, (*path, key)) for key, each, inside in _pairs(value, current)}
        case list():
            listed = current if isinstance(current, list) else []
            return [
                _with_secrets(each, listed[at] if at < len(listed) else None, (*path, at))
                for at, each in enumerate(value)
            ]
        case _:
            return value


def _pairs(value: Mapping[Any, Any], current: Any) -> Iterator[tuple[Any, Any, Any]]:
    for key, each in value.items():
        yield key, each, current.get(key) if isinstance(current, dict) else None
