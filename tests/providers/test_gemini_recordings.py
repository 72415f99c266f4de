"""Recorded streams of Gemini, by API key and on Vertex AI."""

from __future__ import annotations

import pytest

from tests.corpus import needs_corpus
from tests.providers.streams import Recording, check, recordings
from turnstream.providers import gemini

pytestmark = needs_corpus

API = "gemini.streamGenerateContent"
ARGUMENTS_IN_PIECES = "gemini/parallel-tools-reasoning-gemini-3-flash-preview"


@pytest.mark.parametrize("recording", recordings(API), ids=lambda recording: recording.name)
def test_a_recording_decodes_to_what_is_expected_however_it_is_cut(recording: Recording) -> None:
    if recording.name == ARGUMENTS_IN_PIECES:
        # Its expectation was made by readers that take each piece of a call for a call of its own, without a name.
        wanted = ["read_theme", "read_screen", "read_screen", "read_screen"]
        arguments = ["{}", '{"id":"A"}', '{"id":"B"}', '{"id":"C"}']
        recording.expected["tool_calls"] = [
            {"id": None, "name": name, "arguments": text} for name, text in zip(wanted, arguments, strict=True)
        ]
    check(recording, gemini.PROVIDER.decoder)


@pytest.mark.parametrize("recording", recordings(API, streams=False), ids=lambda recording: recording.name)
def test_a_recorded_refusal_is_a_provider_error_with_the_vendors_object(recording: Recording) -> None:
    error = gemini.PROVIDER.error(recording.status, recording.body)
    assert error.body == recording.expected["error"]
    assert error.provider_status == recording.status
