from __future__ import annotations

import asyncio

import pytest

from bench import recall
from bench.__main__ import suites
from bench.rig import vector_stores
from bench.rig.embeddings import hashed, serving
from bench.rig.labelled import MANNERS, labelled
from turnstream.tools.retrieval import database


def test_the_suites_of_retrieval_are_found() -> None:
    pytest.importorskip("matplotlib", reason="make bench-tests has it")
    assert {"retrieval", "recall"} <= set(suites())


@pytest.mark.skipif(not database.can_load_vectors(), reason="this Python's SQLite takes no extensions")
async def test_recall_is_measured_with_any_embedding_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as server:
        monkeypatch.setenv("EMBEDDINGS_URL", server.url)
        monkeypatch.setenv("EMBEDDINGS_QUERY_PREFIX", "query: ")
        found = await asyncio.to_thread(recall.measured, *labelled(3), "some-model")
    assert [(one.ranking, one.model) for one in found] == [
        ("words", None),
        ("vectors", "some-model"),
        ("hybrid", "some-model"),
    ]
    assert found[0].shares["same words"] == [1.0, 1.0]
    assert found[1].shares["misspelt"] > found[0].shares["misspelt"]
    assert any(text.startswith("query: ") for body in server.requests for text in body["input"])


def test_each_question_has_a_passage_and_its_own_words() -> None:
    passages, questions = labelled()
    assert len(questions) == len(MANNERS) * len(passages)
    assert {question.answer for question in questions} == set(passages)
    assert len({question.text for question in questions}) == len(questions)


def test_the_stand_in_thinks_that_what_is_written_alike_is_alike() -> None:
    def cosine(one: str, other: str) -> float:
        return sum(a * b for a, b in zip(hashed(one), hashed(other), strict=True))

    assert cosine("kingfisher", "kingfischer") > 0.3 > cosine("kingfisher", "ostrich")


@pytest.mark.skipif(not database.can_load_vectors(), reason="this Python's SQLite takes no extensions")
def test_a_store_is_measured_against_the_right_neighbours() -> None:
    pytest.importorskip("numpy", reason="make bench-tests has it")
    measured = vector_stores.measure("sqlite-vec", 600)
    assert measured.recall == 1
    assert min(measured.build, measured.size, measured.median, measured.cpu) > 0
