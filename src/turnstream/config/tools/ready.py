"""Ready-made tools."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import model_validator

from turnstream.config import context
from turnstream.config.sections import NonEmpty, OptionalSecret, Section
from turnstream.config.tools.kind import Kind
from turnstream.protocols import Toolbox


class ReadySection(Section):
    """A ready-made tool."""

    name: Literal["weather", "wikipedia", "duckduckgo"]
    api_key: OptionalSecret = None
    """Of OpenWeatherMap, for `weather`."""
    units: Literal["metric", "imperial", "standard"] = "metric"
    language: NonEmpty = "en"
    """Of Wikipedia."""

    @model_validator(mode="after")
    def _has_key(self) -> ReadySection:
        if (self.name == "weather") != (self.api_key is not None):
            raise ValueError("api_key is required for weather and allowed for nothing else")
        return self


def build(section: ReadySection, where: context.ConfigContext) -> Iterable[Toolbox]:
    from turnstream.tools import ready

    match section.name:
        case "weather":
            yield ready.weather(section.api_key or "", **section.given("units"))
        case "wikipedia":
            yield ready.wikipedia(**section.given("language"))
        case "duckduckgo":
            yield ready.duckduckgo()


KIND = Kind("ready", ReadySection, build, "A ready-made tool: `{name: wikipedia}`.")
