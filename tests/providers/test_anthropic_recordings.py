"""Recorded Messages streams of Anthropic and of others who speak its protocol."""

from __future__ import annotations

import pytest

from tests.corpus import needs_corpus
from tests.providers.streams import Recording, check, recordings
from turnstream.providers import anthropic

pytestmark = needs_corpus

API = "anthropic.messages"


@pytest.mark.parametrize("recording", recordings(API), ids=lambda recording: recording.name)
def test_a_recording_decodes_to_what_is_expected_however_it_is_cut(recording: Recording) -> None:
    check(recording, anthropic.PROVIDER.decoder)


@pytest.mark.parametrize("recording", recordings(API, streams=False), ids=lambda recording: recording.name)
def test_a_recorded_refusal_is_a_provider_error_with_the_vendors_object(recording: Recording) -> None:
    error = anthropic.PROVIDER.error(recording.status, recording.body)
    assert error.body == recording.expected["error"]
    assert error.provider_status == recording.status
