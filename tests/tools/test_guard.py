from __future__ import annotations

import pytest
from aiohttp import web

from tests.tools.web import serving
from turnstream.events import ConfigurationError, ToolError
from turnstream.tools.guard import ForbiddenError, Guard
from turnstream.tools.http_client import HttpClient, HttpOptions, Request


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.100.100.200", "168.63.129.16", "192.0.0.192", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1",
        "fe80::1%eth0", "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
        "ff02::1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1", "fec0::1", "100::1", "5f00::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_forbidden(address: str) -> None:
    with pytest.raises(ForbiddenError):
        Guard().check("example.com", 443, address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_allowed(address: str) -> None:
    Guard().check("example.com", 443, address)


@pytest.mark.parametrize(
    ("entry", "host", "port", "address"),
    [
        ("localhost", "LOCALHOST.", 80, "127.0.0.1"),
        ("localhost:8080", "localhost", 8080, "::1"),
        ("10.1.0.0/16", "db.internal", 80, "10.1.2.3"),
        ("127.0.0.1:9000", "127.0.0.1", 9000, "127.0.0.1"),
        ("[::1]:9000", "::1", 9000, "::1"),
    ],
)
def test_what_the_configuration_names_is_allowed(entry: str, host: str, port: int, address: str) -> None:
    Guard([entry]).check(host, port, address)


@pytest.mark.parametrize(
    ("entry", "host", "port", "address"),
    [
        ("localhost:8080", "localhost", 8081, "127.0.0.1"),
        ("10.1.0.0/16", "db.internal", 80, "10.2.0.1"),
        ("internal.example.com", "evil.example.com", 80, "10.0.0.1"),
    ],
)
def test_and_nothing_else_is(entry: str, host: str, port: int, address: str) -> None:
    with pytest.raises(ForbiddenError):
        Guard([entry]).check(host, port, address)


def test_an_entry_that_means_nothing_is_a_configuration_error() -> None:
    for entry in ("10.0.0.0/99", "", "localhost:http"):
        with pytest.raises(ConfigurationError):
            Guard([entry])


async def test_names_and_numbers_that_lead_to_loopback_are_refused_before_any_connection() -> None:
    connected: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        connected.append("!")
        raise AssertionError

    async with serving(handler) as url, HttpClient() as client:
        port = url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1", "0x7f000001"):
            with pytest.raises(ToolError):
                await client.send(Request("GET", f"http://{host}:{port}/"))
    assert connected == []


async def test_a_redirect_into_the_private_network_is_refused() -> None:
    async def handler(request: web.Request) -> web.Response:
        target = {"/a": "http://localhost:1/x", "/b": "http://169.254.169.254/latest", "/c": "file:///etc/passwd"}
        return web.Response(status=302, headers={"Location": target.get(request.path, "http://a:99999/")})

    async with serving(handler) as url, HttpClient(HttpOptions(allow_private=(url[7:],))) as client:
        for path in "abcd":
            with pytest.raises(
                ToolError, match=r"^(localhost|169.254.169.254) is not a public address|not safe|not valid"
            ):
                await client.send(Request("GET", f"{url}/{path}"))


async def test_an_address_that_is_none_is_an_error_for_the_model() -> None:
    async with HttpClient() as client:
        for url in (
            "http://ⓛocalhost/",
            "http://127.0.0.1\\@example.com/",
            "http://[::1/",
            "http://a:99999/",
            "http://xn--/",
        ):
            with pytest.raises(ToolError, match=r"not valid|cannot be sent"):
                await client.send(Request("GET", url))
