"""What starts runs and who is told of them: the sections of all files, built when all agents are known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from turnstream.config import document
from turnstream.service import ServerSettings

if TYPE_CHECKING:
    from turnstream.config import schedules, webhooks
    from turnstream.outside.schedules import Schedule
    from turnstream.outside.webhooks import Webhook


class Outside:
    def __init__(self) -> None:
        self._schedules: list[tuple[document.Document, int, schedules.ScheduleSection, str | None]] = []
        self._webhooks: list[tuple[document.Document, int, webhooks.WebhookSection, str | None]] = []

    def add(
        self,
        found: document.Document,
        agent: str | None,
        scheduled: Sequence[schedules.ScheduleSection],
        hooks: Sequence[webhooks.WebhookSection],
    ) -> None:
        """The sections of a file, and its agent's name."""
        self._schedules += [(found, index, each, agent) for index, each in enumerate(scheduled)]
        self._webhooks += [(found, index, each, agent) for index, each in enumerate(hooks)]

    def build_schedules(self, agents: Collection[str] | None, settings: ServerSettings) -> dict[str, Schedule]:
        """By name. ``agents`` as in `schedules.Builder`. What is wrong is reported to the documents."""
        built: dict[str, Schedule] = {}
        for found, index, section, agent in self._schedules:
            from turnstream.config import schedules

            path = ("schedules", index)
            if section.name in built:
                found.report((*path, "name"), "another schedule has this name")
            elif schedule := schedules.Builder(found, path, agents, settings).build(section, agent):
                built[section.name] = schedule
        return built

    def build_webhooks(self, settings: ServerSettings) -> tuple[Webhook, ...]:
        built: dict[str, Webhook] = {}
        for found, index, section, agent in self._webhooks:
            from turnstream.config import webhooks

            path = ("webhooks", index)
            webhook = webhooks.build(section, found, path, agent)
            if settings.store in ("memory", "none"):
                found.report(path, "a webhook needs a store that keeps runs: auto, sqlite:PATH or postgres://…")
            elif webhook is not None and webhook.target in built:
                found.report((*path, "url"), "another webhook has this address")
            elif webhook is not None:
                built[webhook.target] = webhook
        return tuple(built.values())
