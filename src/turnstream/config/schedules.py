"""Runs that start by the clock: what a configuration may say of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, model_validator

from turnstream import errors, identity, messages, requests, service
from turnstream.api import chat_completions as api
from turnstream.config import validation
from turnstream.config.document import Document, Path
from turnstream.config.sections import JsonObject, NonEmpty, Section, defaults_of
from turnstream.dialects import body as bodies, openai_chat_messages
from turnstream.outside import schedules

_DEFAULTS = defaults_of(schedules.Schedule)


class ScheduleSection(Section):
    """Runs of an agent that start by the clock."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    """Logs and the store know it by this name."""
    cron: NonEmpty
    """Minute, hour, day of the month, month, weekday: `0 7 * * MON-FRI`."""
    timezone: NonEmpty = "UTC"
    """Whose clock `cron` means: `Europe/Berlin`."""
    agent: NonEmpty | None = None
    """Who runs; by default the agent of this file."""
    input: NonEmpty | None = None
    """What the user says to it."""
    messages: Annotated[list[JsonObject], Field(min_length=1)] | None = None
    """Instead of `input`: messages as chat completions have them."""
    thread: NonEmpty | None = None
    """A conversation that each run goes on with. Without it each run begins a new one."""
    principal: Annotated[NonEmpty | None, Field(alias="as")] = None
    """Whom the runs work for: the name of a key, or any name. Required where the server has keys."""
    grace: Annotated[float, Field(ge=60, le=604_800)] = _DEFAULTS["grace"]
    """How many seconds late a run may start, after a time when no server was running."""

    @model_validator(mode="after")
    def _one_input(self) -> ScheduleSection:
        if (self.input is None) == (self.messages is None):
            raise ValueError("give either input or messages")
        return self


class Builder:
    """Makes a schedule of a section, and reports to its document what is wrong.

    ``agents`` are the names of all agents; None where they are not known, because one of them could not be made.
    """

    def __init__(
        self, found: Document, path: Path, agents: Collection[str] | None, settings: service.ServerSettings
    ) -> None:
        self._found, self._path, self._agents, self._settings = found, path, agents, settings

    def build(self, section: ScheduleSection, default_agent: str | None) -> schedules.Schedule | None:
        agent = section.agent or default_agent
        if agent is None:
            self._report("agent", "is missing")
        elif self._agents is not None and agent not in self._agents:
            self._report("agent", f"unknown agent {agent!r}{validation.suggest(agent, self._agents)}")
        if self._settings.store in ("memory", "none"):
            self._report("name", "a schedule needs a store that keeps runs: auto, sqlite:PATH or postgres://…")
        said, zone, who = self._read_messages(section), self._read_zone(section), self._read_principal(section, agent)
        if agent is None or said is None or zone is None or who is None:
            return None
        try:
            return schedules.Schedule(section.name, section.cron, agent, said, zone, who, section.thread, section.grace)
        except errors.ConfigurationError as error:
            self._report("cron", error.message)
            return None

    def _report(self, key: str, message: str) -> None:
        path = (*self._path, key)
        if not self._found.depends_on_unset(path):
            self._found.report(path, message)

    def _read_messages(self, section: ScheduleSection) -> tuple[messages.Message, ...] | None:
        if section.input is not None:
            return (messages.UserMessage(section.input),)
        try:
            return openai_chat_messages.read(
                bodies.convert({"messages": section.messages}, api.ChatRequest, "").messages or ()
            )
        except errors.RequestError as error:
            self._report("messages", error.message)
            return None

    def _read_zone(self, section: ScheduleSection) -> ZoneInfo | None:
        try:
            return ZoneInfo(section.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._report("timezone", f"unknown time zone {section.timezone!r}; expected one as Europe/Berlin")
            return None

    def _read_principal(self, section: ScheduleSection, agent: str | None) -> requests.Principal | None:
        name, keys = section.principal, self._settings.keys
        if name is None and not self._settings.asks_who:
            return requests.ANONYMOUS
        if name is None:
            self._report("as", "is missing: whom do the runs work for? Expected the name of a key")
            return None
        principals = [key.principal for key in keys if isinstance(key, identity.Key)]
        principal = next((each for each in principals if each.name == name), requests.Principal(name))
        if agent is not None and not principal.may_use(agent):
            self._report("as", f"{name} may not use the agent {agent}")
            return None
        return principal
