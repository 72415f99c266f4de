"""Recorded streams of Amazon Bedrock, in AWS event-stream framing."""

from __future__ import annotations

import pytest

from tests.corpus import needs_corpus
from tests.providers.streams import Recording, check, recordings
from turnstream.events import HostedToolCall
from turnstream.providers import bedrock
from turnstream.providers.decode import invoke_stream

pytestmark = needs_corpus

CONVERSE = "bedrock.converse-stream"
HOSTED = {
    # Bedrock runs these two itself and says so (server_tool_use), which their expectations do not tell apart.
    "bedrock/converse-parallel-tools-us.amazon.nova-2-lite-v1-0": "nova_code_interpreter",
    "bedrock/converse-tool-unknown-3": "nova_grounding",
}


@pytest.mark.parametrize("recording", recordings(CONVERSE), ids=lambda recording: recording.name)
def test_a_recording_decodes_to_what_is_expected_however_it_is_cut(recording: Recording) -> None:
    expected = recording.expected
    expected["tool_calls"] = [call for call in expected["tool_calls"] if call["name"] != HOSTED.get(recording.name)]
    events = check(recording, bedrock.PROVIDER.decoder)
    hosted = [event.name for event in events if isinstance(event, HostedToolCall)]
    assert hosted == ([HOSTED[recording.name]] if recording.name in HOSTED else [])


@pytest.mark.parametrize("recording", recordings("bedrock.invoke-stream"), ids=lambda recording: recording.name)
def test_a_recording_of_an_invoked_model_decodes_too(recording: Recording) -> None:
    check(recording, invoke_stream.Decoder)


@pytest.mark.parametrize("recording", recordings(CONVERSE, streams=False), ids=lambda recording: recording.name)
def test_a_recorded_refusal_is_a_provider_error_with_the_vendors_object(recording: Recording) -> None:
    error = bedrock.PROVIDER.error(recording.status, recording.body)
    assert error.body == recording.expected["error"]
    assert error.provider_status == recording.status
