"""The operations of an OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from turnstream.config import context, files
from turnstream.config.sections import NonEmpty, StrList
from turnstream.config.tools import http
from turnstream.config.tools.kind import Kind
from turnstream.protocols import Toolbox


class OpenApiSection(http.HttpSection):
    """The operations of an OpenAPI document, 3.0 or 3.1; each is a tool."""

    spec: NonEmpty
    """The document: a file, relative to this one, or a URL."""
    include: StrList | None = None
    """Only operations of which the id, a tag or the path matches: `listPets`, `tag:pets`, `/pets/*`, `GET /pets/*`."""
    exclude: StrList = Field(default_factory=list)
    """None of these."""
    base_url: NonEmpty | None = None
    """Instead of the document's first server."""


def build(section: OpenApiSection, where: context.ConfigContext) -> Iterable[Toolbox]:
    from turnstream.tools import openapi
    from turnstream.tools.answers import Projection
    from turnstream.tools.openapi.operations import Choice, Fixed
    from turnstream.tools.operations import check_headers, check_url

    is_url = section.spec.startswith(("http://", "https://"))
    check_headers(section.headers)
    if section.base_url is not None:
        check_url(section.base_url)
    yield openapi.OpenApi(
        section.spec if is_url else files.find(section.spec, where.folder),
        choice=Choice(section.include, section.exclude),
        fixed=Fixed(section.base_url, section.headers, section.effect),
        projection=Projection(section.jmespath),
        **http.build_common(section, where.folder),
    )


KIND = Kind("openapi", OpenApiSection, build, "The operations of an OpenAPI document.")
