from __future__ import annotations

import itertools
import json
import time

import pytest
from hypothesis import given, strategies as st

from turnstream.parsing.repeated_arguments import Arguments

VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=6), lambda inner: st.dictionaries(st.sampled_from("ab"), inner)
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "not"]), VALUES, min_size=1).map(json.dumps)
CUTS = st.lists(st.integers(1, 60), max_size=8)


def said(*fragments: str) -> str:
    arguments = Arguments()
    return "".join(piece for fragment in fragments for piece in arguments.feed(fragment)) + "".join(arguments.close())


def cut(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(place for place in cuts if place < len(text))})
    return [text[start:end] for start, end in itertools.pairwise(places)]


@given(OBJECTS, CUTS)
def test_however_the_arguments_are_cut_they_are_the_same(text: str, cuts: list[int]) -> None:
    assert said(*cut(text, cuts)) == text


@given(OBJECTS, CUTS)
def test_fragments_that_are_all_so_far_each_time_give_the_arguments_once(text: str, cuts: list[int]) -> None:
    places = sorted({len(text), *(place for place in cuts if place < len(text))})
    assert json.loads(said(*(text[:place] for place in places))) == json.loads(text)


@given(OBJECTS, CUTS, st.booleans())
def test_the_whole_behind_its_fragments_is_not_said_again(text: str, cuts: list[int], spaced: bool) -> None:
    again = json.dumps(json.loads(text), separators=None if spaced else (",", ":"))
    assert said(*cut(text, cuts), again) == text


def test_an_object_within_one_of_the_same_key_is_no_repetition() -> None:
    assert said('{"not":', '{"not":', '{"a":1}}}') == '{"not":{"not":{"a":1}}}'


def test_of_arguments_that_grow_each_fragment_gives_what_is_new_at_once_from_the_third_on() -> None:
    arguments = Arguments()
    assert [arguments.feed(text) for text in ('{"a', '{"a": "x', '{"a": "xy', '{"a": "xyz"}')] == [
        ['{"a'],
        [],
        ['": "xy'],
        ['z"}'],
    ]


def test_another_object_behind_a_whole_one_is_not_lost() -> None:
    assert said('{"a":1}', '{"a":2}') == '{"a":1}{"a":2}'


@pytest.mark.parametrize("fragment", ["{}", "{", '{"', '{"a":"', "}{", '{"a":1}'])
def test_adversarial_repeats_cost_linear_time(fragment: str) -> None:
    began = time.process_time()
    said('{"x":"', *[fragment] * 20_000)
    said(*[fragment] * 20_000)
    assert time.process_time() - began < 2
