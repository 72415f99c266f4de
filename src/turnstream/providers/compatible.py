"""Vendors and servers that speak chat completions: a row each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from turnstream.events import ConfigurationError
from turnstream.providers.base import Settings


class Vendor(Struct, frozen=True):
    """``keys`` and ``urls`` are environment variables, the first that is set wins. No ``base_url``: it must be given.

    ``needs_key`` is False for servers that run without one. ``path`` is added to an address that the environment gave.
    """

    base_url: str = ""
    keys: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    needs_key: bool = True
    path: str = ""
    quirks: dict[str, Any] = {}


_MAX_TOKENS = {"output_limit": "max_tokens"}
_THINKS_ALOUD = {"output_limit": "max_tokens", "reasoning": "reasoning_content"}

VENDORS: dict[str, Vendor] = {
    "openai": Vendor(
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        ("OPENAI_BASE_URL",),
        quirks={"output_limit": "max_completion_tokens"},
    ),
    # servers of one's own
    "openai-compatible": Vendor("", ("OPENAI_COMPATIBLE_API_KEY",), ("OPENAI_COMPATIBLE_BASE_URL",), needs_key=False),
    "vllm": Vendor("http://127.0.0.1:8000/v1", ("VLLM_API_KEY",), ("VLLM_BASE_URL",), needs_key=False),
    "ollama-openai": Vendor(
        "http://127.0.0.1:11434/v1", ("OLLAMA_API_KEY",), ("OLLAMA_HOST",), False, "/v1", {"output_limit": "max_tokens"}
    ),
    "llamacpp": Vendor("http://127.0.0.1:8080/v1", ("LLAMACPP_API_KEY",), ("LLAMACPP_BASE_URL",), needs_key=False),
    "lmstudio": Vendor("http://127.0.0.1:1234/v1", ("LMSTUDIO_API_KEY",), ("LMSTUDIO_BASE_URL",), needs_key=False),
    "litellm": Vendor("http://127.0.0.1:4000/v1", ("LITELLM_API_KEY",), ("LITELLM_BASE_URL",), needs_key=False),
    # hosted
    "groq": Vendor("https://api.groq.com/openai/v1", ("GROQ_API_KEY",)),
    "deepseek": Vendor("https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",), quirks=_THINKS_ALOUD),
    "openrouter": Vendor(
        "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",), quirks={"reasoning": "reasoning_details"}
    ),
    "together": Vendor("https://api.together.xyz/v1", ("TOGETHER_API_KEY",), quirks=_MAX_TOKENS),
    "xai": Vendor("https://api.x.ai/v1", ("XAI_API_KEY",)),
    "fireworks": Vendor("https://api.fireworks.ai/inference/v1", ("FIREWORKS_API_KEY",), quirks=_MAX_TOKENS),
    "cerebras": Vendor("https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",)),
    "perplexity": Vendor("https://api.perplexity.ai", ("PERPLEXITY_API_KEY",), quirks=_MAX_TOKENS),
    "moonshot": Vendor("https://api.moonshot.ai/v1", ("MOONSHOT_API_KEY",), quirks=_THINKS_ALOUD),
    "minimax": Vendor("https://api.minimax.io/v1", ("MINIMAX_API_KEY",), quirks={"reasoning": "reasoning_details"}),
    "zai": Vendor("https://api.z.ai/api/paas/v4", ("ZAI_API_KEY",), quirks=_THINKS_ALOUD),
    "alibaba": Vendor(
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", ("DASHSCOPE_API_KEY",), quirks=_MAX_TOKENS
    ),
    "huggingface": Vendor("https://router.huggingface.co/v1", ("HF_TOKEN",), quirks=_MAX_TOKENS),
    "nvidia": Vendor("https://integrate.api.nvidia.com/v1", ("NVIDIA_API_KEY",), quirks=_MAX_TOKENS),
    "github": Vendor("https://models.github.ai/inference", ("GITHUB_TOKEN",)),
    "vercel": Vendor("https://ai-gateway.vercel.sh/v1", ("AI_GATEWAY_API_KEY",)),
}


def settings(provider: str, given: Settings, environ: Mapping[str, str]) -> Settings:
    """``given``, completed from the vendor's row and the environment. What is given wins, quirk by quirk.

    Raises `ConfigurationError` that names what is missing.
    """
    vendor = VENDORS[provider]
    key = (given.api_key or _first(vendor.keys, environ)).strip() or None
    headed = any(name.lower() in ("authorization", "api-key", "x-api-key") for name in given.headers)
    if key is None and vendor.needs_key and not headed:
        raise ConfigurationError(f"The model {provider}:{given.model} needs a key: set {' or '.join(vendor.keys)}.")
    return msgspec.structs.replace(
        given,
        base_url=_address(provider, vendor, given, environ),
        api_key=key,
        quirks={**vendor.quirks, **given.quirks},
    )


def _address(provider: str, vendor: Vendor, given: Settings, environ: Mapping[str, str]) -> str:
    found = given.base_url
    if not found:
        found = _first(vendor.urls, environ)
        if found and "://" not in found:  # OLLAMA_HOST is often a host alone, and 0.0.0.0 is no address to go to
            found = "http://" + found.replace("0.0.0.0", "127.0.0.1")
        if found and vendor.path and vendor.path not in found:
            found = found.rstrip("/") + vendor.path
    found = found or vendor.base_url
    if not found:
        where = f" or {vendor.urls[0]}" if vendor.urls else ""
        raise ConfigurationError(f"The model {provider}:{given.model} needs an address: set base_url{where}.")
    if not found.startswith(("http://", "https://")):
        raise ConfigurationError(f"The base_url of {provider}:{given.model} must begin with http:// or https://.")
    return found.rstrip("/").removesuffix("/chat/completions")


def _first(names: tuple[str, ...], environ: Mapping[str, str]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")
