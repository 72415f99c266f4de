"""What holds for every format: cuts do not matter, nothing leaks, nothing is held back without need."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings, strategies as st

from tests.flood_text_calls import slow
from tests.fuzz_text_calls import MARKERS, WORDS, disagreement, failure
from tests.parsing.text_calls.render import RENDERERS, Tool
from turnstream.events import ModelEvent, ReasoningDelta, TextDelta, ToolCallDelta, ToolCallMalformed, ToolCallStart
from turnstream.parsing.text_calls import FORMATS, Decoder, Parsed, parse
from turnstream.parsing.text_calls.decoder import gather

NAMES = sorted(FORMATS)
TOOL = Tool("get_weather", {"city": "string", "days": "integer"})
TOOLS = [TOOL.spec()]
CALL = [(TOOL, {"city": "Paris", "days": 3})]
SOUP = st.lists(
    st.sampled_from([*WORDS, *MARKERS, "get_weather", '{"name": "get_weather", ', '"arguments": {']), max_size=12
)


def fed(name: str, pieces: list[str]) -> list[ModelEvent]:
    decoder = Decoder(name, TOOLS)
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


def cut(text: str, at: list[int]) -> list[str]:
    places = sorted({place % (len(text) + 1) for place in at})
    return [text[start:end] for start, end in zip((0, *places), (*places, len(text)), strict=True)]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(SOUP, st.lists(st.integers(0, 10_000), max_size=8))
def test_any_text_reads_the_same_however_it_is_cut(name: str, words: list[str], at: list[int]) -> None:
    text = "".join(words)
    assert gather(fed(name, cut(text, at))) == gather(fed(name, [text]))


@pytest.mark.parametrize("name", sorted(RENDERERS))
def test_a_call_with_something_lost_or_doubled_reads_the_same_however_it_is_cut(name: str) -> None:
    text = RENDERERS[name](CALL)
    for at in range(0, len(text), 5):
        for broken in (text[:at], text[:at] + text[at + 4 :], text[:at] + text[at : at + 4] + text[at:]):
            whole = gather(fed(name, [broken]))
            assert gather(fed(name, list(broken))) == whole
            assert gather(fed(name, cut(broken, [7, 30, 31, 60]))) == whole


@pytest.mark.parametrize("name", sorted(RENDERERS))
def test_a_call_with_a_sign_too_few_or_too_many_is_never_run_without_its_arguments(name: str) -> None:
    text = RENDERERS[name](CALL)
    for at in range(len(text)):
        for broken in (text[:at] + text[at + 1 :], *(text[:at] + sign + text[at:] for sign in '"}<')):
            for call in parse(broken, name, TOOLS).tool_calls:
                assert call.arguments != "{}", broken


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(SOUP)
def test_events_are_well_formed_whatever_comes(name: str, words: list[str]) -> None:
    begun: dict[int, list[str]] = {}
    broken: set[int] = set()
    for event in fed(name, words):
        match event:
            case ToolCallStart(index=index):
                assert index == len(begun.keys() | broken)
                begun[index] = []
            case ToolCallDelta(index=index, arguments=piece):
                assert piece
                assert index not in broken
                begun[index].append(piece)
            case ToolCallMalformed(index=index):
                assert index in begun or index == len(begun.keys() | broken)
                broken.add(index)
            case TextDelta(text=text) | ReasoningDelta(text=text):
                assert text
    for index, pieces in begun.items():
        if index not in broken:
            assert isinstance(json.loads("".join(pieces)), dict)


@pytest.mark.parametrize("name", sorted(RENDERERS))
def test_no_character_of_a_call_is_ever_text(name: str) -> None:
    text = RENDERERS[name](CALL)
    for size in (1, 2, 3, 5, 8, 13, len(text)):
        found = parse(text, name, TOOLS, cut=size)
        assert (found.text, found.malformed) == ("", ())
        assert [(call.name, json.loads(call.arguments)) for call in found.tool_calls] == [("get_weather", CALL[0][1])]


@pytest.mark.parametrize("name", sorted(RENDERERS))
def test_no_character_of_a_call_that_is_cut_off_is_ever_text(name: str) -> None:
    text = RENDERERS[name](CALL)
    started = text.rindex("get_weather") + len("get_weather") + 2
    for end in range(started, text.index("Paris") + 5):
        found = parse(text[:end], name, TOOLS)
        assert "Paris" not in found.text
        assert "get_weather" not in found.text
        assert found.tool_calls == ()
        assert len(found.malformed) == 1


PROSE = "Ordinary words, a < b, f(x) [1], {a: b} and `code`; 3 > 2. A [link](here), <b>bold</b>: <tool is no tag.\nNew "


@pytest.mark.parametrize("name", NAMES)
def test_text_is_held_back_only_while_it_may_become_a_marker(name: str) -> None:
    decoder = Decoder(name, TOOLS)
    longest = max((len(marker) for marker in FORMATS[name].opens), default=2)
    fed = given = 0
    for char in "So: " + PROSE * 3 + "end":
        fed += 1
        for event in decoder.feed(char):
            given += len(event.text) if isinstance(event, TextDelta | ReasoningDelta) else 0
        assert fed - given <= max(longest, 8)
    assert fed == given


@pytest.mark.parametrize("name", NAMES)
def test_a_false_alarm_gives_the_text_back(name: str) -> None:
    if FORMATS[name].root is None and not FORMATS[name].reasons_first:
        assert parse("So: " + PROSE + "end", name, TOOLS, cut=3) == Parsed("So: " + PROSE + "end", "", (), ())


@pytest.mark.parametrize("name", sorted(RENDERERS))
def test_random_calls_make_the_round_trip(name: str) -> None:
    assert [wrong for seed in range(40) if (wrong := failure(name, seed))] == []


@pytest.mark.parametrize("first", range(0, 200, 25))
def test_no_piece_of_a_flood_of_characters_holds_the_process(first: int) -> None:
    assert [late for seed in range(first, first + 25) if (late := slow(seed))] == []


@pytest.mark.parametrize("name", sorted(RENDERERS))
def test_a_damaged_answer_reads_the_same_however_it_is_cut(name: str) -> None:
    assert [text for seed in range(15) if (text := disagreement(name, seed))] == []


@pytest.mark.parametrize("name", NAMES)
def test_closing_twice_says_nothing_new(name: str) -> None:
    decoder = Decoder(name, TOOLS)
    decoder.feed("Hello <")
    decoder.close()
    assert decoder.close() == []
