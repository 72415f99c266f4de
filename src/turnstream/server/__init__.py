"""The ASGI application: routes, keys, limits and the streamed response."""
