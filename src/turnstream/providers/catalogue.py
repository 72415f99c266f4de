"""The providers of models, a row each: a new one is one file with a ``PROVIDER``, and one row here.

One that speaks chat completions needs no file, for there is one already: its row says where it is, which variable has
its key, and what it wants differently.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec
from msgspec import Struct

from turnstream import errors
from turnstream.providers import base

Groups = tuple[tuple[str, ...], ...]
"""Names of environment variables; of each group one must be set."""


class Row(Struct, frozen=True):
    """``speaks`` is the file of this folder whose ``PROVIDER`` speaks its protocol.

    ``keys`` and ``urls`` are environment variables, the first that is set wins. No ``base_url``: it must be given.
    A variable between braces in ``base_url``, such as an account, is filled in from the environment.
    ``needs_key`` is False for servers that run without one. ``path`` is added to an address that the environment gave.

    ``needs`` is for people who choose a provider, where its file has ``settings`` of its own that decide; for the
    others it follows from the rest. ``apis`` are the names under which recordings of its protocols can be decoded, each
    with the file that has their ``Decoder``. ``automatic`` is the model to take where nobody named one and this
    provider's key is there; the first such row of the table wins.
    """

    base_url: str = ""
    keys: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    needs_key: bool = True
    path: str = ""
    quirks: dict[str, Any] = {}
    speaks: str = "openai"
    needs: Groups | None = None
    apis: dict[str, str] = {}
    automatic: str = ""

    @property
    def provider(self) -> base.Provider:
        return cast("base.Provider", _module(self.speaks).PROVIDER)

    @property
    def requirements(self) -> Groups:
        """Of each group of variables one must be set."""
        if self.needs is not None:
            return self.needs
        groups = [self.keys] if self.needs_key else []
        groups += [(variable,) for variable in _variables(self)]
        return tuple(groups if self.base_url else [*groups, self.urls])

    def missing(self, environ: Mapping[str, str]) -> Groups:
        """The groups of which none is set."""
        return tuple(group for group in self.requirements if not any(environ.get(variable) for variable in group))


_WATSONX = (
    ("WATSONX_API_KEY", "WATSONX_APIKEY", "WATSONX_TOKEN", "WXAI_API_KEY", "WXAI_APIKEY", "WXAI_TOKEN"),
    ("WATSONX_PROJECT_ID", "WATSONX_SPACE_ID", "WXAI_PROJECT_ID", "WXAI_SPACE_ID"),
)

_MAX_TOKENS = {"output_limit": "max_tokens"}
_THINKS_ALOUD = {"output_limit": "max_tokens", "reasoning": "reasoning_content"}

PROVIDERS: dict[str, Row] = {
    # taken in this order where nobody named a model
    "openai": Row(
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        ("OPENAI_BASE_URL",),
        quirks={
            "output_limit": "max_completion_tokens",
            "late_system": True,
            "responses": True,
            "assistant_name": True,
            "most_stops": 4,
            "plain_schemas": True,
        },
        apis={"openai.chat": "decode.chat_stream"},
        automatic="gpt-5-mini",
    ),
    "anthropic": Row(
        speaks="anthropic",
        needs=(("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),),
        apis={"anthropic.messages": "decode.anthropic_stream"},
        automatic="claude-haiku-4-5",
    ),
    "gemini": Row(
        speaks="gemini",
        needs=(("GEMINI_API_KEY", "GOOGLE_API_KEY"),),
        apis={"gemini.streamGenerateContent": "decode.gemini_stream"},
        automatic="gemini-2.5-flash",
    ),
    "mistral": Row(
        speaks="mistral",
        needs=(("MISTRAL_API_KEY",),),
        apis={"mistral.chat": "mistral"},
        automatic="mistral-small-latest",
    ),
    "groq": Row(
        "https://api.groq.com/openai/v1",
        ("GROQ_API_KEY",),
        automatic="openai/gpt-oss-20b",
        quirks={"reasoning": "none", "most_stops": 4},
    ),
    "deepseek": Row(
        "https://api.deepseek.com/v1",
        ("DEEPSEEK_API_KEY",),
        quirks={**_THINKS_ALOUD, "late_system": True, "thinking_switch": True},
        automatic="deepseek-chat",
    ),
    "xai": Row("https://api.x.ai/v1", ("XAI_API_KEY",), automatic="grok-4-fast"),
    "openrouter": Row(
        "https://openrouter.ai/api/v1",
        ("OPENROUTER_API_KEY",),
        quirks={"reasoning": "reasoning_details"},
        automatic="openai/gpt-5-mini",
    ),
    "together": Row(
        "https://api.together.xyz/v1", ("TOGETHER_API_KEY",), quirks=_MAX_TOKENS, automatic="openai/gpt-oss-20b"
    ),
    # servers of one's own
    "openai-compatible": Row("", ("OPENAI_COMPATIBLE_API_KEY",), urls=("OPENAI_COMPATIBLE_BASE_URL",), needs_key=False),
    "vllm": Row(
        "http://127.0.0.1:8000/v1",
        ("VLLM_API_KEY",),
        urls=("VLLM_BASE_URL",),
        needs_key=False,
        quirks={"continues": True},
    ),
    "sglang": Row(
        "http://127.0.0.1:30000/v1",
        ("SGLANG_API_KEY",),
        urls=("SGLANG_BASE_URL",),
        needs_key=False,
        quirks={"late_system": True},
    ),
    "ollama-openai": Row(
        "http://127.0.0.1:11434/v1",
        ("OLLAMA_API_KEY",),
        urls=("OLLAMA_HOST",),
        needs_key=False,
        path="/v1",
        quirks=_MAX_TOKENS,
    ),
    "llamacpp": Row("http://127.0.0.1:8080/v1", ("LLAMACPP_API_KEY",), urls=("LLAMACPP_BASE_URL",), needs_key=False),
    "lmstudio": Row("http://127.0.0.1:1234/v1", ("LMSTUDIO_API_KEY",), urls=("LMSTUDIO_BASE_URL",), needs_key=False),
    "localai": Row(
        "http://127.0.0.1:8080/v1",
        ("LOCALAI_API_KEY",),
        urls=("LOCALAI_BASE_URL",),
        needs_key=False,
        quirks=_MAX_TOKENS,
    ),
    "text-generation-webui": Row(
        "http://127.0.0.1:5000/v1",
        ("TEXT_GENERATION_WEBUI_API_KEY",),
        urls=("TEXT_GENERATION_WEBUI_BASE_URL",),
        needs_key=False,
        quirks=_MAX_TOKENS,
    ),
    "docker-model-runner": Row(
        "http://127.0.0.1:12434/engines/v1",
        (),
        urls=("DOCKER_MODEL_RUNNER_BASE_URL",),
        needs_key=False,
        quirks=_MAX_TOKENS,
    ),
    "gpustack": Row("", ("GPUSTACK_API_KEY",), urls=("GPUSTACK_BASE_URL",)),
    "litellm": Row("http://127.0.0.1:4000/v1", ("LITELLM_API_KEY",), urls=("LITELLM_BASE_URL",), needs_key=False),
    # hosted
    "fireworks": Row("https://api.fireworks.ai/inference/v1", ("FIREWORKS_API_KEY",), quirks=_MAX_TOKENS),
    "cerebras": Row("https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",), quirks={"reasoning": "reasoning"}),
    "perplexity": Row("https://api.perplexity.ai", ("PERPLEXITY_API_KEY",), quirks={**_MAX_TOKENS, "alternate": True}),
    "moonshot": Row(
        "https://api.moonshot.ai/v1",
        ("MOONSHOT_API_KEY", "MOONSHOTAI_API_KEY"),
        urls=("MOONSHOTAI_BASE_URL",),
        quirks={**_THINKS_ALOUD, "thinking_switch": True, "temperature": (0.0, 1.0)},
    ),
    "minimax": Row(
        "https://api.minimax.io/v1",
        ("MINIMAX_API_KEY",),
        quirks={
            "reasoning": "reasoning_details",
            "body": {"reasoning_split": True},
            "temperature": (0.01, 1.0),
        },
    ),
    "zai": Row("https://api.z.ai/api/paas/v4", ("ZAI_API_KEY",), quirks={**_THINKS_ALOUD, "temperature": (0.0, 1.0)}),
    "alibaba": Row(
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        ("DASHSCOPE_API_KEY", "ALIBABA_API_KEY"),
        quirks={**_MAX_TOKENS, "thinking_switch": {"enable_thinking": False}},
    ),
    "huggingface": Row("https://router.huggingface.co/v1", ("HF_TOKEN",), quirks=_MAX_TOKENS),
    "nvidia": Row("https://integrate.api.nvidia.com/v1", ("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"), quirks=_MAX_TOKENS),
    "github": Row("https://models.github.ai/inference", ("GITHUB_TOKEN", "GITHUB_API_KEY")),
    "github-copilot": Row(
        "https://api.githubcopilot.com",
        ("GITHUB_COPILOT_API_KEY", "GITHUB_COPILOT_API_TOKEN"),
        urls=("GITHUB_COPILOT_BASE_URL", "COPILOT_API_URL"),
    ),
    "vercel": Row("https://ai-gateway.vercel.sh/v1", ("AI_GATEWAY_API_KEY", "VERCEL_AI_GATEWAY_API_KEY")),
    "databricks": Row("{DATABRICKS_HOST}/serving-endpoints", ("DATABRICKS_TOKEN",), quirks=_MAX_TOKENS),
    "snowflake": Row("https://{SNOWFLAKE_ACCOUNT}.snowflakecomputing.com/api/v2/cortex/v1", ("SNOWFLAKE_TOKEN",)),
    "cloudflare": Row(
        "https://api.cloudflare.com/client/v4/accounts/{CLOUDFLARE_ACCOUNT_ID}/ai/v1",
        ("CLOUDFLARE_API_TOKEN",),
        quirks={**_MAX_TOKENS, "empty_content": True},
    ),
    "bedrock-openai": Row(
        "https://bedrock-runtime.{AWS_REGION}.amazonaws.com/openai/v1", ("AWS_BEARER_TOKEN_BEDROCK",)
    ),
    "bedrock-mantle": Row("https://bedrock-mantle.{AWS_REGION}.api.aws/v1", ("AWS_BEARER_TOKEN_BEDROCK",)),
    "gemini-openai": Row(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        quirks={"thought_signatures": True},
    ),
    "sambanova": Row("https://api.sambanova.ai/v1", ("SAMBANOVA_API_KEY",), urls=("SAMBANOVA_BASE_URL",)),
    "nebius": Row("https://api.studio.nebius.com/v1", ("NEBIUS_API_KEY",)),
    "ovhcloud": Row("https://oai.endpoints.kepler.ai.cloud.ovh.net/v1", ("OVHCLOUD_API_KEY",)),
    "scaleway": Row("https://api.scaleway.ai/v1", ("SCW_SECRET_KEY",)),
    "heroku": Row(
        "https://us.inference.heroku.com/v1", ("HEROKU_INFERENCE_KEY",), urls=("HEROKU_INFERENCE_URL",), path="/v1"
    ),
    "deepinfra": Row("https://api.deepinfra.com/v1/openai", ("DEEPINFRA_API_KEY",), quirks=_MAX_TOKENS),
    "novita": Row("https://api.novita.ai/v3/openai", ("NOVITA_API_KEY",), quirks=_MAX_TOKENS),
    "hyperbolic": Row("https://api.hyperbolic.xyz/v1", ("HYPERBOLIC_API_KEY",), quirks=_MAX_TOKENS),
    "friendli": Row("https://api.friendli.ai/serverless/v1", ("FRIENDLI_TOKEN",), quirks=_MAX_TOKENS),
    "featherless": Row("https://api.featherless.ai/v1", ("FEATHERLESS_AI_API_KEY",), quirks=_MAX_TOKENS),
    "baseten": Row("https://inference.baseten.co/v1", ("BASETEN_API_KEY",), quirks=_MAX_TOKENS),
    "chutes": Row("https://llm.chutes.ai/v1", ("CHUTES_API_KEY",), quirks=_MAX_TOKENS),
    "crusoe": Row("https://api.inference.crusoecloud.com/v1", ("CRUSOE_API_KEY",), quirks=_MAX_TOKENS),
    "lambda": Row("https://api.lambda.ai/v1", ("LAMBDA_API_KEY",), quirks=_MAX_TOKENS),
    "wandb": Row("https://api.inference.wandb.ai/v1", ("WANDB_API_KEY",)),
    "inception": Row("https://api.inceptionlabs.ai/v1", ("INCEPTION_API_KEY",), quirks=_MAX_TOKENS),
    "ai21": Row("https://api.ai21.com/studio/v1", ("AI21_API_KEY",), quirks=_MAX_TOKENS),
    "writer": Row(
        "https://api.writer.com/v1", ("WRITER_API_KEY",), quirks={"output_limit": "max_tokens", "path": "/chat"}
    ),
    "meta": Row("https://api.meta.ai/v1", ("META_API_KEY",)),
    "venice": Row("https://api.venice.ai/api/v1", ("VENICE_API_KEY", "VENICE_AI_API_KEY")),
    "avian": Row("https://api.avian.io/v1", ("AVIAN_API_KEY",), quirks=_MAX_TOKENS),
    "aihubmix": Row("https://aihubmix.com/v1", ("AIHUBMIX_API_KEY",)),
    "modelscope": Row("https://api-inference.modelscope.cn/v1", ("MODELSCOPE_API_KEY",), quirks=_MAX_TOKENS),
    "volcengine": Row(
        "https://ark.cn-beijing.volces.com/api/v3", ("ARK_API_KEY", "VOLCENGINE_API_KEY"), quirks=_MAX_TOKENS
    ),
    "ollama-cloud": Row("https://ollama.com/v1", ("OLLAMA_API_KEY",), quirks=_MAX_TOKENS),
    "anthropic-vertex": Row(
        speaks="anthropic_vertex", needs=(("ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT"),)
    ),
    "azure": Row(
        speaks="azure",
        needs=(
            ("AZURE_OPENAI_API_KEY", "AZURE_AI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "AZURE_CLIENT_SECRET"),
            ("AZURE_OPENAI_ENDPOINT", "AZURE_AI_ENDPOINT"),
        ),
    ),
    "bedrock": Row(
        speaks="bedrock",
        needs=(("AWS_REGION", "AWS_DEFAULT_REGION"),),  # and credentials, which the machine itself may have
        apis={"bedrock.converse-stream": "decode.converse_stream", "bedrock.invoke-stream": "decode.invoke_stream"},
    ),
    "cohere": Row(
        speaks="cohere", needs=(("COHERE_API_KEY", "CO_API_KEY"),), apis={"cohere.v2.chat": "decode.cohere_stream"}
    ),
    "ollama": Row(
        speaks="ollama",
        needs=(),
        apis={"ollama.chat": "decode.ollama_stream", "ollama.generate": "decode.ollama_stream"},
    ),
    "openai-completions": Row(
        speaks="openai_completions",
        keys=("OPENAI_COMPATIBLE_API_KEY",),
        urls=("OPENAI_COMPATIBLE_BASE_URL",),
        needs_key=False,
        apis={"openai.completions": "openai_completions"},
    ),
    "openai-responses": Row(
        speaks="openai_responses",
        needs=(("OPENAI_API_KEY",),),
        apis={"openai.responses": "decode.responses_stream"},
    ),
    "watsonx": Row(speaks="watsonx", needs=_WATSONX, apis={"watsonx.chat_stream": "watsonx"}),
    "watsonx-generation": Row(
        speaks="watsonx_generation", needs=_WATSONX, apis={"watsonx.generation_stream": "watsonx_generation"}
    ),
    # built in, and no vendor of anybody's: `turnstream.providers.model` makes it
    "demo": Row(speaks="demo", needs=()),
}


def apis() -> dict[str, str]:
    """The wire protocols that recordings may be in, each with the name of its provider."""
    return {api: name for name, row in PROVIDERS.items() for api in row.apis}


def decoder(api: str) -> base.Decoder:
    """A fresh decoder for a wire protocol. Raises `ConfigurationError` for a name that is unknown."""
    known = apis()
    if api not in known:
        raise errors.ConfigurationError(f"Unknown api {api!r}; expected one of {', '.join(sorted(known))}.")
    return cast("base.Decoder", _module(PROVIDERS[known[api]].apis[api]).Decoder())


def _module(file: str) -> Any:
    return importlib.import_module(f"turnstream.providers.{file}")


def complete(provider: str, given: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """``given``, completed from the provider's row and the environment. What is given wins, quirk by quirk.

    Raises `ConfigurationError` that names what is missing.
    """
    row = PROVIDERS[provider]
    key = (given.api_key or _first(row.keys, environ)).strip() or None
    headed = any(name.lower() in ("authorization", "api-key", "x-api-key") for name in given.headers)
    if key is None and row.needs_key and not headed:
        raise errors.ConfigurationError(f"The model {provider}:{given.model} needs a key: set {' or '.join(row.keys)}.")
    return msgspec.structs.replace(
        given,
        base_url=_address(provider, row, given, environ),
        api_key=key,
        quirks={**row.quirks, **given.quirks},
    )


def _address(provider: str, row: Row, given: base.Settings, environ: Mapping[str, str]) -> str:
    found = given.base_url
    if not found:
        found = _first(row.urls, environ)
        if found and "://" not in found:  # OLLAMA_HOST is often a host alone, and 0.0.0.0 is no address to go to
            found = "http://" + found.replace("0.0.0.0", "127.0.0.1")
        if found and row.path and row.path not in found:
            found = found.rstrip("/") + row.path
    found = found or _fill_address(provider, row, given, environ)
    if not found:
        where = f" or {row.urls[0]}" if row.urls else ""
        raise errors.ConfigurationError(f"The model {provider}:{given.model} needs an address: set base_url{where}.")
    if not found.startswith(("http://", "https://")):
        raise errors.ConfigurationError(
            f"The base_url of {provider}:{given.model} must begin with http:// or https://."
        )
    return found.rstrip("/").removesuffix("/chat/completions")


def _fill_address(provider: str, row: Row, given: base.Settings, environ: Mapping[str, str]) -> str:
    names = _variables(row)
    if missing := [name for name in names if not environ.get(name)]:
        raise errors.ConfigurationError(
            f"The model {provider}:{given.model} needs an address: set {missing[0]} or base_url."
        )
    result = row.base_url.format_map({name: environ[name].rstrip("/") for name in names})
    return f"https://{result}" if result and "://" not in result else result


def _variables(row: Row) -> list[str]:
    """Those that its address is made of."""
    return re.findall(r"{(\w+)}", row.base_url)


def _first(names: tuple[str, ...], environ: Mapping[str, str]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")
