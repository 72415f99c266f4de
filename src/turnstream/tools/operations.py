"""One HTTP operation as a tool: arguments in, request out. No I/O.

What a model writes can fill a path segment, a query value, a header, a cookie or a body. It can never change the
scheme, the host, the port or the shape of the path, not even for a proxy that decodes the path before it routes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import urlsplit

from turnstream import errors, redaction, text as texts, toolspec
from turnstream.tools import bodies, serialization
from turnstream.tools.auth import Credentials
from turnstream.tools.forwarding import is_name, is_value
from turnstream.tools.http_client import Request

Place = Literal["path", "query", "header", "cookie", "body"]

BODY = "body"
"""The argument that is a whole body."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_MOST_EXCERPT = 80
_REPEATABLE = ("GET", "HEAD", "OPTIONS", "QUERY", "PUT", "DELETE")
OWN_HEADERS = ("host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer")
"""They say where a request goes and where it ends: neither the configuration nor a model may."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument named ``argument`` that the server knows as ``name``. ``style`` and ``explode`` are OpenAPI's; None
    is the default of its place. ``as_json``: its value is sent as JSON text. ``reserved``: characters that are reserved
    in addresses stay as they are. ``nullable``: null is a value of it, which a JSON body can say.
    """

    argument: str
    name: str
    place: Place
    style: str | None = None
    explode: bool | None = None
    as_json: bool = False
    reserved: bool = False
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """``url`` may have ``{name}`` in its path, each the name of a path parameter. ``schema`` is that of the arguments.

    ``content_type`` is the body's, "" for none, and ``encodings`` say how the members of a form are written.
    ``fixed_…`` is sent with each request, ``defaults`` are arguments that are sent when the model leaves them out.
    ``declared`` is whether the effect is somebody's word, and not the method's.
    """

    name: str
    method: str
    url: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    content_type: str = ""
    effect: toolspec.Effect = "none"
    fixed_query: tuple[tuple[str, str], ...] = ()
    fixed_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    fixed_body: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    encodings: Mapping[str, bodies.Encoding] = field(default_factory=dict)
    declared: bool = False

    def __post_init__(self) -> None:
        check_url(self.url)
        path = {parameter.name for parameter in self.parameters if parameter.place == "path"}
        unknown = set(_PLACEHOLDER.findall(self.url)) - path
        if unknown:
            raise errors.ConfigurationError(f"the url has {{{min(unknown)}}}, which is not a parameter")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def secrets(self) -> list[str]:
        """What by its name or its place is a key among that which is sent each time."""
        headers = (each for name, value in self.fixed_headers.items() for each in redaction.of_header(name, value))
        query = (value for name, value in self.fixed_query if redaction.is_secret_name(name))
        return [*headers, *query, *redaction.of_url(self.url), *redaction.collect(self.fixed_body)]

    @property
    def perhaps_secrets(self) -> list[str]:
        """What may be a key besides, whatever its name."""
        return [*self.fixed_headers.values(), *(value for _, value in self.fixed_query)]

    def request(self, arguments: Mapping[str, Any], credentials: Credentials, idempotency_key: str) -> Request:
        """Raises `ToolError` for arguments that cannot be sent."""
        arguments = {**self.defaults, **arguments}
        given = [
            (one, arguments[one.argument])
            for one in self.parameters
            if arguments.get(one.argument) is not None or (one.argument in arguments and self._sends_null(one))
        ]
        body, kind = self._body(given)
        own = {"Accept": "application/json, */*;q=0.5"}
        if self.effect == "once":
            own["Idempotency-Key"] = _key(idempotency_key)
        cookies = {**self._cookies(given), **credentials.cookies}
        sent = {"Cookie": "; ".join(f"{key}={value}" for key, value in cookies.items())} if cookies else {}
        if kind:
            sent["Content-Type"] = kind
        headers = _merge(own, self._headers(given), self.fixed_headers, sent, credentials.headers)
        repeatable = self.effect != "once" and (self.method in _REPEATABLE or self.effect == "idempotent")
        return Request(self.method, self._address(given, credentials), headers, body, repeatable)

    def _sends_null(self, one: Parameter) -> bool:
        """In a JSON body, null clears a field (RFC 7396)."""
        return one.nullable and one.place == "body" and one.argument != BODY and bodies.is_json(self.content_type)

    def _address(self, given: list[tuple[Parameter, Any]], credentials: Credentials) -> str:
        values = {one.name: _path_value(one, value) for one, value in given if one.place == "path"}
        before, _, after = self.url.partition("?")

        def fill(match: re.Match[str]) -> str:
            if match[1] not in values:
                raise errors.ToolError(f"The argument {self._argument(match[1])} is missing.")
            return values[match[1]]

        filled = _PLACEHOLDER.sub(fill, before)
        if serialization.has_dot_segment(filled, decodings=3):  # the values in it are encoded once more than themselves
            raise errors.ToolError("The arguments that are part of the address must not be '.' or '..' together.")
        pairs = list(self.fixed_query)
        for one, value in given:
            if one.place == "query":
                sent = serialization.text(value) if not one.as_json else json.dumps(value, ensure_ascii=False)
                style, explode = one.style or "form", _explodes(one)
                form = serialization.in_query(one.name, value, style, explode, reserved=one.reserved)
                pairs += [(one.name, sent)] if one.as_json else form
        query = "&".join(part for part in (after, serialization.query([*pairs, *credentials.query.items()])) if part)
        return f"{filled}?{query}" if query else filled

    def _argument(self, name: str) -> str:
        return next((one.argument for one in self.parameters if one.place == "path" and one.name == name), name)

    def _headers(self, given: list[tuple[Parameter, Any]]) -> dict[str, str]:
        headers = {}
        for one, value in given:
            if one.place == "header":
                sent = json.dumps(value) if one.as_json else serialization.in_header(value, bool(one.explode))
                if not is_value(sent):
                    raise errors.ToolError(f"The argument {one.argument} may have printable ASCII characters only.")
                headers[one.name] = sent
        return headers

    def _cookies(self, given: list[tuple[Parameter, Any]]) -> dict[str, str]:
        return {
            serialization.escape(one.name): serialization.escape(serialization.in_header(value))
            for one, value in given
            if one.place == "cookie"
        }

    def _body(self, given: list[tuple[Parameter, Any]]) -> tuple[bytes | None, str]:
        fields = {one.name: value for one, value in given if one.place == "body" and one.argument != BODY}
        whole = next((value for one, value in given if one.place == "body" and one.argument == BODY), None)
        if not self.content_type or (whole is None and not fields and not self.fixed_body):
            return None, ""
        value = {**self.fixed_body, **fields} if whole is None else whole
        if isinstance(whole, dict):
            value = {**self.fixed_body, **whole}
        return bodies.encode(value, self.content_type, self.encodings)


def check_url(url: str) -> None:
    """Raises `ConfigurationError` unless scheme, host and port are written out."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise errors.ConfigurationError("the url is not valid") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise errors.ConfigurationError("the url must begin with http:// or https:// and name a host")
    if "{" in parts.netloc or "{" in parts.query or "@" in parts.netloc or set(url) & set("\\#") or not _visible(url):
        raise errors.ConfigurationError(
            "{parameters} are allowed only in the path of the url; credentials and fragments are not allowed"
        )


def _merge(*parts: Mapping[str, str]) -> dict[str, str]:
    """Later ones replace earlier ones, whatever the case of their names."""
    named = {name.lower(): (name, value) for part in parts for name, value in part.items()}
    return dict(named.values())


def check_header(name: str) -> None:
    if not is_name(name) or name.lower() in OWN_HEADERS:
        raise errors.ConfigurationError(f"a tool may not send the header {name!r}")


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises `ConfigurationError`, which names a header and not its value."""
    for name, value in headers.items():
        check_header(name)
        if not is_value(value):
            raise errors.ConfigurationError(f"the value of the header {name} has characters that are not allowed in it")


def _visible(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url


def _key(key: str) -> str:
    """The id of a call is the model's: what may not stand in a header is replaced by its digest."""
    return key if is_value(key) else sha256(key.encode("utf-8", "replace")).hexdigest()


def _path_value(one: Parameter, value: Any) -> str:
    if value in ("", [], {}):
        raise errors.ToolError(f"The argument {one.argument} must not be empty.")
    if one.as_json:
        return serialization.escape(json.dumps(value))
    for written in serialization.texts(value):
        if serialization.has_dot_segment(written):
            raise errors.ToolError(
                f"The argument {one.argument} must not be '.' or '..', nor have one as a path segment, encoded or not: "
                f"{texts.excerpt(written, _MOST_EXCERPT)!r} could lead to another address."
            )
    return serialization.in_path(one.name, value, one.style or "simple", bool(one.explode))


def _explodes(one: Parameter) -> bool:
    return one.explode if one.explode is not None else (one.style or "form") == "form"
