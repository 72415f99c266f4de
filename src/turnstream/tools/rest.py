"""One HTTP call as a tool, without a document: ``GET https://api.example.com/users/{id}``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from turnstream import errors, toolspec
from turnstream.tools import coercion, json_schema, names, schema_check
from turnstream.tools.answers import Projection
from turnstream.tools.auth import Auth
from turnstream.tools.forwarding import Forwarding
from turnstream.tools.hooks import Hooks
from turnstream.tools.http_client import HttpClient, HttpOptions
from turnstream.tools.http_tools import HttpTools
from turnstream.tools.operations import BODY, Operation, Parameter, Place, check_header, check_headers

EFFECTS: Mapping[str, toolspec.Effect] = {
    "GET": "none", "HEAD": "none", "OPTIONS": "none", "QUERY": "none", "PUT": "idempotent", "DELETE": "idempotent",
}  # fmt: skip
"""What RFC 9110 (section 9.2) says of a second request; every other method is ``once``."""

_OWN = ("in", "name", "required")
_BODY_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


def rest(
    name: str,
    url: str,
    *,
    description: str = "",
    method: str = "GET",
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    body_type: Literal["json", "form"] = "json",
    jmespath: str | Callable[[Any], Any] | None = None,
    effect: toolspec.Effect | None = None,
    auth: Auth | None = None,
    forwarding: Forwarding | None = None,
    hooks: Hooks | None = None,
    options: HttpOptions | None = None,
) -> HttpTools:
    """A toolbox of one tool.

    ``parameters`` are the arguments: each a JSON Schema, and ``in`` (path, query, header, cookie, body), ``name`` (what
    the server calls it) and ``required`` (true unless it has a default). Those named in the path of ``url`` are in
    it, others in the query, or in the body of POST, PUT and PATCH. ``query``, ``headers`` and ``body`` are sent each
    time. ``jmespath`` is what of a JSON answer goes to the model; a function of the answer will do. Raises
    `ConfigurationError`.
    """
    method = method.upper()
    if names.valid(name) != name:
        raise errors.ConfigurationError(f"tool {name!r}: a name is 1 to 64 of A-Z, a-z, 0-9, _ and -")
    check_headers(headers or {})
    made = [_parameter(argument, dict(one), url, method) for argument, one in (parameters or {}).items()]
    has_body = body is not None or any(one.place == "body" for one in made)
    operation = Operation(
        name,
        method,
        url,
        description,
        _schema(parameters or {}),
        tuple(made),
        _BODY_TYPES[body_type] if has_body else "",
        effect or EFFECTS.get(method, "once"),
        tuple((query or {}).items()),
        dict(headers or {}),
        dict(body or {}),
        {argument: one["default"] for argument, one in (parameters or {}).items() if "default" in one},
        declared=effect is not None,
    )
    return HttpTools(
        [operation],
        source=f"rest:{operation.host}",
        client=HttpClient(options),
        auth=auth,
        forwarding=forwarding,
        projection=Projection(jmespath),
        hooks=hooks,
    )


def _parameter(argument: str, given: dict[str, Any], url: str, method: str) -> Parameter:
    name = str(given.get("name", argument))
    usual = "path" if f"{{{name}}}" in url else "body" if method in ("POST", "PUT", "PATCH") else "query"
    place = given.get("in", usual)
    if place not in ("path", "query", "header", "cookie", "body"):
        raise errors.ConfigurationError(f"parameter {argument}: 'in' is path, query, header, cookie or body")
    if place == "header":
        check_header(name)
    if place == "path" and f"{{{name}}}" not in url:
        raise errors.ConfigurationError(f"parameter {argument}: the path of the url has no {{{name}}}")
    if place == "body" and argument == BODY:
        raise errors.ConfigurationError(f"parameter {argument}: give it another name")
    return Parameter(argument, name, cast("Place", place), nullable=coercion.allows_null(given))


def _schema(parameters: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    from jsonschema import SchemaError

    properties = {
        argument: {key: value for key, value in one.items() if key not in _OWN} for argument, one in parameters.items()
    }
    required = [name for name, one in parameters.items() if one.get("required", "default" not in one)]
    schema: dict[str, Any] = json_schema.modern(
        {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    )
    try:
        schema_check.check_schema(schema)
    except SchemaError as error:
        where = "".join(f".{part}" for part in list(error.absolute_path)[1:])
        raise errors.ConfigurationError(f"parameters{where} is not a valid JSON Schema") from None
    return schema
