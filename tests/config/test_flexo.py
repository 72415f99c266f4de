"""Configurations of Flexo, translated: each result is a good one of ours. Its shipped file is read where it is."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from turnstream.config import flexo, load
from turnstream.service import Service

REPOSITORY = Path(os.environ.get("FLEXO_REPOSITORY") or Path(__file__).resolve().parents[3] / "flexo")


def translate(text: str, folder: Path) -> tuple[dict[str, Any], Service, list[str]]:
    translation = flexo.translate(text, "agent.yaml")
    (folder / "agent.yaml").write_text(translation.text)
    return yaml.safe_load(translation.text), load(folder / "agent.yaml", {}, skipped=[]), translation.notes


def model(lines: str, more: str = "") -> str:
    body = "\n".join(f"    {line}" for line in lines.splitlines())
    return f"name: a\nmodels_config:\n  main_chat_model:\n{body}\n{more}"


@pytest.mark.parametrize(
    ("lines", "more", "name", "rest"),
    [
        ("vendor: openai\nmodel_id: gpt-4o-mini\nmax_tokens: 400", "", "openai:gpt-4o-mini", {"max_tokens": 400}),
        ("vendor: anthropic\nmodel_id: c\ntop_k: 5", "", "anthropic:c", {"extra": {"top_k": 5}}),
        ("vendor: mistral-ai\nmodel_id: mistral-large-latest", "", "mistral:mistral-large-latest", None),
        ("vendor: xai\nmodel_id: grok", "", "xai:grok", None),
        (
            "vendor: watsonx-granite\nmodel_id: ibm/granite\ndecoding_method: greedy\nmax_new_tokens: 40",
            "",
            "watsonx:ibm/granite",
            {"temperature": 0, "max_tokens": 40},
        ),
        (
            "vendor: watsonx-llama\nmodel_id: meta-llama/llama-3-405b-instruct",
            "use_vendor_chat_completions: false",
            "watsonx-generation:meta-llama/llama-3-405b-instruct",
            None,
        ),
        ("vendor: openai-compat-llama\nmodel_id: m\nbase_url: http://h/v1", "", "openai-compatible:m", None),
    ],
)
def test_a_vendor_becomes_a_provider(tmp_path: Path, lines: str, more: str, name: str, rest: Any) -> None:
    found, service, _ = translate(model(lines, more), tmp_path)
    assert found["model"]["name"] == name
    assert found["model"].get("options") == rest
    assert service.agents["a"].model.name == name


def test_manual_detection_reads_calls_from_the_text(tmp_path: Path) -> None:
    lines = "vendor: openai-compat-granite\nmodel_id: granite31\nbase_url: http://h/v1\napi_key: k"
    found, _, notes = translate(model(lines, "detection_mode: manual"), tmp_path)
    assert (found["model"]["tool_calls"], found["model"]["api_key"], notes) == ("text", "k", [])


def test_limits_prompt_and_origins_have_their_places(tmp_path: Path) -> None:
    more = (
        "history_limit: 3\nmax_streaming_iterations: 4\ntimeouts: {model_response_timeout: 60}\n"
        "allowed_origins: ['http://localhost:8080']\nsystem_prompt: |\n  Be brief, and spend ${MONEY}.\n  Be kind.\n"
    )
    found, service, notes = translate(model("vendor: openai\nmodel_id: m", more), tmp_path)
    agent = service.agents["a"]
    assert (agent.max_steps, agent.history_limit) == (4, 3)
    assert agent.instructions == "Be brief, and spend ${MONEY}.\nBe kind.\n"
    assert found["model"]["timeouts"] == {"first_token": 60, "idle": 60}
    assert (service.settings.cors_origins, notes) == (("http://localhost:8080",), [])


def test_tools_and_servers_have_their_kinds(tmp_path: Path) -> None:
    more = """
mcp_config: {transport: stdio, command: python, args: [weather.py], sampling_enabled: false}
tools_config:
  - {name: weather, endpoint_url: "https://x", api_key_env: OWM_API_KEY}
  - {name: duckduckgo_search}
  - name: handbook
    connector_config:
      connector_type: elasticsearch
      index_name: my_index
      api_key_env: ES_API_KEY
      endpoint_env: ES_ENDPOINT
      top_k: 5
      max_retries: 3
      query_body: {query: {match: {text: {query: "$USER_INPUT"}}}, text: "${USER_INPUT}, ${OTHER}"}
  - {name: my_own_tool}
  - {name: vectors, connector_config: {connector_type: milvus}}
"""
    found, _, notes = translate(model("vendor: openai\nmodel_id: m", more), tmp_path)
    assert found["tools"][0] == {"ready": {"name": "weather", "api_key": "${OWM_API_KEY}"}}
    assert found["tools"][2]["retrieval"]["elasticsearch"] == {
        "url": "${ES_ENDPOINT}",
        "index": "my_index",
        "api_key": "${ES_API_KEY}",
        "body": {"query": {"match": {"text": {"query": "${query}"}}}, "text": "${query}, $${OTHER}"},
    }
    assert found["tools"][3] == {"mcp": {"command": "python", "args": ["weather.py"]}}
    assert [note.split(": ", 1)[1] for note in notes] == [
        "tools_config[2]: say what the documents are about: retrieval.description",
        "tools_config[2].connector_config.max_retries: no counterpart here: a search is tried once",
        "tools_config[3]: my_own_tool is a Python class of yours: write a function, tools.py:my_own_tool",
        "tools_config[4].connector_config: not Elasticsearch: see the keys of retrieval in docs/retrieval.md",
    ]


def test_every_key_without_a_counterpart_is_told_with_its_line(tmp_path: Path) -> None:
    more = "logging_level: DEBUG\nmcp_config: {sse_url: 'http://h/sse', extra: 1, sampling_enabled: true}"
    found, _, notes = translate(model("vendor: openai\nmodel_id: m", more), tmp_path)
    assert found["tools"] == [{"mcp": {"url": "http://h/sse", "transport": "sse"}}]
    assert [note.split(": ")[:2] for note in notes] == [
        ["agent.yaml:6", "logging_level"],
        ["agent.yaml:7", "mcp_config.extra"],
        ["agent.yaml:7", "mcp_config.sampling_enabled"],
    ]


@pytest.mark.skipif(not REPOSITORY.is_dir(), reason="no checkout of Flexo beside this one; FLEXO_REPOSITORY names one")
def test_the_configuration_that_flexo_ships_is_translated_whole(tmp_path: Path) -> None:
    text = (REPOSITORY / "src" / "configs" / "agent.yaml").read_text("utf-8")
    _, service, notes = translate(text, tmp_path)
    assert len(service.agents["flexo"].toolboxes) == 3
    assert notes == []


VARIANTS = ("WatsonX", "Anthropic", "xAI", "Mistral AI", "vLLM", "ollama")


@pytest.mark.skipif(not REPOSITORY.is_dir(), reason="no checkout of Flexo beside this one; FLEXO_REPOSITORY names one")
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_variants_that_flexo_ships_as_comments_are_translated(tmp_path: Path, variant: str) -> None:
    text = (REPOSITORY / "src" / "configs" / "agent.yaml").read_text("utf-8")
    _, _, rest = text.partition("  main_chat_model:\n")
    block = next(
        part
        for part in re.split(r"^ *#+ *(?:Alternative )?(?=\w+(?: AI)? Configuration)", rest, flags=re.M)
        if part.startswith(variant)
    )
    keys = re.findall(r"^#? *(\w+): *([^#\n]+)", block.partition("\n")[2].partition("\n\n")[0], re.M)
    lines = "\n".join(f"{key}: {value}" for key, value in keys)
    assert "vendor" in lines
    _, service, notes = translate(model(lines), tmp_path)
    assert service.agents
    assert all("decoding_method" in note for note in notes)


def test_the_wording_of_prompts_is_kept(tmp_path: Path) -> None:
    wording = {"header": "Tools: {tools}. Date: {date}", "tool_instructions": "Write {}."}
    prompts = yaml.safe_dump({"openai-compat-llama": {"system_prompt": wording}})
    text = model("vendor: openai-compat-llama\nmodel_id: m\nbase_url: http://h/v1", "detection_mode: manual")
    translation = flexo.translate(text, "agent.yaml", prompts)
    (tmp_path / "agent.yaml").write_text(translation.text)
    expected = {"format": "auto", "prompt": "Tools: {tools}. Date: {date}\n\nWrite {}."}
    assert yaml.safe_load(translation.text)["model"]["tool_calls"] == expected
    assert load(tmp_path / "agent.yaml", {}, skipped=[]).agents
