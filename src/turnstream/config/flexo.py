"""The configuration of Flexo (github.com/IBM/flexo) → ours. What has no counterpart here is told, a line each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from turnstream import errors
from turnstream.config import document, models

HEADER = """\
# Translated from a configuration of Flexo; `turnstream check --no-env` says what it would run.
# Flexo's ENABLE_API_KEY and FLEXO_API_KEY are here:  server: {keys: ["${FLEXO_API_KEY}"]}
"""
MAIN_MODEL = "main_chat_model"
_VENDORS = {"openai": "openai", "anthropic": "anthropic", "xai": "xai", "mistral-ai": "mistral"}
_READY = {"weather": "weather", "wikipedia": "wikipedia", "duckduckgo_search": "duckduckgo"}
_OPTIONS = {name: name for name in models.Options.model_fields} | {
    "max_new_tokens": "max_tokens",
    "random_seed": "seed",
}
_KNOWN = {
    "name", "description", "history_limit", "max_streaming_iterations", "timeouts", "allowed_origins", "system_prompt",
    "detection_mode", "use_vendor_chat_completions", "models_config", "mcp_config", "tools_config",
}  # fmt: skip


@dataclass(slots=True)
class Translation:
    """``text`` is an ``agent.yaml``; ``notes`` are about what is different here or is missing, with Flexo's lines."""

    text: str
    notes: list[str] = field(default_factory=list)


def translate(text: str, file: str, prompts: str = "") -> Translation:
    """``prompts`` is the text of Flexo's ``prompt_builders.yaml``. Raises `ConfigurationError` for text that is not a
    mapping in YAML.
    """
    builders = document.read(prompts.replace("${", "$${"), "prompt_builders.yaml", {}).value
    found = document.read(text.replace("${", "$${"), file, {})
    if not isinstance(found.value, dict):
        raise errors.ConfigurationError(f"{file}: expected a mapping of keys and values")
    value = {key: _plain(item) for key, item in found.value.items()}
    translator = _Translator(value, found, _mapping(_plain(builders)))
    dumped = yaml.dump(
        translator.translate(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110
    )
    return Translation(HEADER + dumped, found.problems)


class _Translator:
    def __init__(self, value: Mapping[str, Any], found: document.Document, prompts: Mapping[str, Any]) -> None:
        self.value = value
        self.prompts = prompts
        self.document = found

    def translate(self) -> dict[str, Any]:
        for key in self.value.keys() - _KNOWN:
            self._note(key, note="no counterpart here")
        timeouts = self._timeouts()
        server = {"cors_origins": origins} if (origins := self.value.get("allowed_origins")) else None
        found = {
            "name": self.value.get("name"),
            "description": self.value.get("description"),
            "model": self._model(timeouts),
            "instructions": self.value.get("system_prompt"),
            "tools": [*self._tools(), *self._mcp()] or None,
            "max_steps": self.value.get("max_streaming_iterations"),
            "history_limit": self.value.get("history_limit") or None,  # 0 is the whole of it
            "server": server,
        }
        return {key: item for key, item in found.items() if item is not None}

    def _note(self, *path: str | int, note: str) -> None:
        self.document.report(path, note)

    def _timeouts(self) -> dict[str, float]:
        given = _mapping(self.value.get("timeouts"))
        for key in given.keys() - {"model_response_timeout"}:
            self._note("timeouts", key, note="no counterpart here; tool_timeout and run_timeout bound calls and runs")
        seconds = given.get("model_response_timeout")
        return {} if seconds is None else {"first_token": seconds, "idle": seconds}

    def _model(self, timeouts: Mapping[str, float]) -> dict[str, Any]:
        models_config = _mapping(self.value.get("models_config"))
        for key in models_config.keys() - {MAIN_MODEL}:
            self._note("models_config", key, note=f"only {MAIN_MODEL} is used: an agent has one model")
        model = _mapping(models_config.get(MAIN_MODEL))
        provider = self._provider(str(model.get("vendor", "")))
        found: dict[str, Any] = {"name": f"{provider}:{model.get('model_id', '')}"}
        found |= {key: model[key] for key in ("base_url", "api_key") if key in model}
        if options := self._options(model):
            found["options"] = options
        if timeouts:
            found["timeouts"] = dict(timeouts)
        if self.value.get("detection_mode") == "manual" and provider in ("openai-compatible", "watsonx", "mistral"):
            found["tool_calls"] = self._wording(str(model["vendor"]))
        elif self.value.get("detection_mode") == "manual":
            self._note("detection_mode", note=f"{provider} reads tool calls itself; tool_calls: text reads them here")
        return found

    def _wording(self, vendor: str) -> str | dict[str, str]:
        """Flexo tells every model to write the form that Granite writes."""
        prompt = _mapping(_mapping(self.prompts.get(vendor.replace("mistral-ai", "mistralai"))).get("system_prompt"))
        parts = [str(prompt[key]) for key in ("header", "tool_instructions") if key in prompt]
        return {"format": "auto", "prompt": "\n\n".join(parts)} if "{tools}" in "".join(parts) else "text"

    def _provider(self, vendor: str) -> str:
        completions = self.value.get("use_vendor_chat_completions") is False
        if vendor.startswith("watsonx"):
            return "watsonx-generation" if completions else "watsonx"
        if vendor.startswith("openai-compat"):
            return "openai-completions" if completions else "openai-compatible"
        if completions:
            self._note("use_vendor_chat_completions", note=f"{vendor} has chat completions only")
        if vendor not in _VENDORS:
            self._note("models_config", MAIN_MODEL, "vendor", note="unknown; `turnstream models` lists providers")
        return _VENDORS.get(vendor, vendor or "openai")

    def _options(self, model: Mapping[str, Any]) -> dict[str, Any]:
        options: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for key, item in model.items():
            if key in ("vendor", "model_id", "base_url", "api_key"):
                continue
            if key in _OPTIONS:
                options[_OPTIONS[key]] = item
            elif key == "decoding_method":
                self._decoding(item, model, options)
            else:
                extra[key] = item
                self._note("models_config", MAIN_MODEL, key, note="goes to the vendor as it is (options.extra)")
        return {**options, "extra": extra} if extra else options

    def _decoding(self, method: Any, model: Mapping[str, Any], options: dict[str, Any]) -> None:
        if method == "greedy" and "temperature" not in model:
            options["temperature"] = 0
        self._note("models_config", MAIN_MODEL, "decoding_method", note="greedy is temperature: 0 here")

    def _tools(self) -> Iterator[dict[str, Any]]:
        entries = self.value.get("tools_config")
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            tool = _mapping(entry)
            name = str(tool.get("name", ""))
            if connector := _mapping(tool.get("connector_config")):
                yield from self._retrieval(index, tool, connector)
            elif name in _READY:
                yield self._ready(index, tool, _READY[name])
            else:
                self._note(
                    "tools_config", index, note=f"{name} is a Python class of yours: write a function, tools.py:{name}"
                )

    def _ready(self, index: int, tool: Mapping[str, Any], name: str) -> dict[str, Any]:
        section: dict[str, Any] = {"name": name}
        if name == "weather":
            section["api_key"] = f"${{{tool.get('api_key_env', 'OWM_API_KEY')}}}"
        for key in tool.keys() - {"name", "api_key_env", "endpoint_url"}:
            self._note("tools_config", index, key, note="no counterpart here")
        return {"ready": section}

    def _retrieval(self, index: int, tool: Mapping[str, Any], connector: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        path = ("tools_config", index, "connector_config")
        if connector.get("connector_type") != "elasticsearch":
            self._note(*path, note="not Elasticsearch: see the keys of retrieval in docs/retrieval.md")
            return
        store: dict[str, Any] = {
            "url": f"${{{connector.get('endpoint_env', 'ES_ENDPOINT')}}}",
            "index": connector.get("index_name"),
            "api_key": f"${{{connector.get('api_key_env', 'ES_API_KEY')}}}",
        }
        if "timeout" in connector:
            store["timeout"] = connector["timeout"]
        if body := connector.get("query_body"):
            store["body"] = _fill_later(body)
        section: dict[str, Any] = {"name": tool.get("name")}
        if description := tool.get("description"):
            section["description"] = description
        else:
            self._note("tools_config", index, note="say what the documents are about: retrieval.description")
        if top_k := connector.get("top_k", tool.get("top_k")):
            section["top_k"] = top_k
        for key in sorted(connector.keys() - _CONNECTOR):
            self._note(*path, key, note="no counterpart here" + _WHY.get(key, ""))
        yield {"retrieval": {**section, "elasticsearch": store}}

    def _mcp(self) -> Iterator[dict[str, Any]]:
        config = _mapping(self.value.get("mcp_config"))
        if not config:
            return
        if config.get("transport", "sse") == "stdio":
            section = {key: config[key] for key in ("command", "args", "env") if config.get(key)}
        else:
            section = {"url": config.get("sse_url", "http://localhost:8080/sse"), "transport": "sse"}
        for key in config.keys() - {"transport", "sse_url", "command", "args", "env", "sampling_enabled"}:
            self._note("mcp_config", key, note="no counterpart here")
        if config.get("sampling_enabled"):
            self._note("mcp_config", "sampling_enabled", note="sampling for the server is not supported")
        yield {"mcp": section}


_CONNECTOR = {
    "connector_type", "endpoint_env", "api_key_env", "index_name", "timeout", "query_body", "top_k",
}  # fmt: skip
_WHY = {"max_retries": ": a search is tried once", "overfetch_buffer": ": put size into the body"}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _plain(value: Any) -> Any:
    match value:
        case document.EnvText():
            return value.replace("${", "$${")  # which is not a variable of ours
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value


def _fill_later(body: Any) -> Any:
    """Flexo fills ``$USER_INPUT`` or ``${USER_INPUT}``."""
    match body:
        case str():
            return re.sub(r"\$\$\{USER_INPUT\}|\$USER_INPUT\b", "${query}", body)
        case dict():
            return {key: _fill_later(item) for key, item in body.items()}
        case list():
            return [_fill_later(item) for item in body]
        case _:
            return body


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def represent_text(self, text: str) -> yaml.Node:
        text = "\n".join(line.rstrip() for line in text.split("\n")) if "\n" in text else text
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _Dumper.represent_text)
