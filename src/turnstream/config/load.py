"""Where a service comes from: ``agent.yaml``, a folder of such files, or ``module:object``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from turnstream.agent import Agent
from turnstream.config.assemble import make_agent, make_settings
from turnstream.config.document import Document, read
from turnstream.config.errors import validated
from turnstream.config.schema import AgentSection, ServerSection
from turnstream.config.tools import Place, resolve
from turnstream.events import ConfigurationError
from turnstream.providers.http import Client
from turnstream.service import ServerSettings, Service

SUFFIXES = (".yaml", ".yml")
USUAL = ("agent.yaml", "agent.yml", "agents")


def find(folder: Path) -> Path | None:
    """The configuration that a folder has under its usual name: ``agent.yaml``, ``agent.yml`` or ``agents/``."""
    return next((folder / name for name in USUAL if (folder / name).exists()), None)


def load(target: str | Path, environ: Mapping[str, str] | None = None) -> Service:
    """The service that ``target`` describes. Modules of the working directory and next to the file are found.

    Raises `ConfigurationError`, one line for each thing that is wrong, never with a value of the configuration.
    """
    environ = os.environ if environ is None else environ
    path = Path(target)
    if path.is_dir():
        return _folder(path, environ)
    if path.is_file() and path.suffix != ".py":
        return _assembled([path], environ)
    if ":" in str(target) or path.suffix == ".py":
        return _object(str(target))
    raise ConfigurationError(f"{target}: there is no such file or folder, and it is no 'module:agent'")


def _folder(folder: Path, environ: Mapping[str, str]) -> Service:
    files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.name.startswith("."))
    if not files:
        raise ConfigurationError(f"{folder}: the folder has no agent: no file that ends in .yaml or .yml")
    return _assembled(files, environ)


def _assembled(files: Iterable[Path], environ: Mapping[str, str]) -> Service:
    """All files are read before the first error is raised, so that one round tells of everything."""
    agents: dict[str, Agent] = {}
    homes: dict[str, Path] = {}
    settings: tuple[Path, ServerSettings] | None = None
    problems: list[str] = []
    client = Client()
    for file in files:
        try:
            agent, server = _file(file, Place(file.parent, environ, client))
        except ConfigurationError as error:
            problems.append(error.message)
            continue
        if server is not None and settings is not None:
            problems.append(f"{file}: the server section stands in {settings[0].name} already; one file may have it")
        elif server is not None:
            settings = (file, server)
        if agent is not None and agent.name in agents:
            problems.append(f"{file}: the name {agent.name!r} is taken by {homes[agent.name].name}")
        elif agent is not None:
            agents[agent.name], homes[agent.name] = agent, file
    if not agents and not problems:
        problems.append(f"{settings[0] if settings else 'configuration'}: no agent: the key 'model' is missing")
    if problems:
        raise ConfigurationError("\n".join(problems))
    return Service(agents, settings[1] if settings else ServerSettings())


def _file(file: Path, place: Place) -> tuple[Agent | None, ServerSettings | None]:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"cannot be read: {error.strerror}"
        raise ConfigurationError(f"{file}: {reason}") from None
    document = read(text, str(file), place.environ)
    if document.value is None:
        raise ConfigurationError(f"{file}: the file is empty")
    if isinstance(document.value, dict) and set(document.value) == {"server"}:
        section = validated(ServerSection, document, document.value["server"], ("server",))
        return None, make_settings(section)
    return _agent(document, file, place)


def _agent(document: Document, file: Path, place: Place) -> tuple[Agent, ServerSettings | None]:
    section: AgentSection = validated(AgentSection, document, document.value)
    agent = make_agent(section, document, place, default_name=_stem(file))
    return agent, make_settings(section.server) if section.server else None


def _stem(file: Path) -> str:
    """A name that every client can spell."""
    name = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in file.stem).strip("-")
    return name or "agent"


def _object(target: str) -> Service:
    reference = target if ":" in target else f"{target}:agent"
    try:
        found = resolve(reference, Path())
    except ConfigurationError as error:
        raise ConfigurationError(f"{target}: {error.message}") from error
    return _service(found, target)


def _service(found: Any, target: str) -> Service:
    if isinstance(found, Service):
        return found
    agents = [found] if isinstance(found, Agent) else found
    if not isinstance(agents, list | tuple) or not agents or not all(isinstance(agent, Agent) for agent in agents):
        raise ConfigurationError(f"{target}: it names neither an Agent nor a Service, nor a list of agents")
    named = {agent.name: agent for agent in agents}
    if len(named) < len(agents):
        raise ConfigurationError(f"{target}: two of the agents have the same name")
    return Service(named)
