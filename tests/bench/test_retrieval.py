from __future__ import annotations

import pytest

from bench.__main__ import suites
from bench.rig import vector_stores
from bench.rig.embeddings import hashed
from bench.rig.labelled import MANNERS, labelled
from turnstream.tools.retrieval import database


def test_the_retrieval_suite_is_found() -> None:
    assert "retrieval" in suites()


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
    measured = vector_stores.measure("sqlite-vec", 600)
    assert measured.recall == 1
    assert min(measured.build, measured.size, measured.median, measured.cpu) > 0
