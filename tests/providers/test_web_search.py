"""The search of the web that a model's vendor runs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.providers.conversations import ASK, tooled
from turnstream import providers
from turnstream.events import ConfigurationError, ModelRequest
from turnstream.providers.transport.http import HttpModel
from turnstream.toolspec import ToolSpec

ANTHROPIC = {"type": "web_search_20250305", "name": "web_search"}


def asked(name: str, request: ModelRequest, **more: Any) -> tuple[dict[str, Any], str]:
    model = providers.model(name, environ={}, api_key="k", web_search=True, **more)
    assert isinstance(model, HttpModel)
    made = model.provider.request(model.settings, request)
    return msgspec.json.decode(made.body), " ".join(made.notes)


@pytest.mark.parametrize(
    ("name", "tool"),
    [
        ("openai-responses:gpt-5-mini", {"type": "web_search"}),
        ("anthropic:claude-sonnet-4-5", ANTHROPIC),
        ("gemini:gemini-3-flash", {"googleSearch": {}}),
    ],
)
def test_the_search_stands_alone_and_after_the_agents_tools(name: str, tool: dict[str, Any]) -> None:
    (alone,) = asked(name, ModelRequest((ASK,)))[0]["tools"]
    assert alone.items() >= tool.items()
    body, notes = asked(name, tooled(ASK))
    assert len(body["tools"]) > 1
    assert body["tools"][-1].items() >= tool.items()
    assert not notes


def test_gemini_is_told_that_its_tools_and_ours_go_together() -> None:
    assert asked("gemini:gemini-3-flash", tooled(ASK))[0]["toolConfig"]["includeServerSideToolInvocations"] is True


@pytest.mark.parametrize(
    ("name", "quirks"), [("gemini:gemini-2.5-flash", {}), ("gemini:gemini-3-flash", {"project": "p"})]
)
def test_what_cannot_search_beside_tools_keeps_the_tools(name: str, quirks: dict[str, Any]) -> None:
    body, notes = asked(name, tooled(ASK), quirks=quirks)
    assert [list(tool) for tool in body["tools"]] == [["functionDeclarations"]]
    assert "web search is left out" in notes


def test_a_tool_of_the_searchs_name_goes_before_anthropics() -> None:
    own = ModelRequest((ASK,), (ToolSpec("web_search", "Ours.", {"type": "object"}),))
    body, notes = asked("anthropic:claude-sonnet-4-5", own)
    assert [tool.get("description") for tool in body["tools"]] == ["Ours."]
    assert "a tool of yours has its name" in notes


def test_one_request_leaves_no_mark_in_the_next() -> None:
    asked("anthropic:claude-sonnet-4-5", ModelRequest((ASK,)))
    body, _ = asked("anthropic:claude-sonnet-4-5", ModelRequest((ASK,)), quirks={"prompt_cache": False})
    assert body["tools"] == [ANTHROPIC]


@pytest.mark.parametrize("name", ["openai:gpt-5-mini", "demo:rules", "ollama:qwen3"])
def test_a_provider_without_a_search_is_told_at_once(name: str) -> None:
    with pytest.raises(ConfigurationError, match="offers no search of its own"):
        providers.model(name, environ={}, api_key="k", web_search=True)
