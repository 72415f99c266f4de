"""Document → operations."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote, urlsplit

from turnstream.events import ConfigurationError, Effect
from turnstream.tools import names
from turnstream.tools.openapi.document import Document, Unresolvable, server_url
from turnstream.tools.openapi.schemas import Schemas
from turnstream.tools.operations import BODY, OWN_HEADERS, Operation, Parameter, check_header
from turnstream.tools.rest import EFFECTS
from turnstream.tools.schemas import tidy

log = logging.getLogger("turnstream.tools.openapi")

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_LONGEST_DESCRIPTION = 1000
_IGNORED_HEADERS = ("accept", "content-type", "authorization", *OWN_HEADERS)  # OpenAPI 3.1, Parameter Object; ours
_NOT_IN_AN_ARGUMENT = re.compile(r"[^A-Za-z0-9_.-]+")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which operations are offered: patterns of an operation's id, ``tag:NAME``, a path, or ``GET /path``."""

    include: Sequence[str] | None = None
    exclude: Sequence[str] = ()

    def offers(self, method: str, path: str, operation: Mapping[str, Any]) -> bool:
        tags = operation.get("tags")
        called = [path, f"{method.upper()} {path}", str(operation.get("operationId", ""))]
        called += [f"tag:{tag}" for tag in tags] if isinstance(tags, list) else []
        included = self.include is None or _any(called, self.include)
        return included and not _any(called, self.exclude)


def _any(called: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(one, pattern) for one in called for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Fixed:
    """What the configuration says of all operations."""

    base_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    effect: Effect | None = None


def operations(document: Document, base_url: str, choice: Choice, fixed: Fixed) -> list[Operation]:
    """One that cannot be described (a reference leads nowhere, its body is no text) is left out, and logged."""
    from jsonschema import Draft202012Validator

    made: list[Operation] = []
    for listed in _listed(document, choice):
        method, path = listed.method, listed.path
        try:
            read = _Reader(document, listed).operation(base_url, fixed)
            Draft202012Validator.check_schema(read.schema)
            made.append(read)
        except Exception as error:  # the boundary to a document that others wrote: it may be anything
            reason = str(error).partition("\n")[0]
            log.warning("%s %s is left out: %s: %s", method.upper(), path, type(error).__name__, reason)
    called = names.unique(operation.name for operation in made)
    return [replace(operation, name=name) for name, operation in zip(called, made, strict=True)]


@dataclass(frozen=True, slots=True)
class _Listed:
    """``shared`` is what the path says of all its operations. Each has the resolver for what is in it."""

    method: str
    path: str
    shared: tuple[dict[str, Any], Any]
    own: tuple[dict[str, Any], Any]


def _listed(document: Document, choice: Choice) -> Iterator[_Listed]:
    for path, given in document.value.get("paths", {}).items():
        if not str(path).startswith("/"):  # after a server's address it could become a part of the host
            if not str(path).startswith("x-"):
                log.warning("%s is left out: a path begins with a slash", path)
            continue
        try:
            item, resolver = document.followed(given, document.resolver)
        except Unresolvable as error:
            log.warning("%s is left out: %s leads nowhere", path, error)
            continue
        for method in METHODS:
            try:
                own = document.followed(item.get(method) if isinstance(item, dict) else None, resolver)
            except Unresolvable as error:
                log.warning("%s %s is left out: %s leads nowhere", method.upper(), path, error)
                continue
            if isinstance(own[0], dict) and choice.offers(method, str(path), own[0]):
                yield _Listed(method, str(path), (item, resolver), own)


class _Reader:
    """Reads one operation."""

    def __init__(self, document: Document, listed: _Listed) -> None:
        self._document, self._method, self._path = document, listed.method, listed.path
        self._shared, self._own = listed.shared, listed.own
        self._schemas = Schemas(document)
        self._properties: dict[str, Any] = {}
        self._required: list[str] = []
        self._defaults: dict[str, Any] = {}

    def operation(self, base_url: str, fixed: Fixed) -> Operation:
        item = self._own[0]
        parameters = [self._parameter(one, resolver) for one, resolver in self._parameters()]
        parameters += self._unlisted(parameters)
        content_type = self._body(item.get("requestBody"))
        if content_type:
            parameters.append(Parameter(BODY, BODY, "body"))
        schema: dict[str, Any] = {
            "type": "object",
            "properties": self._properties,
            "required": self._required,
            "additionalProperties": False,
        }
        if self._schemas.definitions:
            schema["$defs"] = self._schemas.definitions
        method = self._method.upper()
        return Operation(
            str(item.get("operationId") or f"{self._method}_{self._path}"),
            method,
            self._server(base_url, fixed) + quote(self._path, safe="/{}:@!$&'()*+,;=~-._%"),
            _description(item),
            tidy(schema, close=False),
            tuple(parameters),
            content_type,
            fixed.effect or EFFECTS.get(method, "once"),
            fixed_headers=fixed.headers,
            defaults=self._defaults,
        )

    def _server(self, base_url: str, fixed: Fixed) -> str:
        """A path or an operation may name a server of its own. One elsewhere is not trusted with credentials."""
        servers = self._own[0].get("servers") or self._shared[0].get("servers")
        if not servers or fixed.base_url is not None:
            return base_url
        own = server_url(self._document, servers)
        if urlsplit(own)[:2] != urlsplit(base_url)[:2]:
            raise ConfigurationError(f"its server is {urlsplit(own).hostname}; a base_url would send it elsewhere")
        return own

    def _parameters(self) -> list[tuple[dict[str, Any], Any]]:
        """The operation's own replace those of its path."""
        named: dict[tuple[str, str], tuple[dict[str, Any], Any]] = {}
        for holder, inside in (self._shared, self._own):
            for given in holder.get("parameters") or []:
                one, resolver = self._document.followed(given, inside)
                if one["in"] != "header" or one["name"].lower() not in _IGNORED_HEADERS:
                    named[one["name"], one["in"]] = one, resolver
        return list(named.values())

    def _parameter(self, one: dict[str, Any], resolver: Any) -> Parameter:
        content: dict[str, dict[str, Any]] = one.get("content") or {}
        given = next(iter(content.values())).get("schema") if content else one.get("schema")
        schema = self._schemas.converted(given, resolver)
        if isinstance(schema, dict) and one.get("description"):
            schema = {**schema, "description": str(one["description"])}
        if one["in"] == "header":
            check_header(one["name"])
        argument = self._free(one["name"], one["in"])
        self._properties[argument] = schema
        if one.get("required") or one["in"] == "path":
            if isinstance(schema, dict) and "default" in schema:
                self._defaults[argument] = schema["default"]
            else:
                self._required.append(argument)
        return Parameter(argument, one["name"], one["in"], one.get("style"), one.get("explode"), bool(content))

    def _free(self, name: str, place: str) -> str:
        argument = _NOT_IN_AN_ARGUMENT.sub("_", name).strip("_")[:64] or place
        if argument in self._properties or argument == BODY:
            argument = f"{argument[:50]}_{place}"
        while argument in self._properties:
            argument += "_"
        return argument

    def _unlisted(self, parameters: Sequence[Parameter]) -> list[Parameter]:
        """A path may name what no parameter describes."""
        listed = {one.name for one in parameters if one.place == "path"}
        made = []
        for name in dict.fromkeys(re.findall(r"\{([^{}]+)\}", self._path)):
            if name not in listed:
                argument = self._free(name, "path")
                self._properties[argument] = {"type": "string"}
                self._required.append(argument)
                made.append(Parameter(argument, name, "path"))
        return made

    def _body(self, given: Any) -> str:
        """The content type that is sent, "" for no body."""
        body, resolver = self._document.followed(given, self._own[1])
        content = body.get("content") if isinstance(body, dict) else None
        if not content:
            return ""
        kind = next((one for one in content if "json" in one or one == "*/*"), None)
        kind = kind or next((one for one in (*_FORMS, *content) if one in content and _is_text(one)), None)
        if kind is None:
            raise ConfigurationError(f"its body is {next(iter(content))}")
        schema = self._schemas.converted(dict(content[kind]).get("schema", {}), resolver)
        if isinstance(schema, dict) and body.get("description"):
            schema = {"description": str(body["description"]), **schema}
        self._properties[BODY] = schema
        if body.get("required"):
            self._required.append(BODY)
        return "application/json" if kind == "*/*" else kind


def _is_text(kind: str) -> bool:
    return kind in _FORMS or kind.startswith("text/") or kind.endswith("xml")


def _description(item: Mapping[str, Any]) -> str:
    said = [str(item[key]).strip() for key in ("summary", "description") if item.get(key)]
    text = "\n\n".join(dict.fromkeys(said))
    return text if len(text) <= _LONGEST_DESCRIPTION else f"{text[:_LONGEST_DESCRIPTION]}…"
