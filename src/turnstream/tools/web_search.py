"""Search in the web as a tool, by one of several services, with each result as a source that can be cited.

What is sent and read follows the services' documentation: Brave's Web Search API, Tavily's Search API, SearXNG's search
API (https://docs.searxng.org/dev/search_api.html).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec

from turnstream import errors, requests, toolspec
from turnstream.tools import bounds
from turnstream.tools.auth import Auth, Fixed, api_key, bearer
from turnstream.tools.hooks import Hooks
from turnstream.tools.http_client import HttpOptions, Response
from turnstream.tools.http_tools import HttpTools
from turnstream.tools.rest import rest

Service: TypeAlias = Literal["brave", "tavily", "searxng"]

_ABOUT = "Search the web. Gives the best results, each with its address: name the addresses of those that you use."
_MOST_CHARACTERS = 2_000
_MARKUP = re.compile(r"</?(?:strong|em|b|i|mark|span|br)\b[^>]*>", re.IGNORECASE)
_NOTHING = "Nothing was found. Other words may find it."
_QUERY: Mapping[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 400,
    "description": "What to look for: words, or a question.",
}


@dataclass(frozen=True, slots=True)
class _Api:
    """How a service is asked. ``query`` is its name for the question, ``count`` for the number of results, "" where it
    cannot be told; ``results`` finds them in its answer, ``text`` are the members that may have their text."""

    base_url: str
    path: str
    method: str
    query: str
    count: str
    results: Callable[[Any], Any]
    text: tuple[str, ...]
    fixed: Mapping[str, str] = field(default_factory=dict)
    auth: Callable[[str], Auth] = lambda key: Fixed()


_APIS: Mapping[str, _Api] = {
    "brave": _Api(
        "https://api.search.brave.com",
        "/res/v1/web/search",
        "GET",
        "q",
        "count",
        lambda answer: answer.get("web", {}).get("results", []),
        ("description", "extra_snippets"),
        auth=lambda key: api_key(key, "X-Subscription-Token"),
    ),
    "tavily": _Api(
        "https://api.tavily.com",
        "/search",
        "POST",
        "query",
        "max_results",
        lambda answer: answer["results"],
        ("content",),
        auth=bearer,
    ),
    "searxng": _Api(
        "", "/search", "GET", "q", "", lambda answer: answer["results"], ("content",), {"format": "json"}
    ),
}  # fmt: skip
"""A new service is a row here."""


def web_search(
    service: Service,
    *,
    key: str | None = None,
    base_url: str | None = None,
    top_k: int = 5,
    name: str = "web_search",
    options: HttpOptions | None = None,
) -> HttpTools:
    """``key`` is that of Brave or Tavily; ``base_url`` is that of a SearXNG, which must allow the format ``json``, and
    may be in the private network. Raises `ConfigurationError`."""
    api = _APIS[service]
    base = (base_url or api.base_url).rstrip("/")
    if not base:
        raise errors.ConfigurationError(f"{service} needs a base_url: where its server is")
    if (key is None) != (service == "searxng"):
        raise errors.ConfigurationError("an api_key is required for brave and tavily, and not allowed for searxng")
    options = options or HttpOptions()
    if service == "searxng":  # the operator names it, and no model can change that
        options = replace(options, allow_private=(*options.allow_private, urlsplit(base).netloc))
    count: dict[str, Any] = {api.count: top_k} if api.count else {}
    return rest(
        name,
        base + api.path,
        description=_ABOUT,
        method=api.method,
        parameters={"query": {**_QUERY, "name": api.query}},
        query={**api.fixed, **({} if api.method == "POST" else {key: str(value) for key, value in count.items()})},
        body=count if api.method == "POST" else None,
        effect="none",
        auth=api.auth(key or ""),
        hooks=Hooks(response=_Reader(api, top_k).read),
        options=options,
    )


class _Reader:
    def __init__(self, api: _Api, top_k: int) -> None:
        self._api, self._top_k = api, top_k

    async def read(self, response: Response, context: requests.RunContext) -> toolspec.ToolOutput | None:
        """None for a failure, which is told as every failure of an HTTP tool."""
        if not response.ok:
            return None
        try:
            found = list(self._sources(json.loads(response.body)))[: self._top_k]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise errors.ToolError("The search service gave an answer that cannot be read.") from None
        if not found:
            return toolspec.ToolOutput(_NOTHING, data=[])
        texts = [f"{source.title}\n<{source.url}>\n{text}".rstrip() for source, text in found]
        sources = tuple(source for source, _ in found)
        return toolspec.ToolOutput(
            "\n\n".join(texts), data=[msgspec.to_builtins(source) for source in sources], sources=sources
        )

    def _sources(self, answer: Any) -> Iterator[tuple[toolspec.Source, str]]:
        """Each page once, with its text."""
        seen: set[str] = set()
        for one in self._api.results(answer):
            url = one.get("url")
            if not isinstance(url, str) or not url.lower().startswith(("http://", "https://")) or url in seen:
                continue
            seen.add(url)
            parts = [one.get(member) for member in self._api.text]
            text = " … ".join(
                _clean(part) for value in parts for part in (value if isinstance(value, list) else [value])
            )
            text = text.strip(" …")[:_MOST_CHARACTERS]
            score = one.get("score")
            score = float(score) if isinstance(score, int | float) else None
            yield toolspec.Source(url, _clean(one.get("title")) or url, url, text[: bounds.SNIPPET], score), text


def _clean(value: Any) -> str:
    """Services mark the words that were found, in HTML."""
    return " ".join(html.unescape(_MARKUP.sub("", value)).split()) if isinstance(value, str) else ""
