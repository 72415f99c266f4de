"""One file for each wire protocol of model vendors, and a row of `turnstream.providers.catalogue` for each provider.

Models are named ``provider:model``. A provider file is a pure ``request`` and a ``PROVIDER`` that says how to use it;
answers are read in `decode`, bodies made in `encode`, tokens in `access`, and `transport` has all the I/O.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnstream import errors, requests, text

if TYPE_CHECKING:
    from turnstream.models.text_mode import TextMode
    from turnstream.providers import base, catalogue, demo
    from turnstream.providers.transport.connections import Client
    from turnstream.providers.transport.http import HttpModel


def model(
    name: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    options: requests.ModelOptions | None = None,
    quirks: Mapping[str, Any] | None = None,
    timeouts: Mapping[str, float] | None = None,
    retries: int = 2,
    web_search: bool = False,
    environ: Mapping[str, str] | None = None,
    client: Client | None = None,
) -> HttpModel | demo.Model | TextMode:
    """The model with that name: ``openai:gpt-5-mini``, ``ollama:qwen3``, ``openai-compatible:name`` with ``base_url``.

    What is not given comes from ``environ``, by default the process's: the key (``OPENAI_API_KEY``, …) and, where the
    vendor has a variable for it, the address. ``timeouts`` are seconds, by the names of `base.Timeouts`, with longer
    defaults for models that think in silence; ``retries`` is the number of tries after the first. With
    ``web_search`` the model may use the vendor's own search. ``client`` is a pool of connections, by default the
    process's.

    ``demo`` is the built-in model that needs neither key nor network. Raises `ConfigurationError`.
    """
    provider, colon, wanted = name.partition(":")
    if provider == "demo":
        from turnstream.providers import demo

        if web_search:
            raise _no_search(provider)
        return demo.Model()
    if not colon or not wanted:
        raise errors.ConfigurationError(f"A model is named provider:model, such as openai:gpt-5-mini; {name!r} is not.")

    from turnstream.providers import base
    from turnstream.providers.transport import connections

    environ = connections.environment() if environ is None else environ
    given = base.Settings(
        model=wanted,
        base_url=(base_url or "").rstrip("/"),
        api_key=api_key or None,
        headers={key.lower(): value for key, value in (headers or {}).items()},
        options=options or requests.ModelOptions(),
        quirks=dict(quirks or {}),
        web_search=web_search,
    )
    return _model(provider, given, environ, client, timeouts or {}, retries)


def _model(
    provider: str,
    given: base.Settings,
    environ: Mapping[str, str],
    client: Client | None,
    timeouts: Mapping[str, float],
    retries: int,
) -> HttpModel | TextMode:
    """The model of a row of the catalogue, with what is ``given`` and, for the rest, what the environment has."""
    from turnstream.providers import base, catalogue
    from turnstream.providers.encode import model_rules
    from turnstream.providers.transport import http

    row = _row(provider)
    speaker = row.provider
    if given.web_search and not speaker.web_search:
        raise _no_search(provider)
    complete = speaker.settings or functools.partial(catalogue.complete, provider)
    settings = _with_key_file(speaker, complete(given, environ), environ)
    own_address = row.base_url or speaker.base_url or settings.base_url
    http_model = http.HttpModel(
        f"{provider}:{given.model}",
        speaker,
        settings,
        client=client,
        timeouts=base.Timeouts(**{**model_rules.patience(given.model), **timeouts}),
        max_retries=retries,
        priced=settings.base_url == own_address,
    )
    if speaker.text_format is None:
        return http_model
    from turnstream.models.text_mode import TextMode

    return TextMode(http_model, speaker.text_format(settings), describe=False)


def _row(provider: str) -> catalogue.Row:
    from turnstream.providers import catalogue

    if (row := catalogue.PROVIDERS.get(provider)) is not None:
        return row
    near = text.find_near(provider, catalogue.PROVIDERS)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise errors.ConfigurationError(
        f"Unknown model provider {provider!r}.{hint} `turnstream models` lists all {len(catalogue.PROVIDERS)}. "
        "Any other server that speaks chat completions is openai-compatible:NAME with a base_url."
    )


def _no_search(provider: str) -> errors.ConfigurationError:
    return errors.ConfigurationError(
        f"web_search: {provider} offers no search of its own here; openai-responses, anthropic, anthropic-vertex and "
        "gemini do. Any model can use the tool `ready: {name: web_search, service: …}`."
    )


def _with_key_file(provider: base.Provider, settings: base.Settings, environ: Mapping[str, str]) -> base.Settings:
    """The settings with the first of the key files that is there; one that the operator named must be."""
    if provider.key_files is None or provider.with_key_file is None:
        return settings
    for path, named in provider.key_files(settings, environ):
        try:
            return provider.with_key_file(settings, Path(path).expanduser().read_bytes())
        except FileNotFoundError:
            if named:
                raise errors.ConfigurationError(f"The key file {path} does not exist.") from None
        except OSError as error:
            raise errors.ConfigurationError(f"The key file {path} cannot be read: {error.strerror}.") from None
    return settings
