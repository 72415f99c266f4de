from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings, strategies as st
from yarl import URL

from tests.tools.web import allowed, serving
from turnstream.events import ConfigurationError, RunContext, ToolCall, ToolError, ToolOutput
from turnstream.tools.auth import Credentials
from turnstream.tools.http_tools import HttpTools
from turnstream.tools.ready import _choose_edition, duckduckgo, weather, wikipedia


async def called(box: HttpTools, **arguments: Any) -> ToolOutput:
    (name,) = box._operations
    async with box:
        return await box.call(ToolCall("1", name, json.dumps(arguments)), RunContext())


async def test_the_weather_is_told_without_the_key() -> None:
    asked: list[dict[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(dict(request.query))
        if request.query["q"] != "Paris & Rome":
            return web.json_response({"cod": "404", "message": "city not found for key k-secret"}, status=404)
        answer = {"main": {"temp": 7.5, "humidity": 80}, "weather": [{"description": "rain"}], "name": "Paris"}
        return web.json_response({**answer, "sys": {"country": "FR"}, "wind": {"speed": 3}})

    async with serving(handler) as url:
        box = weather("k-secret", base_url=url, options=allowed(url))
        found = await called(box, city="Paris & Rome")
        assert found.data["temperature"] == 7.5
        assert found.data["country"] == "FR"
        assert asked == [{"units": "metric", "appid": "k-secret", "q": "Paris & Rome"}]
        missing = await called(box, city="Nowhere&appid=x")
        assert missing.is_error
        assert "k-secret" not in str(missing)
        assert asked[1]["appid"] == "k-secret"


async def test_wikipedia_gives_a_summary_even_by_a_redirect() -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.match_info["path"].endswith("/summary/AC/DC"):
            raise web.HTTPFound("/api/rest_v1/page/summary/AC%2FDC_(band)")
        page = {"desktop": {"page": "https://en.wikipedia.org/wiki/AC/DC"}}
        return web.json_response({"title": "AC/DC", "extract": "A rock band.", "content_urls": page, "lang": "en"})

    async with serving(handler) as url:
        found = await called(wikipedia(base_url=url, options=allowed(url)), query="AC/DC")
    assert found.data == {"title": "AC/DC", "summary": "A rock band.", "url": "https://en.wikipedia.org/wiki/AC/DC"}


async def test_an_instant_answer_is_read_though_it_calls_itself_a_script() -> None:
    async def handler(request: web.Request) -> web.Response:
        topics = [{"Text": "Python (snake)", "FirstURL": "https://x"}, {"Name": "group", "Topics": []}]
        empty = {"Heading": "", "AbstractText": "", "RelatedTopics": []}
        known = {"Heading": "Python", "AbstractText": "A language.", "RelatedTopics": topics}
        body = known if request.query["q"] == "python" else empty
        return web.Response(text=json.dumps(body), content_type="application/x-javascript")

    async with serving(handler) as url:
        box = duckduckgo(base_url=url, options=allowed(url))
        found = await called(box, query="python")
        related = [{"text": "Python (snake)", "url": "https://x"}]
        assert found.data == {"heading": "Python", "answer": "A language.", "related": related}
        assert (await called(box, query="qwxz")).content == "Nothing was found."


@given(st.text(min_size=1, max_size=40))
@settings(deadline=None, max_examples=100)
def test_hostile_arguments_stay_arguments(text: str) -> None:
    for box, name in ((weather("k"), "city"), (wikipedia(), "query"), (duckduckgo(), "query")):
        (operation,) = box._operations.values()
        try:
            made = URL(operation.request({name: text}, Credentials(), "").url, encoded=True)
        except ToolError:
            assert text in (".", "..")
            continue
        assert made.host in ("api.openweathermap.org", "en.wikipedia.org", "api.duckduckgo.com")
        assert made.raw_path.startswith(operation.url.split("/", 3)[3].partition("{")[0], 1)
        assert made.query.get("appid", "k") == "k"


def test_a_language_cannot_name_another_host() -> None:
    with pytest.raises(ConfigurationError):
        wikipedia(language="evil.com/")


async def test_the_weather_takes_what_flexos_took() -> None:
    asked: list[dict[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(dict(request.query))
        return web.json_response({"main": {"temp": 7.5}, "weather": [{"description": "pluie"}], "name": "x"})

    async with serving(handler) as url:
        box = weather("k-secret", base_url=url, options=allowed(url))
        await called(box, city="Springfield", state_code="il", country_code="us", units="imperial", lang="fr")
        await called(box, city="Paris", state_code="IL", country_code="FR")
    first = {"q": "Springfield,IL,US", "units": "imperial", "lang": "fr", "appid": "k-secret"}
    assert asked == [first, {"q": "Paris,FR", "units": "metric", "appid": "k-secret"}]


@pytest.mark.parametrize(("lang", "host"), [("fr", "fr.wikipedia.org"), (None, "en.wikipedia.org")])
async def test_wikipedia_answers_in_another_language(lang: str | None, host: str) -> None:
    (operation,) = wikipedia()._operations.values()
    arguments = {"query": "A & B?", **({"lang": lang} if lang else {})}
    request = await _choose_edition(operation.request(arguments, Credentials(), ""), RunContext())
    assert request.url == f"https://{host}/api/rest_v1/page/summary/A%20%26%20B%3F"


async def test_a_language_that_a_model_writes_cannot_either() -> None:
    with pytest.raises(ToolError, match="lang"):
        await called(wikipedia(), query="x", lang="evil.example/")
