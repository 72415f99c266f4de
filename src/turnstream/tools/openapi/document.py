"""An OpenAPI document, read, with everything that it refers to. No network: what is missing is asked for by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

from turnstream import errors
from turnstream.parsing import yaml12
from turnstream.tools.openapi.budget import Budget

_MOST_REFERENCES = 50
_TEXT_PER_VALUE = 16  # bytes of a document: 48 MB of them would be all that may be read


class UnresolvableError(Exception):
    """A reference to what is not there."""


def parse(text: str | bytes, name: str, budget: Budget | None = None, *, aliases: bool = True) -> dict[str, Any]:
    """JSON or YAML 1.2. Raises `ConfigurationError`."""
    import yaml

    budget = budget or Budget()
    budget.spend(len(text) // _TEXT_PER_VALUE)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        try:
            value = yaml12.load(text, aliases=aliases, spend=budget.spend)
        except yaml12.RefusedError as error:
            raise errors.ConfigurationError(f"{name} {error}") from None
        except (yaml.YAMLError, ValueError, RecursionError):
            raise errors.ConfigurationError(f"{name} is neither JSON nor YAML") from None
    if not isinstance(value, dict):
        raise errors.ConfigurationError(f"{name} is not an OpenAPI document")
    return value


class Document:
    """``uri`` is where it was found. ``others`` are documents that it refers to, by address."""

    def __init__(
        self,
        uri: str,
        value: dict[str, Any],
        others: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
    ) -> None:
        version = value.get("openapi")
        version = str(version) if isinstance(version, float) else version  # without quotes, 3.1 is a number
        if not isinstance(version, str) or not version.startswith(("3.0", "3.1", "3.2")):
            said = f"version {version or value.get('swagger')}" if version or value.get("swagger") else "no version"
            raise errors.ConfigurationError(f"OpenAPI 3.0 and 3.1 are understood; the document has {said}")
        if not isinstance(value.get("paths", {}), dict):
            raise errors.ConfigurationError("the document's paths are not a mapping")
        self.uri, self.value = uri, value
        self.budget = budget or Budget()
        self.is_30 = version.startswith("3.0")
        self.is_32 = version.startswith("3.2")
        self._others = dict(others or {})
        self._missing: set[str] = set()
        registry = _referencing().Registry(retrieve=self._retrieve)
        self.resolver: Any = registry.with_resource(uri, _resource(value)).resolver(uri)

    def _retrieve(self, uri: str) -> Any:
        if uri not in self._others:
            if urlsplit(uri).scheme != "file":
                self._missing.add(uri)
                raise _nowhere(uri)
            self._others[uri] = self._file(uri)
        return _resource(self._others[uri])

    def _file(self, uri: str) -> Any:
        """A document may refer to its neighbours and what is below them, to nothing else on the disk."""
        path, home = _path(uri), _path(self.uri).parent
        if urlsplit(self.uri).scheme != "file" or not path.is_relative_to(home) or not path.is_file():
            raise _nowhere(uri)
        return parse(path.read_bytes(), path.name, self.budget)

    def follow(self, value: Any, resolver: Any) -> tuple[Any, Any]:
        """What ``value`` refers to, if it is a reference, and the resolver for what is in it. Raises
        `UnresolvableError`."""
        self.budget.spend()
        for _ in range(_MOST_REFERENCES):
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return value, resolver
            try:
                found = resolver.lookup(value["$ref"])
            except (_referencing().exceptions.Unresolvable, ValueError, TypeError, KeyError, errors.ConfigurationError):
                raise UnresolvableError(value["$ref"]) from None
            value, resolver = found.contents, found.resolver
        raise UnresolvableError("a reference to itself")

    def within(self, schema: dict[str, Any], resolver: Any) -> Any:
        """The resolver for what is in ``schema``: since 3.1, one with an ``$id`` is a resource of its own."""
        own = schema.get("$id")
        if self.is_30 or not isinstance(own, str) or own.startswith("#"):
            return resolver
        uri = urljoin(self.uri, own)
        registry = _referencing().Registry(retrieve=self._retrieve)
        registry = registry.with_resources([(self.uri, _resource(self.value)), (uri, _resource(schema))])
        return registry.resolver(uri)

    @property
    def missing(self) -> set[str]:
        """Addresses of documents that were needed and are not here, of its own origin: others are not asked for."""
        mine = urlsplit(self.uri)
        same = {urldefrag(uri)[0] for uri in self._missing}
        return {uri for uri in same if urlsplit(uri)[:2] == mine[:2]} - self._others.keys()


def _referencing() -> Any:
    """Its classes are made in a way that hides their arguments from type checkers."""
    return import_module("referencing")


def _resource(contents: Any) -> Any:
    referencing = _referencing()
    return referencing.Resource(contents, referencing.Specification.OPAQUE)


def _nowhere(uri: str) -> Exception:
    error: Exception = _referencing().exceptions.NoSuchResource(ref=uri)
    return error


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path)).resolve()


def join_url(base: str, path: str) -> str:
    """A path after a server's address. A query of either stays a query; a fragment is not sent."""
    address, _, shared = base.partition("?")
    place, _, own = path.partition("#")[0].partition("?")
    made = address.rstrip("/") + quote(place, safe="/{}:@!$&'()*+,;=~-._%")
    query = "&".join(quote(part, safe="{}:@!$&'()*+,;=~-._%/?") for part in (shared, own) if part)
    return f"{made}?{query}" if query else made


def base_url(document: Document, given: str | None) -> str:
    """The first server of the document. Raises `ConfigurationError`."""
    if given is not None:
        return given.rstrip("/")
    return server_url(document, document.value.get("servers") or [{"url": "/"}])


def server_url(document: Document, servers: Any) -> str:
    """The first of ``servers``, with the defaults of its variables. Raises `ConfigurationError`."""
    server = servers[0] if isinstance(servers, list) and isinstance(servers[0], dict) else {}
    url = str(server.get("url", "/"))
    for name, variable in dict(server.get("variables") or {}).items():
        url = url.replace(f"{{{name}}}", str(dict(variable).get("default", "")))
    made = urljoin(document.uri, url)
    if not made.startswith(("http://", "https://")):
        raise errors.ConfigurationError("the document does not say where its server is: give base_url")
    return made.rstrip("/")
