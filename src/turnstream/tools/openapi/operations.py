"""Document → operations."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from turnstream import errors, toolspec
from turnstream.tools import names
from turnstream.tools.openapi.body import Body
from turnstream.tools.openapi.budget import SpentError
from turnstream.tools.openapi.document import Document, UnresolvableError, join_url, server_url
from turnstream.tools.openapi.schemas import Schemas
from turnstream.tools.operations import BODY, OWN_HEADERS, Operation, Parameter, check_header
from turnstream.tools.rest import EFFECTS
from turnstream.tools.schemas import tidy

log = logging.getLogger("turnstream.tools.openapi")

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_LONGEST_DESCRIPTION = 1000
_MOST_TIDIED = 20  # definitions: of more, a reader has no use for one put where it is used
_IGNORED_HEADERS = ("accept", "content-type", "authorization", *OWN_HEADERS)  # OpenAPI 3.1, Parameter Object; ours
_NOT_IN_AN_ARGUMENT = re.compile(r"[^A-Za-z0-9_.-]+")


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
    """What the configuration says of all operations. ``filled`` are the parameters, as (place, name in lower case),
    which credentials and forwarding fill: no model is asked for them."""

    base_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    effect: toolspec.Effect | None = None
    filled: frozenset[tuple[str, str]] = frozenset()


def operations(document: Document, base_url: str, choice: Choice, fixed: Fixed) -> list[Operation]:
    """One that cannot be described (an unresolved reference, a body that is a file) is left out, and logged. Raises
    `SpentError`."""
    made: list[Operation] = []
    schemas = Schemas(document)
    for listed in _list(document, choice):
        method, path = listed.method, listed.path
        try:
            made.append(_Reader(document, schemas, listed).operation(base_url, fixed))
        except SpentError:
            raise
        except Exception as error:  # the boundary to a document that others wrote: it may be anything
            reason = str(error).partition("\n")[0]
            log.warning("%s %s is left out: %s: %s", method.upper(), path, type(error).__name__, reason)
    called = names.unique(operation.name for operation in made)
    return [replace(operation, name=name) for name, operation in zip(called, made, strict=True)]


Inside = tuple[dict[str, Any], Any]
"""A piece of a document, and the resolver for what is in it."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """``shared`` is what the path says of all its operations, the more important last."""

    method: str
    path: str
    shared: tuple[Inside, ...]
    own: Inside


def _list(document: Document, choice: Choice) -> Iterator[_Listed]:
    for path, given in document.value.get("paths", {}).items():
        if not str(path).startswith("/"):  # after a server's address it could become a part of the host
            if not str(path).startswith("x-"):
                log.warning("%s is left out: a path begins with a slash", path)
            continue
        try:
            shared = _share(document, given)
        except UnresolvableError as error:
            log.warning("%s is left out: unresolved $ref %s", path, error)
            continue
        for method, operation, resolver in _methods(document, shared):
            try:
                own = document.follow(operation, resolver)
            except UnresolvableError as error:
                log.warning("%s %s is left out: unresolved $ref %s", method.upper(), path, error)
                continue
            if isinstance(own[0], dict) and choice.offers(method, str(path), own[0]):
                yield _Listed(method, str(path), shared, own)


def _share(document: Document, given: Any) -> tuple[Inside, ...]:
    """A path item, and what it refers to; what stands beside a reference replaces what is there."""
    item, resolver = document.follow(given, document.resolver)
    referred = (item if isinstance(item, dict) else {}, resolver)
    if item is given or not isinstance(given, dict):
        return (referred,)
    return referred, ({key: one for key, one in given.items() if key != "$ref"}, document.resolver)


def _methods(document: Document, shared: Sequence[Inside]) -> Iterator[tuple[str, Any, Any]]:
    """Since 3.2 there is a method ``query``, and others may be named."""
    known = (*METHODS, "query") if document.is_32 else METHODS
    found: dict[str, tuple[Any, Any]] = {}
    for item, resolver in shared:
        found.update({method: (item[method], resolver) for method in known if method in item})
        more = item.get("additionalOperations") if document.is_32 else None
        for method, operation in more.items() if isinstance(more, dict) else ():
            if str(method).isalpha():
                found[str(method)] = (operation, resolver)
    for method, (operation, resolver) in found.items():
        yield method, operation, resolver


class _Reader:
    """Reads one operation."""

    def __init__(self, document: Document, schemas: Schemas, listed: _Listed) -> None:
        self._document, self._schemas = document, schemas
        self._method, self._path = listed.method, listed.path
        self._share, self._own = listed.shared, listed.own
        self._properties: dict[str, Any] = {}
        self._required: list[str] = []
        self._defaults: dict[str, Any] = {}

    def operation(self, base_url: str, fixed: Fixed) -> Operation:
        item, method = self._own[0], self._method.upper()
        parameters = [self._parameter(one, resolver) for one, resolver in self._parameters(fixed)]
        parameters += self._add_unlisted(parameters)
        body = self._body(item.get("requestBody"))
        if body.content_type:
            parameters.append(Parameter(BODY, BODY, "body"))
        return Operation(
            self._name(item.get("operationId")),
            method,
            join_url(self._server(base_url, fixed), self._path),
            self._description(item),
            self._schema(),
            tuple(parameters),
            body.content_type,
            fixed.effect or EFFECTS.get(method, "once"),
            fixed_headers=fixed.headers,
            defaults=self._defaults,
            encodings=body.encodings,
            declared=fixed.effect is not None,
        )

    def _schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {
            "type": "object",
            "properties": self._properties,
            "required": self._required,
            "additionalProperties": False,
        }
        for described in self._properties.values():
            self._schemas.check(described)
        definitions = self._schemas.closure(schema)
        if definitions:
            schema["$defs"] = definitions
        return tidy(schema, close=False) if len(definitions) <= _MOST_TIDIED else schema

    def _name(self, id: Any) -> str:
        """The id of the operation, if vendors take any of its characters."""
        id = str(id or "")
        return id if names.has_valid_characters(id) else f"{self._method} {self._path}"

    def _description(self, item: Mapping[str, Any]) -> str:
        """Its own; else that of its path; else what it is."""
        for holder in (item, *(one for one, _ in reversed(self._share))):
            said = [str(holder[key]).strip() for key in ("summary", "description") if holder.get(key)]
            if text := "\n\n".join(dict.fromkeys(said)):
                return text if len(text) <= _LONGEST_DESCRIPTION else f"{text[:_LONGEST_DESCRIPTION]}…"
        return f"{self._method.upper()} {self._path}"

    def _server(self, base_url: str, fixed: Fixed) -> str:
        """A path or an operation may name a server of its own. One elsewhere is not trusted with credentials."""
        holders = (self._own[0], *(item for item, _ in reversed(self._share)))
        servers = next((item["servers"] for item in holders if item.get("servers")), None)
        if not servers or fixed.base_url is not None:
            return base_url
        own = server_url(self._document, servers)
        if urlsplit(own)[:2] != urlsplit(base_url)[:2]:
            raise errors.ConfigurationError(
                f"its server is {urlsplit(own).hostname}; a base_url would send it elsewhere"
            )
        return own

    def _parameters(self, fixed: Fixed) -> list[tuple[dict[str, Any], Any]]:
        """The operation's own replace those of its path. Those that are filled for it are not arguments."""
        named: dict[tuple[str, str], tuple[dict[str, Any], Any]] = {}
        filled = fixed.filled | {("header", name.lower()) for name in fixed.headers}
        for holder, inside in (*self._share, self._own):
            for given in holder.get("parameters") or []:
                one, resolver = self._document.follow(given, inside)
                place, name = one["in"], str(one["name"])
                if place == "querystring":
                    raise errors.ConfigurationError("its whole query is one parameter")
                ignored = place == "header" and name.lower() in _IGNORED_HEADERS
                if not ignored and (place, name.lower()) not in filled:
                    named[name, place] = one, resolver
        return list(named.values())

    def _parameter(self, one: dict[str, Any], resolver: Any) -> Parameter:
        content: dict[str, dict[str, Any]] = one.get("content") or {}
        given = next(iter(content.values())).get("schema") if content else one.get("schema")
        schema = self._schemas.convert(given, resolver)
        name, place = str(one["name"]), one["in"]
        if place == "header":
            check_header(name)
        argument = self._free(name, place)
        schema = _describe(schema, one.get("description"), name if name not in argument and not name.isascii() else "")
        self._properties[argument] = schema
        if one.get("required") or place == "path":
            if isinstance(schema, dict) and "default" in schema:
                self._defaults[argument] = schema["default"]
            else:
                self._required.append(argument)
        reserved = one.get("allowReserved") is True and place == "query"
        return Parameter(argument, name, place, one.get("style"), one.get("explode"), bool(content), reserved)

    def _free(self, name: str, place: str) -> str:
        argument = _NOT_IN_AN_ARGUMENT.sub("_", name).strip("_")[:64] or place
        if argument in self._properties or argument == BODY:
            argument = f"{argument[:50]}_{place}"
        while argument in self._properties:
            argument += "_"
        return argument

    def _add_unlisted(self, parameters: Sequence[Parameter]) -> list[Parameter]:
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

    def _body(self, given: Any) -> Body:
        body, resolver = self._document.follow(given, self._own[1])
        if not isinstance(body, dict):
            return Body("", {})
        read = Body.read(body, self._document, resolver)
        if not read.content_type:
            return read
        schema = self._schemas.convert(read.schema, resolver)
        if isinstance(schema, dict) and body.get("description"):
            schema = {"description": str(body["description"]), **schema}
        self._properties[BODY] = schema
        if body.get("required"):
            self._required.append(BODY)
        return replace(read, content_type="application/json" if read.content_type == "*/*" else read.content_type)


def _describe(schema: Any, description: Any, name: str) -> Any:
    """With the description of its parameter, and its name where no argument can have that."""
    said = ": ".join(part for part in (name, str(description or "")) if part)
    return {**schema, "description": said} if isinstance(schema, dict) and said else schema
