"""What each provider needs of the environment, for people who choose one. The ``settings`` of a provider decide."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from turnstream.providers.compatible import VENDORS, variables

_WATSONX = (
    ("WATSONX_API_KEY", "WATSONX_APIKEY", "WATSONX_TOKEN", "WXAI_API_KEY", "WXAI_APIKEY", "WXAI_TOKEN"),
    ("WATSONX_PROJECT_ID", "WATSONX_SPACE_ID", "WXAI_PROJECT_ID", "WXAI_SPACE_ID"),
)

OF_PROTOCOLS: dict[str, tuple[tuple[str, ...], ...]] = {
    "anthropic": (("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),),
    "anthropic-vertex": (("ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT"),),
    "azure": (
        ("AZURE_OPENAI_API_KEY", "AZURE_AI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "AZURE_CLIENT_SECRET"),
        ("AZURE_OPENAI_ENDPOINT", "AZURE_AI_ENDPOINT"),
    ),
    "bedrock": (("AWS_REGION", "AWS_DEFAULT_REGION"),),  # and credentials, which the machine itself may have
    "cohere": (("COHERE_API_KEY", "CO_API_KEY"),),
    "gemini": (("GEMINI_API_KEY", "GOOGLE_API_KEY"),),
    "mistral": (("MISTRAL_API_KEY",),),
    "ollama": (),
    "openai-completions": (("OPENAI_COMPATIBLE_BASE_URL",),),
    "openai-responses": (("OPENAI_API_KEY",),),
    "watsonx": _WATSONX,
    "watsonx-generation": _WATSONX,
}
"""Of each group of variables one must be set."""


class Provider(Struct, frozen=True):
    """``missing`` are the groups of variables of which none is set."""

    name: str
    needs: tuple[tuple[str, ...], ...]
    missing: tuple[tuple[str, ...], ...]


def listed(environ: Mapping[str, str]) -> list[Provider]:
    """All providers, by name."""
    found = {"demo": (), **{name: _of_vendor(name) for name in VENDORS}, **OF_PROTOCOLS}
    return [_provider(name, needs, environ) for name, needs in sorted(found.items())]


def _provider(name: str, needs: tuple[tuple[str, ...], ...], environ: Mapping[str, str]) -> Provider:
    missing = tuple(group for group in needs if not any(environ.get(variable) for variable in group))
    return Provider(name, needs, missing)


def _of_vendor(name: str) -> tuple[tuple[str, ...], ...]:
    vendor = VENDORS[name]
    groups = [vendor.keys] if vendor.needs_key else []
    groups += [(variable,) for variable in variables(vendor)]
    if not vendor.base_url:
        groups.append(vendor.urls)
    return tuple(groups)
