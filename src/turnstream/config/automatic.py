"""The model to use when nobody named one: the first key in the environment, else Ollama, else the demo model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from turnstream import jsontext
from turnstream.providers import catalogue

KEYS = tuple(
    (row.requirements[0][0], f"{name}:{row.automatic}") for name, row in catalogue.PROVIDERS.items() if row.automatic
)
"""The variables that are looked at, in this order, and the model that each stands for."""

DEMO = "demo"
OLLAMA = "127.0.0.1:11434"
PROBE_SECONDS = 0.3


class Choice(NamedTuple):
    """``model`` and ``base_url`` are for `turnstream.providers.model`; ``reason`` says in words why it is this one."""

    model: str
    base_url: str | None
    reason: str


def ollama_models(base_url: str) -> list[str] | None:
    """The models that an Ollama server has pulled, None if it does not answer at once."""
    from urllib.error import URLError
    from urllib.request import ProxyHandler, build_opener

    try:
        with build_opener(ProxyHandler({})).open(f"{base_url}/api/tags", timeout=PROBE_SECONDS) as answer:
            listed: Any = jsontext.decode_leniently(answer.read(4 * 1024 * 1024))
            return [str(model["name"]) for model in listed["models"]]
    except (URLError, OSError, ValueError, LookupError, TypeError):
        return None


Probe = Callable[[str], "list[str] | None"]


def choose(environ: Mapping[str, str], probe: Probe = ollama_models) -> Choice:
    """``TURNSTREAM_MODEL`` names one outright; `KEYS` are next, then Ollama (``OLLAMA_HOST``), then the demo model."""
    if named := environ.get("TURNSTREAM_MODEL"):
        return Choice(named, None, "TURNSTREAM_MODEL names it")
    for variable, model in KEYS:
        if environ.get(variable):
            return Choice(model, None, f"{variable} is set")
    address = ollama_address(environ)
    pulled = probe(address)
    if pulled:
        return Choice(f"ollama:{pulled[0]}", f"{address}/v1", f"Ollama answers at {address}")
    why = "has no model yet (ollama pull qwen3)" if pulled == [] else "does not answer"
    return Choice(DEMO, None, f"no API key is set and Ollama at {address} {why}")


def ollama_address(environ: Mapping[str, str]) -> str:
    """``OLLAMA_HOST`` as a URL. A server that listens on every address is asked on this machine's own."""
    host = environ.get("OLLAMA_HOST") or OLLAMA
    parts = urlsplit(host if "://" in host else f"http://{host}")
    name = "127.0.0.1" if parts.hostname in (None, "0.0.0.0", "::") else parts.hostname
    name = f"[{name}]" if ":" in str(name) else name
    return f"{parts.scheme}://{name}:{parts.port or 11434}"
