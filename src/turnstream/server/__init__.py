"""The ASGI application: routes, keys, limits and the streamed response."""

from turnstream.server import uvicorn_alone

uvicorn_alone.load()  # before whatever imports it as a whole

from turnstream.server.app import app  # noqa: E402
from turnstream.server.run import serve  # noqa: E402

__all__ = ["app", "serve"]
