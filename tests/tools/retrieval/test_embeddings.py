from __future__ import annotations

import asyncio
import math

import pytest

from bench.rig.embeddings import hashed, serving
from turnstream.tools.retrieval import Embeddings
from turnstream.tools.retrieval.embeddings import EmbeddingsError

SECRET = "sk-5up3r"


async def test_each_text_gets_its_vector_whatever_the_order_of_the_answer() -> None:
    async with serving() as server:
        vectors = await Embeddings(server.url, "m", batch=2).documents(["one", "two", "three"])
    assert [list(vector) for vector in vectors] == [pytest.approx(hashed(text)) for text in ("one", "two", "three")]


async def test_texts_go_in_batches_with_model_key_headers_and_prefix() -> None:
    async with serving() as server:
        embeddings = Embeddings(
            server.url, "m", api_key=SECRET, headers={"x-team": "a"}, dimensions=384, batch=2, document_prefix="d: "
        )
        await embeddings.documents([str(number) for number in range(5)])
    assert sorted(len(body["input"]) for body in server.requests) == [1, 2, 2]
    assert sorted(text for body in server.requests for text in body["input"]) == [f"d: {number}" for number in range(5)]
    assert {(body["model"], body["dimensions"]) for body in server.requests} == {("m", 384)}
    assert {(h["authorization"], h["x-team"]) for h in server.headers} == {(f"Bearer {SECRET}", "a")}


@pytest.mark.parametrize("failure", [429, 503, None])
async def test_a_passing_failure_is_tried_again(failure: int | None) -> None:
    async with serving() as server:
        server.failures = [failure]
        assert len(await Embeddings(server.url, "m").documents(["x"])) == 1
        assert len(server.requests) == 2


async def test_a_refusal_is_not_tried_again_and_shows_no_key() -> None:
    async with serving() as server:
        server.failures = [401]
        with pytest.raises(EmbeddingsError, match="status 401") as caught:
            await Embeddings(server.url, "m", api_key=SECRET).documents(["x"])
        assert len(server.requests) == 1
    assert SECRET not in f"{caught.value.message} {Embeddings(server.url, 'm', api_key=SECRET)!r}"


async def test_a_failure_that_stays_ends_the_tries() -> None:
    async with serving() as server:
        server.failures = [500] * 9
        with pytest.raises(EmbeddingsError, match="status 500"):
            await Embeddings(server.url, "m", retries=1).documents(["x"])
        assert len(server.requests) == 2


async def test_a_silent_server_is_left() -> None:
    async with serving() as server:
        server.silent = True
        with pytest.raises(EmbeddingsError, match=r"no answer within 0\.05 seconds"):
            await Embeddings(server.url, "m", timeout=0.05).query("x")


async def test_a_question_is_tried_once() -> None:
    async with serving() as server:
        server.failures = [503]
        with pytest.raises(EmbeddingsError, match="status 503"):
            await Embeddings(server.url, "m").query("x")


async def test_a_server_that_is_not_there_is_named() -> None:
    async with serving() as server:
        url = server.url
    with pytest.raises(EmbeddingsError, match="cannot be reached"):
        await Embeddings(url, "m", retries=0).documents(["x"])


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"{}",
        b'{"data": []}',
        b'{"data": [{"index": 0, "embedding": []}]}',
        b'{"data": [{"index": 1, "embedding": [1]}]}',
        b'{"data": [{"index": 0, "embedding": ["x"]}]}',
        b'{"data": [{"index": 0, "embedding": [1e309, 1]}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1]}]}',
    ],
)
async def test_a_wrong_answer_is_an_error(answer: bytes) -> None:
    async with serving() as server:
        server.answer = answer
        with pytest.raises(EmbeddingsError):
            await Embeddings(server.url, "m", retries=0).documents(["x"])


async def test_vectors_have_length_one_or_are_nothing() -> None:
    async with serving() as server:
        server.answer = b'{"data": [{"index": 0, "embedding": [3, 4]}, {"index": 1, "embedding": [0, 0]}]}'
        one, nothing = await Embeddings(server.url, "m").documents(["x", ""])
    assert math.hypot(*one) == pytest.approx(1)
    assert list(nothing) == [0, 0]


async def test_a_cancelled_caller_leaves_no_request_behind() -> None:
    async with serving() as server:
        server.silent = True
        async with Embeddings(server.url, "m", batch=1) as embeddings:
            asking = asyncio.create_task(embeddings.documents(["x", "y"]))
            async with asyncio.timeout(10):
                while len(server.requests) < 2:  # noqa: ASYNC110  no event announces it
                    await asyncio.sleep(0.005)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert len(asyncio.all_tasks()) < 10


async def test_one_refused_text_costs_no_other_its_vector(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as server:
        server.refuses = lambda texts: len(texts) > 4 or any(len(text) > 10 for text in texts)
        texts = ["short", "x" * 50, *(f"text {number}" for number in range(10))]
        vectors = await Embeddings(server.url, "m").documents_or_none(texts)
    assert [vector is None for vector in vectors] == [False, True, *[False] * 10]
    assert list(vectors[2] or []) == pytest.approx(hashed("text 0"))
    assert "a text of 50 characters has no vector" in caplog.text


async def test_a_server_that_refuses_everything_is_an_error() -> None:
    async with serving() as server:
        server.failures = [400] * 9
        with pytest.raises(EmbeddingsError, match="status 400"):
            await Embeddings(server.url, "m").documents(["x", "y"])


@pytest.mark.parametrize(
    "answer",
    [
        b'{"data": [{"embedding": [3, 4]}, {"embedding": [0, 1]}]}',
        b'{"data": [{"embedding": [3, 4], "index": 0}, {"embedding": [0, 1], "index": 0}]}',
        b'{"data": [{"embedding": "AABAQAAAgEA=", "index": 0}, {"embedding": "AAAAAAAAgD8=", "index": 1}]}',
    ],
)
async def test_odd_answers_are_understood(answer: bytes) -> None:
    async with serving() as server:
        server.answer = answer
        one, other = await Embeddings(server.url, "m").documents(["x", "y"])
    assert list(one) == pytest.approx([0.6, 0.8])
    assert list(other) == [0, 1]


async def test_an_error_that_comes_as_a_success_is_quoted() -> None:
    async with serving() as server:
        server.answer = b'{"error": {"message": "model not loaded"}}'
        with pytest.raises(EmbeddingsError, match="model not loaded"):
            await Embeddings(server.url, "m", retries=0).documents(["x"])
