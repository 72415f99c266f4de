from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from types import FrameType, SimpleNamespace
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings, strategies as st

from turnstream import jsontext
from turnstream.events import ModelEvent, ToolCallDelta, ToolCallMalformed, ToolCallStart
from turnstream.parsing import tool_call_deltas
from turnstream.parsing.collect import Collector
from turnstream.parsing.tool_call_deltas import Assembler

TraceFunction: TypeAlias = Callable[[FrameType, str, Any], Any]
Fragment: TypeAlias = tuple[int | None, str | None, str | None, str | None]


def events(*fragments: Fragment) -> list[ModelEvent]:
    assembler, out = Assembler(), list[ModelEvent]()
    for fragment in fragments:
        assembler.feed(*fragment, out)
    assembler.close(out)
    return out


def calls(*fragments: Fragment) -> list[tuple[str, str, str]]:
    collector = Collector()
    collector.feed(events(*fragments))
    return [(call.id, call.name, call.arguments) for call in collector.tool_calls]


def test_the_contract_two_calls_in_fragments() -> None:
    found = calls(
        (0, "a", "f", ""), (0, None, None, '{"x"'), (1, "b", "g", ""), (0, None, None, ":1}"), (1, None, None, "{}")
    )
    assert found == [("a", "f", '{"x":1}'), ("b", "g", "{}")]


def test_a_call_starts_as_soon_as_its_name_and_id_are_known() -> None:
    out: list[ModelEvent] = []
    Assembler().feed(0, "a", "f", "", out)
    assert out == [ToolCallStart(0, "a", "f")]


def test_whole_calls_without_index_and_id_are_each_a_call() -> None:
    assert calls((None, None, "f", "{}"), (None, None, "f", '{"a":1}')) == [("", "f", "{}"), ("", "f", '{"a":1}')]


def test_fragments_without_index_belong_to_the_last_call() -> None:
    found = calls((None, "a", "f", '{"x"'), (None, None, None, ":1}"), (None, "b", "g", ""), (None, "", "", "{}"))
    assert found == [("a", "f", '{"x":1}'), ("b", "g", "{}")]


def test_fragments_without_index_find_their_call_by_its_id() -> None:
    found = calls((None, "a", "f", "{"), (None, "b", "g", "{"), (None, "a", None, "}"), (None, "b", None, "}"))
    assert found == [("a", "f", "{}"), ("b", "g", "{}")]


def test_an_index_that_starts_above_zero_is_renumbered() -> None:
    assert events((3, "a", "f", "{}")) == [ToolCallStart(0, "a", "f"), ToolCallDelta(0, "{}")]


def test_two_calls_under_one_index_are_two_calls() -> None:
    found = calls((0, "a", "f", '{"x":1}'), (0, "b", "f", '{"x":2}'), (0, "c", "g", ""), (0, None, None, "{}"))
    assert found == [("a", "f", '{"x":1}'), ("b", "f", '{"x":2}'), ("c", "g", "{}")]


def test_two_calls_under_one_index_without_ids_are_two_calls() -> None:
    assert calls((0, None, "f", "{}"), (0, None, "g", "{}"), (0, None, "g", "{}")) == [
        ("", "f", "{}"),
        ("", "g", "{}"),
        ("", "g", "{}"),
    ]


def test_id_and_name_repeated_in_every_fragment_are_one_call() -> None:
    assert calls((0, "a", "f", ""), (0, "a", "f", '{"x"'), (0, "a", "f", ":1}")) == [("a", "f", '{"x":1}')]


def test_a_name_repeated_without_an_id_is_one_call_while_the_arguments_are_unfinished() -> None:
    assert calls((0, None, "f", ""), (0, None, "f", '{"x"'), (0, None, "f", ":1}")) == [("", "f", '{"x":1}')]


def test_a_name_repeated_at_the_end_begins_nothing() -> None:
    assert calls((0, "a", "f", "{}"), (0, None, "f", "{}")) == [("a", "f", "{}")]
    assert calls((0, None, "f", "{}"), (0, None, "f", "")) == [("", "f", "{}")]


def test_empty_arguments_ahead_of_the_real_ones_are_a_placeholder() -> None:
    assert calls((0, "a", "f", "{}"), (0, None, None, '{"x"'), (0, None, None, ":1}")) == [("a", "f", '{"x":1}')]
    assert calls((0, "a", "f", "{}"), (1, "b", "g", "{}")) == [("a", "f", "{}"), ("b", "g", "{}")]


def test_a_name_in_pieces_is_one_name() -> None:
    assert calls((0, "a", "get_", '{"x"'), (0, None, "weather", ":1}")) == [("a", "get_weather", '{"x":1}')]
    assert calls((None, "a", "get_", ""), (None, "a", "weather", "{}")) == [("a", "get_weather", "{}")]
    assert calls((0, "a", "get", ""), (0, "a", "get_weather", "{}")) == [("a", "get_weather", "{}")]


def test_an_id_that_changes_in_every_fragment_keeps_the_first() -> None:
    assert calls((0, "a", "f", '{"x"'), (0, "b", "f", ":1"), (0, "c", None, "}")) == [("a", "f", '{"x":1}')]


def test_null_and_empty_names_and_ids_overwrite_nothing() -> None:
    assert calls((0, "a", "f", "{"), (0, None, None, '"x"'), (0, "", "", ":1"), (0, "null", "", "}")) == [
        ("a", "f", '{"x":1}')
    ]


def test_an_id_that_follows_its_name_is_taken() -> None:
    assert calls((0, None, "f", None), (0, "a", None, "{}")) == [("a", "f", "{}")]


def test_a_name_that_follows_its_arguments_gets_them_all() -> None:
    assert calls((0, "a", None, '{"x"'), (0, None, "f", ":1}")) == [("a", "f", '{"x":1}')]


def test_null_or_empty_arguments_are_a_call_without_arguments() -> None:
    assert calls((0, "a", "f", None), (1, "b", "g", "")) == [("a", "f", ""), ("b", "g", "")]


def test_a_call_without_parameters_may_still_get_some_under_a_repeated_header() -> None:
    assert calls((0, "0", "f", ""), (0, "0", "f", "{}")) == [("0", "f", "{}")]


def test_duplicate_ids_under_two_indexes_are_two_calls() -> None:
    assert calls((0, "a", "f", "{}"), (1, "a", "g", "{}")) == [("a", "f", "{}"), ("a", "g", "{}")]


def test_a_call_that_never_gets_a_name_is_malformed() -> None:
    assert events((0, "a", None, '{"x":1}')) == [ToolCallMalformed(0, "it has no name", '{"x":1}')]


def test_the_providers_own_part_of_a_call_is_kept() -> None:
    out: list[ModelEvent] = []
    Assembler().feed(0, "a", "f", "", out, {"signature": "s"})
    assert out == [ToolCallStart(0, "a", "f", {"signature": "s"})]


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 4), st.data())
def test_calls_that_keep_the_contract_come_out_however_they_are_cut_and_interleaved(
    count: int, data: st.DataObject
) -> None:
    wanted = [(f"id{n}", f"f{n % 2}", f'{{"n":{n},"text":"{"x" * n}"}}') for n in range(count)]
    lines: list[list[Fragment]] = []
    for n, (call_id, name, arguments) in enumerate(wanted):
        cut = data.draw(st.integers(0, len(arguments)))
        lines.append([(n, call_id, name, ""), (n, None, None, arguments[:cut]), (n, None, None, arguments[cut:])])
    mixed = [line.pop(0) for line in lines]
    while any(lines):
        mixed.append(data.draw(st.sampled_from([line for line in lines if line])).pop(0))
    assert calls(*mixed) == wanted


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-1, 3),
            st.sampled_from([None, "", "a", "b", "null"]),
            st.sampled_from([None, "", "f", "g"]),
            st.sampled_from([None, "", "{", "}", '{"a":1}', "\ud800", "[" * 2000]),
        ),
        max_size=12,
    )
)
def test_any_fragments_start_each_call_again_only_for_a_longer_name_and_lose_no_argument_that_is_new(
    fragments: list[Fragment],
) -> None:
    out = events(*fragments)
    names: dict[int, str] = {}
    for event in out:
        if isinstance(event, ToolCallStart):
            assert len(event.name) > len(names.get(event.index, ""))
            names[event.index] = event.name
    said = sum(len(event.arguments) for event in out if isinstance(event, ToolCallDelta))
    said += sum(len(event.raw) for event in out if isinstance(event, ToolCallMalformed))
    pieces = [fragment[3] for fragment in fragments if fragment[3]]
    repeated = '{"a":1}' in pieces and sum(piece in ("{", '{"a":1}') for piece in pieces) > 1
    assert said == sum(map(len, pieces)) or repeated


def count_work(fragments: Sequence[Fragment], monkeypatch: pytest.MonkeyPatch) -> int:
    """Lines that are run, the rounds of loops among them, and characters that are read as JSON: no clock, which a busy
    machine would hold up."""
    count = 0

    def see(frame: FrameType, event: str, argument: object) -> TraceFunction:
        nonlocal count
        count += 1
        return see

    def decode(text: str) -> object:
        nonlocal count
        count += len(text)
        return jsontext.decode(text)

    monkeypatch.setattr(tool_call_deltas, "jsontext", SimpleNamespace(decode=decode))
    before = sys.gettrace()
    sys.settrace(see)
    try:
        events(*fragments)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "odd",
    [
        lambda at: (0, None, "f", "x" * 50 if at else '{"a":"'),  # a name in each fragment, and no id
        lambda at: (0, f"c{at}", "f", "x" * 50 if at else '{"a":"'),  # another id in each
        lambda at: (None, f"c{at}", "f", "{}"),  # calls without an index
    ],
    ids=["names", "ids", "no index"],
)
def test_four_times_as_many_fragments_are_four_times_the_work(
    odd: Callable[[int], Fragment], monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = (count_work([odd(at) for at in range(number)], monkeypatch) for number in (1_000, 4_000))
    assert many < 4.1 * few


@settings(deadline=None, max_examples=200)
@given(
    st.recursive(st.text(alphabet='a"\\{}[]', max_size=5), lambda inner: st.dictionaries(st.text(max_size=2), inner)),
    st.sampled_from(["", " ", "{}", "x"]),
    st.lists(st.integers(1, 6), min_size=1),
)
def test_a_name_again_after_whole_arguments_begins_another_call(value: object, after: str, cuts: list[int]) -> None:
    text, pieces = json.dumps({"a": value}) + after, list[str]()
    while text:
        size = cuts[len(pieces) % len(cuts)]
        pieces, text = [*pieces, text[:size]], text[size:]
    whole = after.strip() == ""
    first = [(0, None, None if at else "f", piece) for at, piece in enumerate(pieces)]
    assert len(calls(*first, (0, None, "f", "{}"))) == 1 + whole
