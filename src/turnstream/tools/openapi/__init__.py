"""The operations of an OpenAPI document, 3.0 or 3.1, as tools."""

from turnstream.tools.openapi.toolbox import OpenApi as OpenApi
