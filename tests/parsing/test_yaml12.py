"""YAML of strangers: small texts that stand for much, and what PyYAML would read as YAML 1.1."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st

from turnstream.parsing import yaml12

BOMB = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 40))
LONG = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 10_000)}]"

TEXTS = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)


@pytest.mark.parametrize("text", [BOMB, MERGES, LONG], ids=["lists", "merges", "texts"])
def test_a_small_text_that_stands_for_more_than_memory_holds_is_refused(text: str) -> None:
    with pytest.raises(yaml12.RefusedError, match="its aliases written out"):
        yaml12.load(text)


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000])
def test_a_deep_text_ends_in_an_error_and_not_the_process(text: str) -> None:
    with pytest.raises(yaml12.RefusedError, match="levels deep"):
        yaml12.load(text)


def test_an_alias_for_what_contains_it_is_refused() -> None:
    with pytest.raises(yaml12.RefusedError, match="contains it"):
        yaml12.load("a: &a [*a]")


def test_aliases_are_read_where_they_are_wanted_and_refused_where_not() -> None:
    text = "a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}"
    assert yaml12.load(text) == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}}
    with pytest.raises(yaml12.RefusedError, match="aliases"):
        yaml12.load(text, aliases=False)


@given(JSON)
def test_json_is_yaml_and_is_read_as_json(value: Any) -> None:
    text = json.dumps({"a": value}, ensure_ascii=False)
    assert yaml12.load(text, aliases=False) == json.loads(text)


@given(st.text("&*a1<:{}[],!bint~? \n-|>%'\"#", max_size=60))
def test_no_text_raises_anything_undeclared(text: str) -> None:
    try:
        yaml12.load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        pass


def size(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(size, inner))


@given(st.lists(st.lists(st.integers(0, 5), max_size=3), max_size=5))
def test_what_is_paid_for_is_at_least_what_is_written_out(uses: list[list[int]]) -> None:
    paid: list[int] = []
    lines = ["- &n0 {x: y}"]
    for number, one in enumerate(uses, 1):
        lines.append(f"- &n{number} [{', '.join(f'*n{use % number}' for use in one)}]")
    value = yaml12.load("\n".join(lines), spend=paid.append)
    assert size(value) <= sum(paid) <= 2 * size(value)


@pytest.mark.parametrize("text", ["!!int 1:1", "!!bool maybe", "!!timestamp soon", "!!float x"])
def test_a_tag_of_yaml_1_1_on_what_is_none_is_a_text(text: str) -> None:
    assert isinstance(yaml12.load(text), str)
