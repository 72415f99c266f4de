from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.events import ConfigurationError
from turnstream.tools.retrieval.template import Template

VALUES = {"query": "owls", "vector": [0.5, 1.0], "top_k": 3}


def fill(value: Any, **values: Any) -> Any:
    return Template({"a": value}).fill({**VALUES, **values})["a"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${query}", "owls"),
        ("${vector}", [0.5, 1.0]),
        ("${top_k}", 3),
        ("about ${query}, ${top_k} of them", "about owls, 3 of them"),
        ("$${query}", "${query}"),
        ("${query} $${query}", "owls ${query}"),
        ({"b": [{"c": "${query}"}, 1, None, True, 0.5]}, {"b": [{"c": "owls"}, 1, None, True, 0.5]}),
        ("{query} %(query)s $query", "{query} %(query)s $query"),
    ],
)
def test_gaps_are_filled_wherever_a_value_stands(value: Any, expected: Any) -> None:
    assert fill(value) == expected


def test_a_gap_in_a_query_is_none() -> None:
    assert fill("${query}!", query="${vector} ${query} $${top_k}") == "${vector} ${query} $${top_k}!"


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_a_query_stays_one_text_in_the_json(query: str) -> None:
    body = Template({"query": {"match": {"body": "${query}"}}, "size": "${top_k}"}).fill({**VALUES, "query": query})
    assert json.loads(json.dumps(body)) == {"query": {"match": {"body": query}}, "size": 3}


def test_a_template_can_be_filled_again() -> None:
    template = Template({"a": ["${query}"]})
    assert [template.fill({"query": query}) for query in "xy"] == [{"a": ["x"]}, {"a": ["y"]}]


def test_a_template_knows_its_gaps() -> None:
    assert Template({"a": ["${query}", {"b": "${vector}"}], "c": "$${top_k}"}).gaps == {"query", "vector"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"a": "${quary}"}, "unknown placeholder ${quary}; expected ${query}, ${top_k}, ${vector}"),
        ({"a": ["${query"]}, "unknown placeholder ${;"),
        ({"a": "x${vector}"}, "it must be the whole of a value"),
        ({"a": {"${query}": 1}}, "is a key"),
    ],
)
def test_what_cannot_be_filled_is_found_at_once(body: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Template(body)
    assert said in caught.value.message
