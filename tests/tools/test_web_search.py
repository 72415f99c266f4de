"""Search in the web. The answers have the documented form of each service; no service was asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from tests.tools.web import allowed, serving
from turnstream.events import ConfigurationError, RunContext, Source, ToolCall, ToolError, ToolOutput
from turnstream.tools.web_search import web_search

BRAVE = {
    "type": "search",
    "query": {"original": "otters", "more_results_available": True},
    "web": {
        "type": "search",
        "results": [
            {
                "title": "Sea <strong>otters</strong> &amp; kelp",
                "url": "https://example.com/otters",
                "description": "About <strong>otters</strong>.",
                "extra_snippets": ["They eat urchins."],
            },
            {"title": "Twice", "url": "https://example.com/otters", "description": "the same page"},
            {"title": "Bad", "url": "javascript:alert(1)", "description": "x"},
            {"url": "https://example.com/untitled"},
        ],
    },
}
TAVILY = {
    "query": "otters",
    "answer": None,
    "results": [
        {"title": "Otters", "url": "https://example.com/o", "content": "They swim.", "score": 0.9, "raw_content": None}
    ],
    "response_time": 0.8,
}
SEARXNG = {
    "query": "otters",
    "number_of_results": 0,
    "results": [
        {"title": "Otters", "url": "https://example.com/s", "content": "They play.", "engine": "x", "score": 1}
    ],
    "answers": [],
    "unresponsive_engines": [["y", "timeout"]],
}


class Service:
    def __init__(self, answer: Any, status: int = 200) -> None:
        self.answer, self.status = answer, status
        self.seen: dict[str, Any] = {}

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.seen = {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": json.loads(body) if body else None,
        }
        return web.json_response(self.answer, status=self.status)


async def searched(service: Service, kind: Any, **more: Any) -> ToolOutput:
    async with serving(service.handle) as url, web_search(kind, base_url=url, options=allowed(url), **more) as box:
        return await box.call(ToolCall("1", "web_search", '{"query": "otters"}'), RunContext())


async def test_brave_is_asked_and_read_as_documented() -> None:
    service = Service(BRAVE)
    output = await searched(service, "brave", key="k-secret", top_k=3)
    assert (service.seen["method"], service.seen["path"]) == ("GET", "/res/v1/web/search")
    assert service.seen["query"] == {"q": "otters", "count": "3"}
    assert service.seen["headers"]["x-subscription-token"] == "k-secret"
    assert output.content == (
        "Sea otters & kelp\n<https://example.com/otters>\nAbout otters. … They eat urchins."
        "\n\nhttps://example.com/untitled\n<https://example.com/untitled>"
    )
    assert output.sources[0] == Source(
        "https://example.com/otters", "Sea otters & kelp", "https://example.com/otters",
        "About otters. … They eat urchins.",
    )  # fmt: skip
    assert len(output.sources) == 2


async def test_tavily_is_asked_and_read_as_documented() -> None:
    service = Service(TAVILY)
    output = await searched(service, "tavily", key="tvly-secret")
    assert (service.seen["method"], service.seen["path"]) == ("POST", "/search")
    assert service.seen["body"] == {"query": "otters", "max_results": 5}
    assert service.seen["headers"]["authorization"] == "Bearer tvly-secret"
    assert (output.sources[0].url, output.sources[0].score) == ("https://example.com/o", 0.9)


async def test_searxng_is_asked_and_read_as_documented() -> None:
    service = Service(SEARXNG)
    output = await searched(service, "searxng")
    assert service.seen["query"] == {"q": "otters", "format": "json"}
    assert output.content == "Otters\n<https://example.com/s>\nThey play."


@pytest.mark.parametrize("answer", [{"type": "search"}, {"web": {"results": []}}])
async def test_nothing_is_told_as_nothing(answer: Any) -> None:
    output = await searched(Service(answer), "brave", key="k")
    assert (output.content, output.is_error) == ("Nothing was found. Other words may find it.", False)


async def test_a_refusal_is_told_without_the_key() -> None:
    output = await searched(Service({"error": "bad key k-secret-1"}, 401), "brave", key="k-secret-1")
    assert output.is_error
    assert "k-secret-1" not in str(output.content)


@pytest.mark.parametrize("answer", [[], {"web": []}, {"web": {"results": ["x"]}}])
async def test_an_answer_of_another_form_is_told(answer: Any) -> None:
    with pytest.raises(ToolError, match="an answer that cannot be read"):
        await searched(Service(answer), "brave", key="k")


@pytest.mark.parametrize("more", [{"service": "brave"}, {"service": "searxng"}, {"service": "searxng", "key": "k"}])
def test_what_a_service_needs_is_said(more: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        web_search(more.pop("service"), **more)
