"""JSON of strangers that is nested more deeply than readers go: an answer that cannot be read, and no more."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from tests.tools.web import allowed, serving
from turnstream.events import RunContext, ToolCall, ToolError
from turnstream.tools import auth
from turnstream.tools.python import FunctionTool
from turnstream.tools.rest import rest
from turnstream.tools.retrieval.embeddings import Embeddings, EmbeddingsError
from turnstream.tools.web_search import web_search

DEEP = "[" * 4_900 + "]" * 4_900
CONTEXT = RunContext(run_id="run", tool_call_id="call")


def deep(status: int = 200) -> Any:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=f'{{"a": {DEEP}}}', content_type="application/json", status=status)

    return serving(answer)


async def test_of_a_web_service_it_is_text() -> None:
    async with deep() as url:
        box = rest("get", url, options=allowed(url))
        async with box:
            output = await box.call(ToolCall("1", "get", "{}"), CONTEXT)
    assert str(output.content).startswith('{"a": [[')


@pytest.mark.parametrize(("status", "said"), [(200, "answer has no token"), (400, "answered 400")])
async def test_of_a_token_server_it_is_no_token(status: int, said: str) -> None:
    async with deep(status) as url:
        box = rest("get", url, auth=auth.ClientCredentials(url, "id", "secret"), options=allowed(url))
        async with box:
            with pytest.raises(ToolError, match=said):
                await box.call(ToolCall("1", "get", "{}"), CONTEXT)


async def test_of_a_search_service_it_cannot_be_read() -> None:
    async with deep() as url:
        box: Any = web_search("searxng", base_url=url, options=allowed(url))
        async with box:
            with pytest.raises(ToolError, match="cannot be read"):
                await box.call(ToolCall("1", (await box.tools(CONTEXT))[0].name, '{"query": "x"}'), CONTEXT)


async def test_of_an_embedding_server_it_is_no_list_of_embeddings() -> None:
    async with deep() as url, Embeddings(url, "model") as client:
        with pytest.raises(EmbeddingsError, match="not a list of embeddings"):
            await client.query("x")


async def test_as_arguments_it_is_told_to_the_model() -> None:
    def work(a: int) -> int:
        """Work."""
        return a

    for text in (DEEP, f'{{"a": {DEEP}}}', f'"{DEEP}"'):
        with pytest.raises(ToolError, match="work"):
            await FunctionTool(work).call(ToolCall("1", "work", text), CONTEXT)
