"""Ready-made tools."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from turnstream.config import context
from turnstream.config.sections import NonEmpty, OptionalSecret, Section
from turnstream.config.tools.kind import Kind
from turnstream.protocols import Toolbox


class ReadySection(Section):
    """A ready-made tool."""

    name: Literal["weather", "wikipedia", "duckduckgo", "web_search", "ask_user"]
    service: Literal["brave", "tavily", "searxng"] | None = None
    """Which searches the web, for `web_search`."""
    api_key: OptionalSecret = None
    """Of OpenWeatherMap, for `weather`; of Brave or Tavily, for `web_search`."""
    base_url: NonEmpty | None = None
    """Where the SearXNG is, for `web_search`."""
    top_k: Annotated[int, Field(ge=1, le=20)] = 5
    """The most results of one search of the web."""
    units: Literal["metric", "imperial", "standard"] = "metric"
    language: NonEmpty = "en"
    """Of Wikipedia."""
    answer: dict[str, Any] | None = None
    """The JSON Schema of an answer, for `ask_user`; without it an answer is a text."""

    @model_validator(mode="after")
    def _has_key(self) -> ReadySection:
        if self.answer is not None and self.name != "ask_user":
            raise ValueError("answer is allowed only for ask_user")
        if self.name == "web_search":
            return self._check_search()
        if (self.name == "weather") != (self.api_key is not None):
            raise ValueError("api_key is required for weather, and otherwise allowed only for web_search")
        if self.service is not None or self.base_url is not None:
            raise ValueError("service and base_url are allowed only for web_search")
        return self

    def _check_search(self) -> ReadySection:
        if self.service is None:
            raise ValueError("web_search needs a service: brave, tavily or searxng")
        if (self.service == "searxng") != (self.api_key is None):
            raise ValueError("api_key is required for brave and tavily, and not allowed for searxng")
        if self.service == "searxng" and self.base_url is None:
            raise ValueError("searxng needs a base_url: where its server is")
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
        case "ask_user":
            from turnstream.tools.ask_user import AskUser

            yield AskUser(section.answer)
        case "web_search":
            from turnstream.tools.web_search import web_search

            if section.service is not None:
                base_url, top_k = section.base_url, section.top_k
                yield web_search(section.service, key=section.api_key, base_url=base_url, top_k=top_k)


KIND = Kind("ready", ReadySection, build, "A ready-made tool: `{name: wikipedia}`.")
