from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from tests.tools.certificates import self_signed
from tests.tools.web import allowed, serving
from turnstream.events import ToolError
from turnstream.tools.http_client import HttpClient, Request, retry_after


async def test_a_busy_server_that_names_a_time_is_asked_again_if_that_does_no_harm() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.method)
        if len(asked) in (1, 3):
            return web.Response(status=429, headers={"Retry-After": "0"})
        return web.Response(text="ok")

    async with serving(handler) as url, HttpClient(allowed(url)) as client:
        assert (await client.send(Request("GET", url, repeatable=True))).status == 200
        assert asked == ["GET", "GET"]
        assert (await client.send(Request("POST", url))).status == 429
        assert asked == ["GET", "GET", "POST"]


async def test_without_a_time_or_with_a_long_one_the_answer_stands() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=503, headers={} if request.path == "/a" else {"Retry-After": "3600"})

    async with serving(handler) as url, HttpClient(allowed(url)) as client:
        assert (await client.send(Request("GET", f"{url}/a", repeatable=True))).status == 503
        assert (await client.send(Request("GET", f"{url}/b", repeatable=True))).status == 503
    assert asked == ["/a", "/b"]


async def test_an_endless_answer_and_a_silent_server_are_bounded() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while request.path == "/endless":
            await response.write(b"x" * 1000)
        await asyncio.sleep(60)
        return response

    async with serving(handler) as url, HttpClient(allowed(url, timeout=0.3)) as client:
        with pytest.raises(ToolError, match=r"^The answer of 127\.0\.0\.1 is longer than 10000 bytes\.$"):
            await client.send(Request("GET", f"{url}/endless"))
        with pytest.raises(ToolError, match=r"did not answer within 0\.3 seconds"):
            await client.send(Request("GET", f"{url}/silent"))


async def test_a_redirect_to_another_origin_takes_no_credentials_along() -> None:
    seen: list[dict[str, str]] = []

    async def other(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        return web.Response(text="there")

    async with serving(other) as there:

        async def handler(request: web.Request) -> web.Response:
            raise web.HTTPTemporaryRedirect(there)

        async with serving(handler) as here:
            options = allowed(here)
            options = type(options)(allow_private=(here[7:], there[7:]))
            async with HttpClient(options) as client:
                headers = {"Authorization": "Bearer secret", "X-Api-Key": "secret", "Cookie": "a=secret"}
                assert (await client.send(Request("GET", here, headers))).body == b"there"
                with pytest.raises(ToolError, match="not followed for POST"):
                    await client.send(Request("POST", here, headers, b"{}"))
    assert "secret" not in str(seen)


async def test_a_server_that_is_not_there_is_named_and_its_address_is_not() -> None:
    async with HttpClient(allowed("http://127.0.0.1:9")) as client:
        with pytest.raises(ToolError) as caught:
            await client.send(Request("GET", "http://127.0.0.1:9/?key=secret"))
    assert caught.value.message == "127.0.0.1 cannot be reached."


async def test_certificates_are_verified_by_the_system_or_by_the_configured_file(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="safe")

    context, certificate = self_signed(tmp_path)
    async with serving(handler, context) as url:
        async with HttpClient(allowed(url)) as client:
            with pytest.raises(ToolError, match=r"^The certificate of 127\.0\.0\.1 could not be verified\.$"):
                await client.send(Request("GET", url))
        async with HttpClient(replace(allowed(url), ca=str(certificate))) as client:
            assert (await client.send(Request("GET", url))).body == b"safe"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), ("Thu, 01 Jan 1970 00:01:00 GMT", 60.0), ("soon", None), ("", None), ("-1", None)],
)
def test_both_forms_of_retry_after_are_read(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, 0.0) == seconds
    assert retry_after({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, time.time()) == 0.0
