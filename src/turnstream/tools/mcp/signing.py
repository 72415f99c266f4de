"""Credentials of ours on the requests to an MCP server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING

from turnstream.tools.auth import Auth, Credentials
from turnstream.tools.http_client import HttpClient, HttpOptions

if TYPE_CHECKING:
    import httpx2


def signing(auth: Auth, options: HttpOptions, forwarded: Iterable[str]) -> httpx2.Auth:
    """Signs each request. One that is refused with 401 is sent once more, if there are other credentials.

    ``options`` are for requests to a server that gives tokens. Headers named in ``forwarded`` are the user's and stay.
    Its flow raises `ToolError` if there are no credentials.
    """
    import httpx2

    theirs = {name.lower() for name in forwarded}

    class Signing(httpx2.Auth):
        async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
            used = await credentials()
            ours = {name: value for name, value in used.headers.items() if name.lower() not in theirs}
            request.headers.update(ours)
            response = yield request
            if response.status_code == 401 and ours and auth.discard(used):
                used = await credentials()
                request.headers.update({name: value for name, value in used.headers.items() if name in ours})
                yield request

    async def credentials() -> Credentials:
        async with HttpClient(options) as client:
            return await auth.credentials(client)

    return Signing()
