from __future__ import annotations

import msgspec
import pytest

from tests.providers.conversations import ASK, said
from turnstream.events import ConfigurationError
from turnstream.providers import anthropic, anthropic_vertex
from turnstream.providers.base import Settings

ENVIRON = {"ANTHROPIC_VERTEX_PROJECT_ID": "p", "CLOUD_ML_REGION": "us-east5"}
SONNET = Settings("claude-sonnet-4-5@20250929")


def test_claude_on_vertex_ai_is_named_in_the_address_and_not_in_the_body() -> None:
    settings = anthropic_vertex.settings(SONNET, ENVIRON)
    request = anthropic_vertex.request(msgspec.structs.replace(settings, api_key="t"), said(ASK))
    place = "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5"
    assert request.url == f"{place}/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict"
    assert request.headers["authorization"] == "Bearer t"
    body = msgspec.json.decode(request.body)
    own = msgspec.json.decode(anthropic.request(Settings(SONNET.model), said(ASK)).body)
    assert body.pop("anthropic_version") == "vertex-2023-10-16"
    assert body == {name: value for name, value in own.items() if name != "model"}


def test_a_token_is_exchanged_unless_there_is_one() -> None:
    settings = anthropic_vertex.settings(SONNET, ENVIRON)
    assert anthropic_vertex.exchange(settings, 0.0) is not None
    assert anthropic_vertex.exchange(msgspec.structs.replace(settings, api_key="t"), 0.0) is None


def test_a_key_file_is_looked_for_where_google_tools_do() -> None:
    settings = anthropic_vertex.settings(SONNET, ENVIRON)
    assert anthropic_vertex.key_files(settings, {"GOOGLE_APPLICATION_CREDENTIALS": "/k"}) == [("/k", True)]
    whole = anthropic_vertex.with_key_file(settings, b'{"type":"x"}')
    assert anthropic_vertex.key_files(whole, {}) == []


def test_a_missing_project_is_named() -> None:
    with pytest.raises(ConfigurationError, match="ANTHROPIC_VERTEX_PROJECT_ID"):
        anthropic_vertex.settings(SONNET, {})
