"""What one file may say for all agents of a folder."""

from __future__ import annotations

from pydantic import Field

from turnstream.config import schedules as scheduling, settings, webhooks as hooking
from turnstream.config.sections import Section


class CommonSection(Section):
    """Its fields are `turnstream.config.load.OF_ALL`."""

    server: settings.ServerSection | None = None
    schedules: list[scheduling.ScheduleSection] = Field(default_factory=list)
    webhooks: list[hooking.WebhookSection] = Field(default_factory=list)
