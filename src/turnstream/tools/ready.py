"""Ready-made tools, each a few lines on `rest`: weather, Wikipedia, DuckDuckGo."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Literal

from yarl import URL

from turnstream import errors, requests
from turnstream.tools.hooks import Hooks
from turnstream.tools.http_client import HttpOptions, Request
from turnstream.tools.http_tools import HttpTools
from turnstream.tools.rest import rest

_LANGUAGE = re.compile(r"^[a-z]{2,12}(?:-[a-z]{2,12})*$")
_MOST_RELATED = 5


def weather(
    api_key: str,
    *,
    units: Literal["metric", "imperial", "standard"] = "metric",
    base_url: str = "https://api.openweathermap.org",
    options: HttpOptions | None = None,
) -> HttpTools:
    """The weather now, by OpenWeatherMap. ``units`` are those that hold where the model asks for no others."""
    code = {"type": "string", "pattern": "^[A-Za-z]{2}$", "required": False}
    return rest(
        "weather",
        f"{base_url}/data/2.5/weather",
        description="The weather in a place now.",
        parameters={
            "city": {
                "type": "string",
                "name": "q",
                "minLength": 1,
                "maxLength": 100,
                "description": "A city, and if need be its country: 'Paris' or 'Paris, US'.",
            },
            "state_code": {**code, "description": "A state of the US, such as NY."},
            "country_code": {**code, "description": "Two letters, such as US, where there are several such cities."},
            "units": {
                "enum": ["metric", "imperial", "standard"],
                "default": units,
                "description": "metric is Celsius, imperial Fahrenheit, standard Kelvin.",
            },
            "lang": {
                "type": "string",
                "pattern": _LANGUAGE.pattern,
                "required": False,
                "description": "The language of the description, such as en or fr.",
            },
        },
        query={"appid": api_key},
        jmespath=_weather,
        hooks=Hooks(_join_place),
        options=options,
    )


async def _join_place(request: Request, context: requests.RunContext) -> Request:
    """The vendor takes ``city,state,country``, and a state in the US alone."""
    url = URL(request.url, encoded=True)
    query = dict(url.query)
    state, country = query.pop("state_code", "").upper(), query.pop("country_code", "").upper()
    parts = [query["q"], state if country == "US" else "", country]
    query["q"] = ",".join(part for part in parts if part)
    return replace(request, url=str(url.with_query(query)))


def _weather(answer: Any) -> Any:
    now, wind = answer["main"], answer.get("wind", {})
    return {
        "place": answer["name"],
        "country": answer.get("sys", {}).get("country"),
        "weather": ", ".join(one["description"] for one in answer["weather"]),
        "temperature": now["temp"],
        "feels_like": now.get("feels_like"),
        "humidity_percent": now.get("humidity"),
        "wind_speed": wind.get("speed"),
    }


def wikipedia(*, language: str = "en", base_url: str | None = None, options: HttpOptions | None = None) -> HttpTools:
    """The summary of an article. ``language`` is the code of an edition: ``en``, ``pt``, ``zh-yue``; the model may ask
    for another one.
    """
    if not _LANGUAGE.fullmatch(language):
        raise errors.ConfigurationError(f"{language!r} is not a language of Wikipedia")
    return rest(
        "wikipedia_summary",
        f"{base_url or f'https://{language}.wikipedia.org'}/api/rest_v1/page/summary/{{title}}",
        description="The summary of a Wikipedia article.",
        parameters={
            "query": {
                "type": "string",
                "name": "title",
                "minLength": 1,
                "maxLength": 250,
                "description": "The article's title.",
            },
            "lang": {
                "type": "string",
                "pattern": _LANGUAGE.pattern,
                "required": False,
                "description": f"The language of the edition, such as en or fr; without it {language}.",
            },
        },
        hooks=Hooks(_choose_edition),
        jmespath=lambda answer: {
            "title": answer["title"],
            "summary": answer["extract"],
            "url": answer.get("content_urls", {}).get("desktop", {}).get("page"),
        },
        options=options,
    )


async def _choose_edition(request: Request, context: requests.RunContext) -> Request:
    url = URL(request.url, encoded=True)
    language = url.query.get("lang")
    url = url.with_query(None)
    if language and (url.host or "").endswith(".wikipedia.org"):
        url = url.with_host(f"{language}.wikipedia.org")
    return replace(request, url=str(url))


def duckduckgo(*, base_url: str = "https://api.duckduckgo.com", options: HttpOptions | None = None) -> HttpTools:
    """DuckDuckGo's instant answers: a definition or an abstract of a subject, with related ones."""
    return rest(
        "duckduckgo",
        f"{base_url}/",
        description="Look up a subject on the web: a short answer with its source, and related subjects.",
        parameters={"query": {"type": "string", "name": "q", "minLength": 1, "maxLength": 400}},
        query={"format": "json", "no_html": "1", "skip_disambig": "1", "t": "turnstream"},
        jmespath=_instant,
        options=options,
    )


def _instant(answer: Any) -> Any:
    related = [one for one in answer.get("RelatedTopics", []) if "Text" in one]
    found = {
        "heading": answer["Heading"],
        "answer": answer.get("Answer") or answer.get("Definition") or answer.get("AbstractText"),
        "url": answer.get("AbstractURL"),
        "related": [{"text": one["Text"], "url": one.get("FirstURL")} for one in related[:_MOST_RELATED]],
    }
    return {key: value for key, value in found.items() if value} or "Nothing was found."
