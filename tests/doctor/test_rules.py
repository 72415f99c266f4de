from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from tests.dialects.sequences import batched, runs
from tests.dialects.stories import STORIES
from tests.doctor.recordings import BAD, GOOD, HELLO, ROLE, TEXT, whole
from turnstream.dialects.openai_chat import Encoder
from turnstream.doctor.recording import Recording
from turnstream.doctor.rules import RULES, examine
from turnstream.events import RunEvent

IDS = [rule.id for rule in RULES]
CASES = [pytest.param(rule, recording, bytes, id=rule) for rule, cases in BAD.items() for recording, bytes in cases]


def test_each_rule_has_a_recording_that_breaks_it_and_a_name_of_its_own() -> None:
    assert sorted(BAD) == sorted(IDS)
    assert len(set(IDS)) == len(IDS)
    assert all(rule.clients for rule in RULES)


@pytest.mark.parametrize("name", GOOD)
def test_good_recordings_pass_every_rule(name: str) -> None:
    assert [(finding.rule.id, finding.what) for finding in examine([GOOD[name]])] == []


@pytest.mark.parametrize(("rule", "recording", "offending"), CASES)
def test_a_broken_recording_is_found_with_its_bytes(rule: str, recording: Recording, offending: bytes) -> None:
    found = [finding for finding in examine([recording]) if finding.rule.id == rule]
    assert found
    if offending:
        assert offending in [recording.body[finding.start : finding.end] for finding in found]


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("usage", [False, True])
def test_our_own_streams_have_no_error(name: str, usage: bool) -> None:
    encoder = Encoder("chatcmpl-1", 1, "assistant", usage=usage)
    body = b"".join(encoder.feed(batch) + encoder.heartbeat() for batch in STORIES[name]) + encoder.close()
    assert [finding.what for finding in examine([Recording(body, usage_asked=usage)])] == []


@pytest.mark.parametrize("usage", [False, True])
@given(run=runs(), sizes=st.lists(st.integers(0, 4), max_size=8))
@settings(deadline=None, max_examples=100)
def test_nor_has_the_stream_of_any_run_however_it_is_batched(
    usage: bool, run: list[RunEvent], sizes: list[int]
) -> None:
    def told(batches: list[list[RunEvent]]) -> bytes:
        encoder = Encoder("chatcmpl-1", 1, "assistant", usage=usage)
        return b"".join(map(encoder.feed, batches)) + encoder.close()

    body = told(batched(sizes, run))
    assert [finding.what for finding in examine([Recording(body, usage_asked=usage)])] == []
    assert body == told([run])


@pytest.mark.parametrize("body", [b"<html>Hello</html>", whole(), b""])
def test_what_is_no_stream_is_judged_for_that_alone(body: bytes) -> None:
    page = Recording(body, headers={"content-type": "text/html"}, usage_asked=True, whole=whole())
    assert [finding.rule.id for finding in examine([page])] == ["content-type"]


def test_what_a_cut_answer_lacks_is_not_held_against_it() -> None:
    cut = Recording(ROLE + HELLO, usage_asked=True, whole=whole(), cut="the connection broke off")
    assert [finding.rule.id for finding in examine([cut])] == ["complete"]


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=20).map(lambda cut: TEXT[:150] + cut + TEXT[150:])))
@settings(deadline=None, max_examples=300)
def test_no_body_breaks_the_rules_themselves(body: bytes) -> None:
    for finding in examine([Recording(body, usage_asked=True, whole=body), Recording(body, 500)]):
        assert 0 <= finding.start <= finding.end <= len(body)
