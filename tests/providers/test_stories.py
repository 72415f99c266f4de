"""The same stories, told by each vendor's bytes, are the same events. A vendor is a row of `VENDORS`."""

from __future__ import annotations

from types import ModuleType

import msgspec
import pytest

from tests.providers.stories import (
    EVENTS,
    SECOND_REQUEST,
    anthropic,
    azure,
    bedrock,
    cohere,
    gemini,
    mistral,
    ollama,
    openai_responses,
    told,
    watsonx,
)
from tests.providers.streams import decoded

VENDORS: dict[str, ModuleType] = {
    "anthropic": anthropic,
    "azure": azure,
    "bedrock": bedrock,
    "cohere": cohere,
    "gemini": gemini,
    "mistral": mistral,
    "ollama": ollama,
    "openai-responses": openai_responses,
    "watsonx": watsonx,
}
WITHOUT_CALL_IDS: set[str] = set()

vendors = pytest.mark.parametrize("vendor", VENDORS)


@vendors
@pytest.mark.parametrize("story", EVENTS)
def test_every_vendor_tells_the_same_story(vendor: str, story: str) -> None:
    events, error = decoded(VENDORS[vendor].PROVIDER.decoder(), [VENDORS[vendor].STORIES[story]])
    assert error is None
    assert told(events, ids=vendor not in WITHOUT_CALL_IDS) == EVENTS[story]


@vendors
@pytest.mark.parametrize("story", EVENTS)
def test_where_a_story_is_cut_never_matters(vendor: str, story: str) -> None:
    told_at_once = VENDORS[vendor].STORIES[story]
    whole = decoded(VENDORS[vendor].PROVIDER.decoder(), [told_at_once])
    for at in range(len(told_at_once)):
        assert decoded(VENDORS[vendor].PROVIDER.decoder(), [told_at_once[:at], told_at_once[at:]]) == whole


@vendors
def test_the_second_step_of_a_tool_round_follows_the_vendors_rules(vendor: str) -> None:
    request = VENDORS[vendor].PROVIDER.request(VENDORS[vendor].SETTINGS, SECOND_REQUEST)
    assert msgspec.json.decode(request.body) == VENDORS[vendor].SECOND_STEP


@vendors
def test_a_stream_that_stops_in_the_middle_is_an_error_and_never_a_clean_end(vendor: str) -> None:
    story = VENDORS[vendor].STORIES["two_tools"]
    for at in range(0, len(story) // 2, 7):
        events, error = decoded(VENDORS[vendor].PROVIDER.decoder(), [story[:at]])
        assert error is not None
        assert not any(type(event).__name__ == "Finish" for event in events)
