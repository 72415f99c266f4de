"""What ``turnstream decode`` prints of recordings in AWS framing, where it is more than the decoder's events."""

from __future__ import annotations

import json

import pytest

from tests.corpus import needs_corpus
from tests.providers.streams import Recording, recordings
from turnstream.cli.recordings import decode

pytestmark = needs_corpus

CONVERSE = "bedrock.converse-stream"


@pytest.mark.parametrize("recording", recordings(CONVERSE), ids=lambda recording: recording.name)
def test_the_calls_that_bedrock_runs_itself_stand_among_the_others(recording: Recording) -> None:
    printed = decode(CONVERSE, recording.name, recording.body, cut=7)["tool_calls"]
    given = [(call["id"], call["name"], json.loads(call["arguments"])) for call in printed]
    wanted = [(c["id"], c["name"], json.loads(c["arguments"])) for c in recording.expected["tool_calls"]]
    assert given == wanted


@pytest.mark.parametrize("recording", recordings(CONVERSE, streams=False), ids=lambda recording: recording.name)
def test_a_refusal_is_printed_as_the_vendors_object(recording: Recording) -> None:
    assert decode(CONVERSE, recording.name, recording.body)["error"] == recording.expected["error"]
