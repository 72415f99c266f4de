"""One file for each wire protocol of model vendors: a pure ``request`` and a sans-IO ``Decoder``.

Models are named ``provider:model``. A provider that speaks chat completions is a row of
`turnstream.providers.compatible`; one with a protocol of its own is a file here and a row of `PROTOCOLS`.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from turnstream.events import ConfigurationError, ModelOptions

if TYPE_CHECKING:
    from turnstream.models.text_mode import TextMode
    from turnstream.providers import demo
    from turnstream.providers.base import Provider, Settings
    from turnstream.providers.http import Client, HttpModel

PROTOCOLS: dict[str, str] = {
    "anthropic": "turnstream.providers.anthropic",
    "anthropic-vertex": "turnstream.providers.anthropic_vertex",
    "azure": "turnstream.providers.azure",
    "bedrock": "turnstream.providers.bedrock",
    "cohere": "turnstream.providers.cohere",
    "gemini": "turnstream.providers.gemini",
    "mistral": "turnstream.providers.mistral",
    "ollama": "turnstream.providers.ollama",
    "openai-completions": "turnstream.providers.openai_completions",
    "openai-responses": "turnstream.providers.openai_responses",
    "watsonx": "turnstream.providers.watsonx",
    "watsonx-generation": "turnstream.providers.watsonx_generation",
}
"""Provider name -> the module that speaks its protocol: a `turnstream.providers.base.Provider` that also has
``settings(given, environ) -> Settings``, which completes what was given from the environment, or raises a
`ConfigurationError` that names the missing variable. A module whose models write their tool calls as text also has
``text_format(settings)``, which names the form."""


def model(
    name: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    options: ModelOptions | None = None,
    quirks: Mapping[str, Any] | None = None,
    timeouts: Mapping[str, float] | None = None,
    retries: int = 2,
    environ: Mapping[str, str] | None = None,
    client: Client | None = None,
) -> HttpModel | demo.Model | TextMode:
    """The model with that name: ``openai:gpt-5-mini``, ``ollama:qwen3``, ``openai-compatible:name`` with ``base_url``.

    What is not given comes from ``environ``, by default the process's: the key (``OPENAI_API_KEY``, …) and, where the
    vendor has a variable for it, the address. ``timeouts`` are seconds, by the names of `base.Timeouts`; ``retries``
    is the number of tries after the first. ``client`` is a pool of connections, by default the process's.

    ``demo`` is the built-in model that needs neither key nor network. Raises `ConfigurationError`.
    """
    provider, colon, wanted = name.partition(":")
    if provider == "demo":
        from turnstream.providers import demo

        return demo.Model()
    if not colon or not wanted:
        raise ConfigurationError(f"A model is named provider:model, such as openai:gpt-5-mini; {name!r} is not.")

    from turnstream.providers import http, prices
    from turnstream.providers.base import Settings, Timeouts

    environ = http.environment() if environ is None else environ
    given = Settings(
        model=wanted,
        base_url=(base_url or "").rstrip("/"),
        api_key=api_key or None,
        headers={key.lower(): value for key, value in (headers or {}).items()},
        options=options or ModelOptions(),
        quirks=dict(quirks or {}),
    )
    speaker, settings, own_address = _reached(provider, given, environ)
    made = http.HttpModel(
        name,
        speaker,
        settings,
        client=client,
        timeouts=Timeouts(**(timeouts or {})),
        max_retries=retries,
        price=prices.price(name) if settings.base_url == own_address else None,
    )
    text_format = getattr(speaker, "text_format", None)
    if text_format is None:
        return made
    from turnstream.models.text_mode import TextMode

    return TextMode(made, text_format(settings), describe=False)


def _reached(provider: str, given: Settings, environ: Mapping[str, str]) -> tuple[Provider, Settings, str]:
    """The module that speaks to the provider, the completed settings, and the vendor's own address."""
    from turnstream.providers import compatible, openai

    if provider in compatible.VENDORS:
        return openai, compatible.settings(provider, given, environ), compatible.VENDORS[provider].base_url
    if provider not in PROTOCOLS:
        raise _unknown(provider, sorted({*compatible.VENDORS, *PROTOCOLS, "demo"}))
    module = importlib.import_module(PROTOCOLS[provider])
    settings: Settings = module.settings(given, environ)
    if hasattr(module, "key_files"):
        settings = _with_key_file(module, settings, environ)
    return cast("Provider", module), settings, str(getattr(module, "BASE_URL", settings.base_url))


def _with_key_file(module: Any, settings: Any, environ: Mapping[str, str]) -> Any:
    """The settings with the first of the key files that is there; one that the operator named must be."""
    for path, named in module.key_files(settings, environ):
        try:
            return module.with_key_file(settings, Path(path).expanduser().read_bytes())
        except FileNotFoundError:
            if named:
                raise ConfigurationError(f"The key file {path} does not exist.") from None
        except OSError as error:
            raise ConfigurationError(f"The key file {path} cannot be read: {error.strerror}.") from None
    return settings


def _unknown(provider: str, known: list[str]) -> ConfigurationError:
    near = difflib.get_close_matches(provider, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ConfigurationError(
        f"There is no model provider {provider!r}.{hint} There are: {', '.join(known)}. "
        "Any other server that speaks chat completions is openai-compatible:NAME with a base_url."
    )
