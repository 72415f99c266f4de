"""Keys and files that people bring from elsewhere, and what they are called here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_FLEXO = {"models_config", "tools_config", "max_streaming_iterations", "detection_mode", "use_vendor_chat_completions"}
_ORCHESTRATE = {"spec_version", "kind"}


def recognize(value: Any) -> str | None:
    """A sentence about a file that is somebody else's configuration as a whole."""
    if not isinstance(value, dict):
        return None
    if len(_FLEXO & set(value)) > 1:
        return "this is a configuration of Flexo; `turnstream import flexo FILE` translates it (docs/from-flexo.md)"
    if is_api(value):
        return "this is an OpenAPI document: an agent has it as a tool, `- openapi: {spec: FILE}` (docs/http-tools.md)"
    if set(value) >= _ORCHESTRATE:
        return (
            "this is an agent of watsonx Orchestrate: import it there with `orchestrate agents import -f FILE`. Here, "
            "llm is model, and tools are written differently (docs/orchestrate.md)"
        )
    return None


def is_api(value: Any) -> bool:
    """Whether it is an OpenAPI document, which may lie beside the agents that have it as a tool."""
    return isinstance(value, dict) and bool({"openapi", "swagger"} & set(value)) and "paths" in value


def belongs(fields: Iterable[str], where: str) -> Mapping[str, str]:
    return dict.fromkeys(fields, f"it belongs {where}")


def name_foreign(**names: str) -> Mapping[str, str]:
    """``name_foreign(max_steps="max_turns max_iterations")``: the key here, and its names elsewhere."""
    return {theirs: f"it is {ours} here" for ours, others in names.items() for theirs in others.split()}


OPTIONS = name_foreign(
    max_tokens="max_output_tokens num_predict maxTokens max_new_tokens",
    stop="stop_sequences stopSequences",
    top_p="topP",
    response_format="output_format format",
    extra="extra_body additional_params",
)
MODEL = name_foreign(
    name="model model_id model_name modelId id deployment",
    provider="vendor type",
    base_url="url api_base baseURL baseUrl endpoint address",
    api_key="key apiKey token",
    retries="max_retries maxRetries",
    timeouts="timeout request_timeout",
)
SERVER = name_foreign(
    keys="key api_key api_keys apiKeys",
    cors_origins="cors origins allowed_origins allow_origins",
    host="bind address listen",
)
AGENT = {
    **name_foreign(
        max_steps="max_iterations max_turns max_tool_calls recursion_limit max_streaming_iterations",
        instructions="prompt system system_message instruction",
        model="llm",
        description="about",
        run_timeout="timeout",
        history_limit="max_history history",
    ),
    "mcp": "it is an entry of tools: `- mcp: {command: …}`",
    "mcp_servers": "each server is an entry of tools: `- mcp: {command: …}`",
    "mcpServers": "each server is an entry of tools: `- mcp: {command: …}`",
    "agents": "an agent is a file: put several into a folder and name that",
    "allowed_origins": "it is server.cors_origins here",
}
TOOL = {
    **belongs(("command", "url", "args", "env"), "under mcp (or rest)"),
    "type": "the kind is a key of its own: `- mcp: {…}`",
    "name": "it belongs under the kind: `- rest: {name: …}`",
    "function": "it is python here: `- python: tools.py:get_weather`",
    "server": "it is mcp here",
}
MCP = name_foreign(url="endpoint server_url", start_timeout="timeout", env="environment")
REST = name_foreign(url="endpoint uri", parameters="params arguments", http_timeout="timeout")
