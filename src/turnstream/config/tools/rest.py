"""One HTTP call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from turnstream.config import context, foreign
from turnstream.config.sections import JsonObject, NonEmpty, StrMap
from turnstream.config.tools import http
from turnstream.config.tools.kind import Kind
from turnstream.protocols import Toolbox


class RestSection(http.HttpSection):
    """One HTTP call."""

    hints = foreign.REST

    name: NonEmpty
    description: str = ""
    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: NonEmpty
    """`https://api.example.com/users/{id}`: each `{name}` is one of the parameters."""
    parameters: dict[str, JsonObject] = Field(default_factory=dict)
    """What the model gives: each a JSON Schema, and `in` (path, query, header, cookie, body), `name` (what the server
    calls it) and `required`."""
    query: StrMap = Field(default_factory=dict, repr=False)
    """Sent with each request."""
    body: JsonObject | None = None
    """Sent with each request, besides the parameters that are in the body."""
    body_type: Literal["json", "form"] = "json"


def build(section: RestSection, where: context.ConfigContext) -> Iterable[Toolbox]:
    from turnstream.tools import rest

    yield rest.rest(
        section.name,
        section.url,
        description=section.description,
        method=section.method,
        parameters=section.parameters,
        query=section.query,
        headers=section.headers,
        body=section.body,
        body_type=section.body_type,
        jmespath=section.jmespath,
        effect=section.effect,
        **http.build_common(section, where.folder),
    )


KIND = Kind("rest", RestSection, build, "One HTTP call.", as_json=(("parameters",), ("body",)))
