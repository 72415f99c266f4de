"""Vendors and servers that speak chat completions: a row each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from turnstream.events import ConfigurationError
from turnstream.providers.base import Settings


class Vendor(Struct, frozen=True):
    """``keys`` and ``urls`` are environment variables, the first that is set wins. No ``base_url``: it must be given.

    A variable between braces in ``base_url``, such as an account, is filled in from the environment.
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
    "openai-compatible": Vendor(
        "", ("OPENAI_COMPATIBLE_API_KEY",), urls=("OPENAI_COMPATIBLE_BASE_URL",), needs_key=False
    ),
    "vllm": Vendor("http://127.0.0.1:8000/v1", ("VLLM_API_KEY",), urls=("VLLM_BASE_URL",), needs_key=False),
    "sglang": Vendor("http://127.0.0.1:30000/v1", ("SGLANG_API_KEY",), urls=("SGLANG_BASE_URL",), needs_key=False),
    "ollama-openai": Vendor(
        "http://127.0.0.1:11434/v1",
        ("OLLAMA_API_KEY",),
        urls=("OLLAMA_HOST",),
        needs_key=False,
        path="/v1",
        quirks=_MAX_TOKENS,
    ),
    "llamacpp": Vendor("http://127.0.0.1:8080/v1", ("LLAMACPP_API_KEY",), urls=("LLAMACPP_BASE_URL",), needs_key=False),
    "lmstudio": Vendor("http://127.0.0.1:1234/v1", ("LMSTUDIO_API_KEY",), urls=("LMSTUDIO_BASE_URL",), needs_key=False),
    "localai": Vendor(
        "http://127.0.0.1:8080/v1",
        ("LOCALAI_API_KEY",),
        urls=("LOCALAI_BASE_URL",),
        needs_key=False,
        quirks=_MAX_TOKENS,
    ),
    "text-generation-webui": Vendor(
        "http://127.0.0.1:5000/v1",
        ("TEXT_GENERATION_WEBUI_API_KEY",),
        urls=("TEXT_GENERATION_WEBUI_BASE_URL",),
        needs_key=False,
        quirks=_MAX_TOKENS,
    ),
    "docker-model-runner": Vendor(
        "http://127.0.0.1:12434/engines/v1",
        (),
        urls=("DOCKER_MODEL_RUNNER_BASE_URL",),
        needs_key=False,
        quirks=_MAX_TOKENS,
    ),
    "gpustack": Vendor("", ("GPUSTACK_API_KEY",), urls=("GPUSTACK_BASE_URL",)),
    "litellm": Vendor("http://127.0.0.1:4000/v1", ("LITELLM_API_KEY",), urls=("LITELLM_BASE_URL",), needs_key=False),
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
    "moonshot": Vendor(
        "https://api.moonshot.ai/v1",
        ("MOONSHOT_API_KEY", "MOONSHOTAI_API_KEY"),
        urls=("MOONSHOTAI_BASE_URL",),
        quirks=_THINKS_ALOUD,
    ),
    "minimax": Vendor("https://api.minimax.io/v1", ("MINIMAX_API_KEY",), quirks={"reasoning": "reasoning_details"}),
    "zai": Vendor("https://api.z.ai/api/paas/v4", ("ZAI_API_KEY",), quirks=_THINKS_ALOUD),
    "alibaba": Vendor(
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        ("DASHSCOPE_API_KEY", "ALIBABA_API_KEY"),
        quirks=_MAX_TOKENS,
    ),
    "huggingface": Vendor("https://router.huggingface.co/v1", ("HF_TOKEN",), quirks=_MAX_TOKENS),
    "nvidia": Vendor(
        "https://integrate.api.nvidia.com/v1", ("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"), quirks=_MAX_TOKENS
    ),
    "github": Vendor("https://models.github.ai/inference", ("GITHUB_TOKEN", "GITHUB_API_KEY")),
    "github-copilot": Vendor(
        "https://api.githubcopilot.com",
        ("GITHUB_COPILOT_API_KEY", "GITHUB_COPILOT_API_TOKEN"),
        urls=("GITHUB_COPILOT_BASE_URL", "COPILOT_API_URL"),
    ),
    "vercel": Vendor("https://ai-gateway.vercel.sh/v1", ("AI_GATEWAY_API_KEY", "VERCEL_AI_GATEWAY_API_KEY")),
    "databricks": Vendor("{DATABRICKS_HOST}/serving-endpoints", ("DATABRICKS_TOKEN",), quirks=_MAX_TOKENS),
    "snowflake": Vendor("https://{SNOWFLAKE_ACCOUNT}.snowflakecomputing.com/api/v2/cortex/v1", ("SNOWFLAKE_TOKEN",)),
    "cloudflare": Vendor(
        "https://api.cloudflare.com/client/v4/accounts/{CLOUDFLARE_ACCOUNT_ID}/ai/v1",
        ("CLOUDFLARE_API_TOKEN",),
        quirks=_MAX_TOKENS,
    ),
    "bedrock-openai": Vendor(
        "https://bedrock-runtime.{AWS_REGION}.amazonaws.com/openai/v1", ("AWS_BEARER_TOKEN_BEDROCK",)
    ),
    "bedrock-mantle": Vendor("https://bedrock-mantle.{AWS_REGION}.api.aws/v1", ("AWS_BEARER_TOKEN_BEDROCK",)),
    "gemini-openai": Vendor(
        "https://generativelanguage.googleapis.com/v1beta/openai", ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    ),
    "sambanova": Vendor("https://api.sambanova.ai/v1", ("SAMBANOVA_API_KEY",), urls=("SAMBANOVA_BASE_URL",)),
    "nebius": Vendor("https://api.studio.nebius.com/v1", ("NEBIUS_API_KEY",)),
    "ovhcloud": Vendor("https://oai.endpoints.kepler.ai.cloud.ovh.net/v1", ("OVHCLOUD_API_KEY",)),
    "scaleway": Vendor("https://api.scaleway.ai/v1", ("SCW_SECRET_KEY",)),
    "heroku": Vendor(
        "https://us.inference.heroku.com/v1", ("HEROKU_INFERENCE_KEY",), urls=("HEROKU_INFERENCE_URL",), path="/v1"
    ),
    "deepinfra": Vendor("https://api.deepinfra.com/v1/openai", ("DEEPINFRA_API_KEY",), quirks=_MAX_TOKENS),
    "novita": Vendor("https://api.novita.ai/v3/openai", ("NOVITA_API_KEY",), quirks=_MAX_TOKENS),
    "hyperbolic": Vendor("https://api.hyperbolic.xyz/v1", ("HYPERBOLIC_API_KEY",), quirks=_MAX_TOKENS),
    "friendli": Vendor("https://api.friendli.ai/serverless/v1", ("FRIENDLI_TOKEN",), quirks=_MAX_TOKENS),
    "featherless": Vendor("https://api.featherless.ai/v1", ("FEATHERLESS_AI_API_KEY",), quirks=_MAX_TOKENS),
    "baseten": Vendor("https://inference.baseten.co/v1", ("BASETEN_API_KEY",), quirks=_MAX_TOKENS),
    "chutes": Vendor("https://llm.chutes.ai/v1", ("CHUTES_API_KEY",), quirks=_MAX_TOKENS),
    "crusoe": Vendor("https://api.inference.crusoecloud.com/v1", ("CRUSOE_API_KEY",), quirks=_MAX_TOKENS),
    "lambda": Vendor("https://api.lambda.ai/v1", ("LAMBDA_API_KEY",), quirks=_MAX_TOKENS),
    "wandb": Vendor("https://api.inference.wandb.ai/v1", ("WANDB_API_KEY",)),
    "inception": Vendor("https://api.inceptionlabs.ai/v1", ("INCEPTION_API_KEY",), quirks=_MAX_TOKENS),
    "ai21": Vendor("https://api.ai21.com/studio/v1", ("AI21_API_KEY",), quirks=_MAX_TOKENS),
    "writer": Vendor(
        "https://api.writer.com/v1", ("WRITER_API_KEY",), quirks={"output_limit": "max_tokens", "path": "/chat"}
    ),
    "meta": Vendor("https://api.meta.ai/v1", ("META_API_KEY",)),
    "venice": Vendor("https://api.venice.ai/api/v1", ("VENICE_API_KEY", "VENICE_AI_API_KEY")),
    "avian": Vendor("https://api.avian.io/v1", ("AVIAN_API_KEY",), quirks=_MAX_TOKENS),
    "aihubmix": Vendor("https://aihubmix.com/v1", ("AIHUBMIX_API_KEY",)),
    "modelscope": Vendor("https://api-inference.modelscope.cn/v1", ("MODELSCOPE_API_KEY",), quirks=_MAX_TOKENS),
    "volcengine": Vendor(
        "https://ark.cn-beijing.volces.com/api/v3", ("ARK_API_KEY", "VOLCENGINE_API_KEY"), quirks=_MAX_TOKENS
    ),
    "ollama-cloud": Vendor("https://ollama.com/v1", ("OLLAMA_API_KEY",), quirks=_MAX_TOKENS),
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
    found = found or _filled(provider, vendor, given, environ)
    if not found:
        where = f" or {vendor.urls[0]}" if vendor.urls else ""
        raise ConfigurationError(f"The model {provider}:{given.model} needs an address: set base_url{where}.")
    if not found.startswith(("http://", "https://")):
        raise ConfigurationError(f"The base_url of {provider}:{given.model} must begin with http:// or https://.")
    return found.rstrip("/").removesuffix("/chat/completions")


def _filled(provider: str, vendor: Vendor, given: Settings, environ: Mapping[str, str]) -> str:
    names = variables(vendor)
    if missing := [name for name in names if not environ.get(name)]:
        raise ConfigurationError(f"The model {provider}:{given.model} needs an address: set {missing[0]} or base_url.")
    made = vendor.base_url.format_map({name: environ[name].rstrip("/") for name in names})
    return f"https://{made}" if made and "://" not in made else made


def variables(vendor: Vendor) -> list[str]:
    """Those that its address is made of."""
    return re.findall(r"{(\w+)}", vendor.base_url)


def _first(names: tuple[str, ...], environ: Mapping[str, str]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")
