"""Elasticsearch's official client, over sockets, against a stand-in for the server: see ``elastic``."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from bench.rig.embeddings import serving as embedding
from tests.docs.test_pages import blocks
from tests.tools.certificates import self_signed
from tests.tools.retrieval.elastic import KEY, Server, answered, elasticsearch
from tests.tools.retrieval.folders import search
from tests.tools.retrieval.handbook import DIMENSIONS, documents
from turnstream.config.tools import retrieval
from turnstream.events import Source, ToolError
from turnstream.tools.retrieval import Retrieval
from turnstream.tools.retrieval.store import StoreError

DOCUMENTS = documents()
FIELDS = {"text": "body", "title": "title", "url": "path"}
VECTOR_BODY = {"knn": {"field": "vector", "query_vector": "${vector}", "k": "${top_k}", "num_candidates": 50}}
EXAMPLES = [yaml.safe_load(block)["tools"][0]["retrieval"] for block in blocks("elasticsearch.md", "yaml")]
HOSTILE = [
    '"}}, "size": 10000, "x": {"',
    "${query} ${vector} ${top_k} $${query}",
    "{query} %s {0}",
    "a\nb\r\n\x00\u2028",
    "\\",
]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with elasticsearch(DOCUMENTS) as server:
        yield server


def tool(url: str, embeddings: str | None = None, **keys: Any) -> Retrieval:
    """As a configuration makes it."""
    given: dict[str, Any] = {"url": url, "index": "handbook", "api_key": KEY, "fields": FIELDS, **keys}
    section: dict[str, Any] = {"elasticsearch": given, "base_url": "https://handbook.example"}
    if embeddings:
        section["embeddings"] = {"base_url": embeddings, "model": "m"}
    return retrieval.build_toolbox(retrieval.RetrievalSection.model_validate(section), Path())


async def problem(box: Retrieval) -> str:
    """What the operator is told, who is told more than the model."""
    async with box:
        with pytest.raises(StoreError) as caught:
            await box.check()
        with pytest.raises(ToolError) as told:
            await search(box, "marker00042")
    assert told.value.message == "The documents cannot be searched at the moment."
    return caught.value.message


async def test_one_of_a_thousand_documents_is_found_and_cited(server: Server) -> None:
    async with tool(server.url) as box:
        output = await search(box, "which report has marker00042?")
    text = "A report on glaciers. Its sign is marker00042."
    assert output.sources[0] == Source(
        "doc-42", "Report 42", "https://handbook.example/glaciers/42", f"… {text}", output.sources[0].score
    )
    assert str(output.content).startswith(f"[doc-42] Report 42 <https://handbook.example/glaciers/42>\n{text}\n\n[")
    assert len(output.sources) == 5


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: json.dumps(example["elasticsearch"].get("body"))[:40])
async def test_each_body_on_the_page_finds_its_document(server: Server, example: dict[str, Any]) -> None:
    filters = example["elasticsearch"].get("body", {}).get("knn", {})
    async with embedding(DIMENSIONS) as vectors:
        address = vectors.url if "embeddings" in example else None
        body = example["elasticsearch"].get("body")
        async with tool(server.url, address, **({"body": body} if body else {})) as box:
            output = await search(box, "A report on glaciers. Its sign is marker00042.")
    assert output.sources[0].id == "doc-42"
    assert server.bodies[0]["size"] == 5
    assert filters.get("filter") == server.bodies[0].get("knn", {}).get("filter")


async def test_the_body_on_the_page_is_the_default_one(server: Server) -> None:
    for given in ({}, {"body": EXAMPLES[1]["elasticsearch"]["body"]}):
        async with tool(server.url, **given) as box:
            await search(box, "glaciers")
    assert server.bodies[0] == server.bodies[1]


@pytest.mark.parametrize("query", HOSTILE)
async def test_a_hostile_query_is_only_a_query(server: Server, query: str) -> None:
    async with tool(server.url) as box:
        assert not (await search(box, query)).is_error
    match = server.bodies[0].pop("query")
    assert match == {"multi_match": {"query": query, "fields": ["body", "title^2"]}}
    assert json.dumps(server.bodies[0]).count("size") == 2  # and fragment_size


async def test_without_a_vector_words_are_searched(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    async with embedding(DIMENSIONS) as vectors:
        vectors.failures = [500]
        async with tool(server.url, vectors.url, body=VECTOR_BODY) as box:
            assert (await search(box, "marker00042")).sources[0].id == "doc-42"
    assert "knn" not in server.bodies[0]
    assert "by words alone" in caplog.text


async def test_vectors_of_another_length_are_a_problem_in_elasticsearch_s_words(server: Server) -> None:
    async with embedding(16) as vectors:
        said = await problem(tool(server.url, vectors.url, body=VECTOR_BODY))
    reason = f"the query vector has a different dimension [16] than the index vectors [{DIMENSIONS}]"
    assert said == f"{server.url}: it answers with status 400: {reason}"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"api_key": "d3Jvbmc="}, "status 401: unable to authenticate with provided credentials [ApiKey ***]"),
        ({"index": "nope"}, "status 404: no such index [nope]"),
        ({"body": {"query": {"mtach": {"body": "${query}"}}}}, "status 400: unknown query [mtach]"),
    ],
)
async def test_a_refusal_is_told_to_the_operator_without_the_key(
    server: Server, keys: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert said in await problem(tool(server.url, **keys))
    assert keys.get("api_key", KEY) not in caplog.text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (answered({"error": "overloaded", "status": 503}, 503), "status 503: overloaded"),
        (answered({"hits": {}}), "its answer is not a list of hits"),
        (answered({"hits": {"hits": [{"_id": "a", "_source": {"other": 1}}]}}), "has text in its field 'body'"),
        (web.Response(text="<html>", content_type="text/html"), "its answers are not those of Elasticsearch"),
        (web.json_response({"hits": {"hits": []}}), "its answers are not those of Elasticsearch"),
    ],
)
async def test_an_answer_that_is_none_is_asked_for_once(server: Server, answer: web.Response, said: str) -> None:
    async with tool(server.url) as box:
        server.answers = [answer]
        with pytest.raises(StoreError) as caught:
            await box.check()
        assert said in caught.value.message
        assert len(server.bodies) == 1
        await box.check()  # and the next search is a new one


async def test_a_silent_server_is_left(server: Server) -> None:
    server.answers = [None, None]
    assert "it gave no answer within 0.1 seconds" in await problem(tool(server.url, timeout=0.1))


async def test_an_answer_without_end_is_left(server: Server) -> None:
    server.answers = [answered({"hits": {"hits": [], "more": "x" * 2000}}) for _ in range(2)]
    assert "it gives no answer: more than 1000 bytes are too many" in await problem(tool(server.url, max_bytes=1000))


async def test_a_server_that_is_not_there_is_named() -> None:
    async with elasticsearch([]) as gone:
        url = gone.url
    assert (await problem(tool(url))).startswith(f"{url}: it gives no answer: ")


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    context, trusted = self_signed(tmp_path)
    async with elasticsearch(DOCUMENTS, context) as server:
        assert "its certificate is not accepted" in await problem(tool(server.url))
        assert server.bodies == []
        async with tool(server.url, ca=str(trusted)) as box:
            assert (await search(box, "marker00042")).sources[0].id == "doc-42"


async def test_a_name_and_a_password_are_sent_and_not_told(server: Server) -> None:
    said = await problem(tool(server.url, api_key=None, username="elastic", password="s3cr3t-word"))
    assert "[Basic ZWxhc3RpYzpzM2NyM3Qtd29yZA==]" not in said
    assert "status 401" in said


async def test_documents_without_a_text_are_left_out(server: Server) -> None:
    hits = [{"_id": "a", "_source": {"body": None}}, {"_id": "b", "_source": {"body": ["one", "two"]}}]
    server.answers = [answered({"hits": {"hits": hits}})]
    async with tool(server.url) as box:
        assert (await search(box, "x")).content == "[b]\none\ntwo"


async def test_a_field_may_be_in_an_object(server: Server) -> None:
    source = {"page": {"text": "It dives.", "title": " The\nkingfisher ", "at": "https://birds.example/k"}}
    server.answers = [answered({"hits": {"hits": [{"_id": "a", "_score": None, "_source": source}]}})]
    async with tool(server.url, fields={"text": "page.text", "title": "page.title", "url": "page.at"}) as box:
        output = await search(box, "x")
    assert output.sources == (Source("a", "The kingfisher", "https://birds.example/k", "It dives.", None),)


async def test_a_path_may_stand_before_the_api(server: Server) -> None:
    async with tool(f"{server.url}/proxied/") as box:
        assert (await search(box, "marker00042")).sources[0].id == "doc-42"


async def test_a_long_text_is_cut_around_what_was_asked_for(server: Server) -> None:
    server.documents = {"a": {"id": "a", "title": "A", "path": "a", "body": "x " * 9000 + "marker00042" + " y" * 9000}}
    async with tool(server.url, max_characters=200) as box:
        output = await search(box, "marker00042")
    assert "marker00042" in output.content
    assert len(output.content) < 300
