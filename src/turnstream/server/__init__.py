"""The ASGI application: routes, keys, limits and the streamed response."""

from turnstream.server.app import app
from turnstream.server.run import serve

__all__ = ["app", "serve"]
