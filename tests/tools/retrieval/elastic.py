"""A stand-in for Elasticsearch: `_search` with the bodies that docs/elasticsearch.md shows, checked for their shape.

It ranks by words in common and by cosines. Elasticsearch itself is not to be had in the tests.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.tools.retrieval.handbook import DIMENSIONS
from tests.tools.web import serving

KEY = "ZWxhc3RpYzpzM2NyM3Q="
_TYPE = "application/vnd.elasticsearch+json"
_KEYS = {"query", "knn", "retriever", "highlight", "size", "_source"}

Scores = dict[str, float]


class Refusal(Exception):
    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        cause = {"type": kind, "reason": reason}
        self.status = status
        self.body = {"error": {"root_cause": [cause], **cause}, "status": status}


class Server:
    """``bodies`` keeps what was asked. ``answers`` are given to the next requests instead; None waits for ever."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self.documents = {document["id"]: document for document in documents}
        self.bodies: list[dict[str, Any]] = []
        self.answers: list[web.Response | None] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        if self.answers:
            answer = self.answers.pop(0)
            return answer if answer is not None else await asyncio.Event().wait()  # type: ignore[return-value]
        try:
            _check_request(request)
            return answered(self._found(body))
        except Refusal as refusal:
            return answered(refusal.body, refusal.status)

    def _found(self, body: dict[str, Any]) -> dict[str, Any]:
        if unknown := body.keys() - _KEYS:
            raise Refusal(400, "parsing_exception", f"unknown key for a START_OBJECT in [{unknown.pop()}].")
        scores = self._scores(body)
        best = sorted(scores, key=lambda id: -scores[id])[: _number(body["size"])]
        return {"took": 1, "timed_out": False, "hits": {"hits": [self._hit(id, scores[id], body) for id in best]}}

    def _scores(self, body: dict[str, Any]) -> Scores:
        match body:
            case {"retriever": {"rrf": {"retrievers": list(retrievers), "rank_window_size": int(window), **rest}}}:
                _nothing(rest)
                return _fused([self._scores(_unwrapped(one)) for one in retrievers], window)
            case {"query": query, "knn": knn}:
                words, near = self._words(query), self._near(knn)
                return {id: words.get(id, 0.0) + near.get(id, 0.0) for id in words | near}
            case {"query": query}:
                return self._words(query)
            case {"knn": knn}:
                return self._near(knn)
        raise Refusal(400, "parsing_exception", "a body without a query")

    def _words(self, query: dict[str, Any]) -> Scores:
        match query:
            case {"multi_match": {"query": str(text), "fields": list(), **rest}}:
                _nothing(rest)
            case {"match": {"body": {"query": str(text), "boost": float()}}}:
                pass
            case {"semantic": {"field": "body", "query": str(text), **rest}}:
                _nothing(rest)
            case _:
                raise Refusal(400, "parsing_exception", f"unknown query [{next(iter(query))}]")
        asked = _words_of(text)
        found = {id: float(len(asked & _words_of(one["body"]))) for id, one in self.documents.items()}
        return {id: score for id, score in found.items() if score}

    def _near(self, knn: dict[str, Any]) -> Scores:
        match knn:
            case {"query_vector": list(vector)} if all(isinstance(value, float) for value in vector):
                pass
            case {"query_vector_builder": {"text_embedding": {"model_id": str(), "model_text": str(text)}}}:
                from bench.rig.embeddings import hashed

                vector = hashed(text, DIMENSIONS)
            case _:
                raise Refusal(400, "parsing_exception", "[knn] without a vector")
        if len(vector) != DIMENSIONS:
            reason = f"the query vector has a different dimension [{len(vector)}] than the index vectors [{DIMENSIONS}]"
            raise Refusal(400, "query_shard_exception", reason)
        assert knn["field"] == "vector"
        count = _number(knn["k"])
        assert _number(knn["num_candidates"]) >= count
        scores = {
            id: sum(a * b for a, b in zip(vector, document["vector"], strict=True))
            for id, document in self.documents.items()
        }
        return {id: scores[id] for id in sorted(scores, key=lambda id: -scores[id])[:count]}

    def _hit(self, id: str, score: float, body: dict[str, Any]) -> dict[str, Any]:
        source = {name: self.documents[id][name] for name in body["_source"]}
        hit: dict[str, Any] = {"_index": "handbook", "_id": id, "_score": score, "_source": source}
        if "highlight" in body:
            assert set(body["highlight"]["fields"]) == {"body"}
            hit["highlight"] = {"body": [f"… <em>{source['body']}</em>"]}
        return hit


def _check_request(request: web.Request) -> None:
    if request.headers.get("authorization") != f"ApiKey {KEY}":
        sent = request.headers.get("authorization", "")
        raise Refusal(401, "security_exception", f"unable to authenticate with provided credentials [{sent}]")
    if not request.headers["content-type"].startswith(_TYPE):
        raise Refusal(406, "media_type_header_exception", "Invalid media-type value on headers [Content-Type]")
    match = re.fullmatch(r"(?:/proxied)?/([^/]+)/_search", request.path)
    if request.method != "POST" or match is None:
        raise Refusal(405, "illegal_argument_exception", "no handler")
    if match[1] != "handbook":
        raise Refusal(404, "index_not_found_exception", f"no such index [{match[1]}]")


def answered(value: Any, status: int = 200) -> web.Response:
    headers = {"X-Elastic-Product": "Elasticsearch", "Content-Type": f"{_TYPE};compatible-with=9"}
    return web.Response(body=web.json_response(value).body, status=status, headers=headers)


@asynccontextmanager
async def elasticsearch(documents: list[dict[str, Any]], tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(documents)
    async with serving(server.handle, tls) as server.url:
        yield server


def _fused(rankings: list[Scores], window: int) -> Scores:
    scores: Scores = {}
    for ranking in rankings:
        for rank, id in enumerate(sorted(ranking, key=lambda id: -ranking[id])[:window], 1):
            scores[id] = scores.get(id, 0.0) + 1 / (60 + rank)
    return scores


def _unwrapped(retriever: dict[str, Any]) -> dict[str, Any]:
    match retriever:
        case {"standard": {"query": query}}:
            return {"query": query}
        case {"knn": knn}:
            return {"knn": knn}
    raise Refusal(400, "parsing_exception", "unknown retriever")


def _nothing(rest: dict[Any, Any]) -> None:
    if rest:
        raise Refusal(400, "parsing_exception", f"unknown field [{next(iter(rest))}]")


def _number(value: Any) -> int:
    if type(value) is not int:
        raise Refusal(400, "x_content_parse_exception", f"[{value!r}] is no number")
    return value


def _words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
