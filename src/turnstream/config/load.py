"""Where a service comes from: ``agent.yaml``, a folder of such files, or ``module:object``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnstream import errors, identity, redaction, text
from turnstream.agent import Agent
from turnstream.config import (
    agents,
    context,
    document,
    environment,
    files,
    foreign,
    outside,
    references,
    sources,
)
from turnstream.config.tools import entry
from turnstream.config.validation import validate
from turnstream.providers.http import Client
from turnstream.service import ServerSettings, Service

if TYPE_CHECKING:
    from turnstream.config import common, guardrails, settings

SUFFIXES = (".yaml", ".yml")
OF_ALL = frozenset({"server", "schedules", "webhooks"})
"""What one file may say for all agents of a folder."""
USUAL = ("agent.yaml", "agent.yml", "agents")


def find(folder: Path) -> Path | None:
    """The configuration that a folder has under its usual name: ``agent.yaml``, ``agent.yml`` or ``agents/``."""
    return next((folder / name for name in USUAL if (folder / name).exists()), None)


def load(target: str | Path, environ: Mapping[str, str] | None = None, *, skipped: list[str] | None = None) -> Service:
    """The service that ``target`` describes. Modules of the working directory and next to the file are found.

    ``environ`` is by default the process's, completed by a file ``.env`` beside the configuration. With a list for
    ``skipped``, unset variables and missing keys of models are not errors: what cannot be checked for them is named
    there.

    Raises `ConfigurationError`, one line for each thing that is wrong, never with a value of the configuration.
    """
    path = Path(target)
    is_file = path.is_file() and path.suffix != ".py"
    if path.is_dir() or is_file:
        environ = environment.read(path) if environ is None else environ
        paths = [path] if is_file else _list_files(path)
        service = _load_files(paths, environ, skipped, is_folder=not is_file)
        service.folder = path.parent if is_file else path
        service.settings = _with_key_file(service.settings, service.folder)
        return service
    if ":" in str(target) or path.suffix == ".py":
        return _load_object(str(target))
    raise errors.ConfigurationError(f"{target}: not a file, a folder or a module:object reference")


def _with_key_file(settings: ServerSettings, folder: Path) -> ServerSettings:
    """The file that `turnstream keys` has made asks for keys without being named."""
    usual = folder / identity.KEYS_FILE
    return replace(settings, keys_file=usual) if settings.keys_file is None and usual.exists() else settings


def _list_files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.name.startswith("."))
    if not found:
        raise errors.ConfigurationError(f"{folder}: the folder has no agent: no file that ends in .yaml or .yml")
    return found


class _Rebuilding:
    """Makes agents again that were configured otherwise, with the secrets, the environment and the server's guardrails
    of now. Nothing here was ever wrong: it was loaded."""

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}
        self._common: guardrails.Built | None = None
        self._redactor = text.Redactor()
        self._raw: dict[str, Any] = {}
        self._where: dict[str, tuple[Path, context.ConfigContext]] = {}

    def add(self, agent: str, file: Path, where: context.ConfigContext) -> None:
        self._raw[agent] = sources.raw(files.read_text(file))
        self.sources[agent] = sources.write(self._raw[agent], where.folder)
        self._where[agent] = file, where

    def finish(self, common: guardrails.Built | None, secrets: Iterable[str]) -> None:
        """What the server's configuration has for all agents."""
        self._common, self._redactor = common, text.Redactor(secrets)

    def rebuild(self, agent: str, source: str) -> Agent:
        """Raises `ConfigurationError`."""
        file, where = self._where.get(agent, next(iter(self._where.values())))  # one that is gone had a neighbour
        whole = sources.read(source, self._raw.get(agent))
        found = document.read(whole, str(file), where.environ, entry.names_filled_later, entry.is_json)
        built, _ = agents.Builder(found, where).build(agent)
        found.check()
        assert built is not None, "what is wrong was told"
        built.redactor = self._redactor
        if self._common is not None:
            self._common.protect(built)
        return built


class _Loading:
    """What has been found in the files so far. All are read before the first error is raised."""

    def __init__(self, skipped: list[str] | None, *, is_folder: bool) -> None:
        self.skipped = skipped
        self._is_folder = is_folder
        self.agents: dict[str, Agent] = {}
        self._problems: list[str | document.Document] = []
        self.outside = outside.Outside()
        self.rebuilding = _Rebuilding()
        self.server: tuple[Path, ServerSettings] | None = None
        self._homes: dict[str, Path] = {}
        self.common: guardrails.Built | None = None
        self.secrets: set[str] = set()

    @property
    def server_settings(self) -> ServerSettings:
        return self.server[1] if self.server else ServerSettings()

    @property
    def problems(self) -> list[str]:
        """In the order of the files."""
        return [line for each in self._problems for line in ([each] if isinstance(each, str) else each.problems)]

    def protect(self, secrets: Iterable[str]) -> None:
        """Put the server's guardrails around all agents, and keep the secrets of all out of what their tools give."""
        redactor = text.Redactor(secrets)
        for agent in self.agents.values():
            agent.redactor = redactor
        if self.common is not None:
            for agent in self.agents.values():
                self.common.protect(agent)

    def add_file(self, file: Path, where: context.ConfigContext) -> None:
        try:
            found = agents.read(file, where.environ, allow_unset=self.skipped is not None)
        except errors.ConfigurationError as error:
            self._problems.append(error.message)
            return
        if self._is_folder and foreign.is_api(found.value):
            return
        agent, section = _build(found, file, where)
        server = section.server if section is not None else None
        if server is not None and server.guardrails is not None:
            from turnstream.config import guardrails

            self.common = guardrails.build(server.guardrails, found, ("server", "guardrails"), where)
        self._problems.append(found)
        self.secrets.update(redaction.collect(found.value), redaction.collect(found.variables))
        if section is not None:
            self.outside.add(found, _agent_name(section, file), section.schedules, section.webhooks)
        if self.skipped is not None:
            self.skipped += [f"{file}: {place}" for place in found.skipped]
        if server is not None:
            self._add_server(file, server)
        if agent is not None:
            self._add_agent(file, agent)
            self.rebuilding.add(agent.name, file, where)

    def _add_server(self, file: Path, section: settings.ServerSection) -> None:
        if self.server is None:
            from turnstream.config import settings

            self.server = file, settings.build(section, file.parent)
        else:
            other = self.server[0].name
            self._problems.append(f"{file}: server: already defined in {other}; only one file may define it")

    def _add_agent(self, file: Path, agent: Agent) -> None:
        if agent.name in self.agents:
            self._problems.append(f"{file}: the name {agent.name!r} is taken by {self._homes[agent.name].name}")
        else:
            self.agents[agent.name], self._homes[agent.name] = agent, file


def _load_files(
    paths: Sequence[Path], environ: Mapping[str, str], skipped: list[str] | None = None, *, is_folder: bool
) -> Service:
    client = Client()
    loading = _Loading(skipped, is_folder=is_folder)
    if skipped is not None:
        environ = environment.add_placeholders(environ)
    for path in paths:
        loading.add_file(path, context.ConfigContext(path.parent, environ, client))
    names = None if loading.problems else loading.agents.keys()
    schedules = loading.outside.build_schedules(names, loading.server_settings)
    webhooks = loading.outside.build_webhooks(loading.server_settings)
    problems = loading.problems
    if not loading.agents and not problems:
        problems = [f"{paths[0]}: no agent: the key 'model' is missing"]
    if problems:
        raise errors.ConfigurationError("\n".join(problems))
    secrets = frozenset(loading.secrets.union(redaction.collect(environ)))
    loading.protect(secrets)
    loading.rebuilding.finish(loading.common, secrets)
    return Service(
        loading.agents,
        loading.server_settings,
        schedules=schedules,
        webhooks=webhooks,
        secrets=secrets,
        sources=loading.rebuilding.sources,
        rebuild=loading.rebuilding.rebuild,
    )


def _build(
    found: document.Document, file: Path, where: context.ConfigContext
) -> tuple[Agent | None, agents.AgentSection | common.CommonSection | None]:
    if isinstance(found.value, dict) and found.value and set(found.value) <= OF_ALL:
        from turnstream.config import common

        return None, validate(common.CommonSection, found, found.value)
    return agents.Builder(found, where).build(_name(file))


def _agent_name(section: agents.AgentSection | common.CommonSection, file: Path) -> str | None:
    return section.name or _name(file) if isinstance(section, agents.AgentSection) else None


def _name(file: Path) -> str:
    """A name that every client can spell."""
    name = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in file.stem).strip("-")
    return name or "agent"


def _load_object(target: str) -> Service:
    reference = target if ":" in target else f"{target}:agent"
    try:
        found = references.resolve(reference, Path())
    except errors.ConfigurationError as error:
        raise errors.ConfigurationError(f"{target}: {error.message}") from error
    return _make_service(found, target)


def _make_service(found: Any, target: str) -> Service:
    if isinstance(found, Service):
        return found
    listed = [found] if isinstance(found, Agent) else found
    if not isinstance(listed, list | tuple) or not listed or not all(isinstance(agent, Agent) for agent in listed):
        raise errors.ConfigurationError(f"{target}: expected an Agent, a list of agents, or a Service")
    named = {agent.name: agent for agent in listed}
    if len(named) < len(listed):
        raise errors.ConfigurationError(f"{target}: two of the agents have the same name")
    return Service(named)
