from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.providers.upstream import Answer, Upstream, upstream
from turnstream.providers.base import HttpRequest, Timeouts
from turnstream.providers.transport import plain_http

HEAD = b"HTTP/1.1 200 OK\r\n"


def raw(*pieces: bytes, close: bool = False) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if close:
            writer.close()

    return answer


def ask(base_url: str, **headers: str) -> HttpRequest:
    return HttpRequest("POST", base_url + "/x?a=1", headers, b"{}")


@asynccontextmanager
async def pool() -> AsyncIterator[plain_http.Pool]:
    made = plain_http.Pool(30)
    try:
        yield made
    finally:
        made.close()


async def read(response: plain_http.Response) -> bytes:
    body = b""
    async with asyncio.timeout(5):
        while piece := await response.content.readany():
            body += piece
    return body


async def body_of(*pieces: bytes, close: bool = False) -> bytes:
    async with upstream(raw(*pieces, close=close)) as vendor, pool() as connections:
        return await read(await connections.request(ask(vendor.base_url), Timeouts(connect=5)))


async def test_a_request_says_what_it_must_and_no_more() -> None:
    async with upstream(raw(HEAD + b"content-length: 0\r\n\r\n")) as vendor, pool() as connections:
        await connections.request(ask(vendor.base_url, authorization="Bearer k"), Timeouts(connect=5))
        host = vendor.base_url[7:-3]
        assert vendor.requests[0].decode() == (
            f"POST /v1/x?a=1 HTTP/1.1\r\nhost: {host}\r\nuser-agent: turnstream\r\naccept-encoding: identity\r\n"
            "authorization: Bearer k\r\ncontent-length: 2\r\n\r\n{}"
        )


async def test_a_header_cannot_break_out_of_its_line() -> None:
    async with pool() as connections:
        with pytest.raises(ValueError, match="header"):
            await connections.request(ask("http://127.0.0.1:1", token="a\r\nx-evil: 1"), Timeouts(connect=5))


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"content-length: 5\r\n\r\nhello",
        HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\ntrailer: 1\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
        + HEAD
        + b"content-length: 5\r\n\r\nhello",
    ],
    ids=["length", "chunked", "informational"],
)
async def test_how_an_answer_is_cut_never_matters(answer: bytes) -> None:
    whole = await body_of(answer)
    assert whole == b"hello"
    for at in range(1, len(answer)):
        parser = await body_of(answer[:at], answer[at:]) if at % 7 == 0 else whole
        assert parser == b"hello"


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    assert await body_of(HEAD + b"\r\nhel", b"lo", close=True) == b"hello"


async def test_a_body_that_is_cut_off_is_an_error() -> None:
    with pytest.raises(OSError, match="before the end of the answer"):
        await body_of(HEAD + b"content-length: 5\r\n\r\nhel", close=True)


async def test_a_host_is_found_by_its_name_and_by_its_address() -> None:
    async with upstream(raw(HEAD + b"content-length: 2\r\n\r\nok")) as vendor, pool() as connections:
        for host in ("127.0.0.1", "localhost"):
            asked = ask(vendor.base_url.replace("127.0.0.1", host))
            assert await read(await connections.request(asked, Timeouts(connect=5))) == b"ok"
        assert vendor.connections == 2


async def test_many_who_look_for_a_name_at_once_ask_for_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, asked = asyncio.get_running_loop(), []

    async def resolve(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        await asyncio.sleep(0)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    async with upstream(raw(HEAD + b"content-length: 2\r\n\r\nok")) as vendor, pool() as connections:
        wanted = ask(vendor.base_url.replace("127.0.0.1", "vendor.example"))
        one, *others = [asyncio.create_task(connections.request(wanted, Timeouts(connect=5))) for _ in range(5)]
        await asyncio.sleep(0)
        one.cancel()  # whoever asked first does not take the answer along
        assert [await read(await other) for other in others] == [b"ok"] * 4
    assert asked == ["vendor.example"]


async def test_a_name_that_nobody_knows_is_an_error_for_each_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*_: object, **__: object) -> list[object]:
        raise OSError("no such name")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    async with pool() as connections:
        asking = (connections.request(ask("http://vendor.example"), Timeouts(connect=5)) for _ in range(2))
        failures = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(failure) for failure in failures] == ["no such name"] * 2


@pytest.mark.parametrize(
    ("timeouts", "error"),
    [
        (Timeouts(connect=0.01), pytest.raises(ConnectionError, match="no connection within")),
        (Timeouts(connect=5, first_token=0.01), pytest.raises(TimeoutError)),
    ],
)
async def test_a_connection_that_does_not_come_ends_in_time(
    timeouts: Timeouts, error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(*_: object, **__: object) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    async with pool() as connections:
        with error:
            await connections.request(ask("http://vendor.example"), timeouts)


async def test_a_connection_is_used_again_only_after_a_whole_answer() -> None:
    answer = raw(HEAD + b"content-length: 5\r\n\r\nhello")
    async with upstream(answer) as vendor, pool() as connections:
        for _ in range(2):
            response = await connections.request(ask(vendor.base_url), Timeouts(connect=5))
            await read(response)
            response.release()
        assert vendor.connections == 1
        response = await connections.request(ask(vendor.base_url), Timeouts(connect=5))
        response.close()
        await connections.request(ask(vendor.base_url), Timeouts(connect=5))
        assert vendor.connections == 2


@pytest.mark.parametrize("size", [1, 5, 12, 20, 40])
async def test_the_beginning_of_a_second_answer_is_not_the_next_ones(size: int) -> None:
    first, second = HEAD + b"content-length: 1\r\n\r\na", HEAD + b"content-length: 1\r\n\r\nb"
    async with upstream(raw(first + second[:size]), raw(first)) as vendor, pool() as connections:
        response = await connections.request(ask(vendor.base_url), Timeouts(connect=5))
        assert await read(response) == b"a"
        response.release()
        assert await read(await connections.request(ask(vendor.base_url), Timeouts(connect=5))) == b"a"
        assert vendor.connections == 2


async def test_a_second_answer_to_one_request_is_not_the_next_ones() -> None:
    twice = (HEAD + b"content-length: 1\r\n\r\na") * 2
    async with upstream(raw(twice)) as vendor, pool() as connections:
        response = await connections.request(ask(vendor.base_url), Timeouts(connect=5))
        assert await read(response) == b"a"
        response.release()
        assert connections.idle == {}


async def test_a_connection_that_the_vendor_closes_while_idle_is_forgotten() -> None:
    async with upstream(raw(HEAD + b"content-length: 0\r\n\r\n")) as vendor, pool() as connections:
        (await connections.request(ask(vendor.base_url), Timeouts(connect=5))).release()
        vendor.close()
        for _ in range(100):  # turns of the loop
            await asyncio.sleep(0)
        assert not any(connections.idle.values())
        await connections.request(ask(vendor.base_url), Timeouts(connect=5))
        assert vendor.connections == 2


@pytest.mark.parametrize("requests", [1, 3])
async def test_connections_that_went_stale_unseen_cost_no_failure(requests: int) -> None:
    """The vendor closed them in the moment that the next request was sent, so nothing of it was read."""
    whole = raw(HEAD + b"content-length: 0\r\n\r\n")
    async with upstream(*[whole] * requests, *[raw(close=True)] * requests, whole) as vendor, pool() as connections:
        answers = [await connections.request(ask(vendor.base_url), Timeouts(connect=5)) for _ in range(requests)]
        for answer in answers:
            answer.release()
        assert (await connections.request(ask(vendor.base_url), Timeouts(connect=5))).status == 200
        assert vendor.connections == requests + 1


async def test_a_new_connection_that_gives_no_answer_is_an_error() -> None:
    async with upstream(raw(close=True)) as vendor, pool() as connections:
        with pytest.raises(ConnectionError, match="before the end of the answer"):
            await connections.request(ask(vendor.base_url), Timeouts(connect=5))
        assert len(vendor.requests) == 1


async def test_an_answer_that_broke_off_is_not_asked_for_again() -> None:
    whole = raw(HEAD + b"content-length: 0\r\n\r\n")
    async with upstream(whole, raw(HEAD, close=True)) as vendor, pool() as connections:
        (await connections.request(ask(vendor.base_url), Timeouts(connect=5))).release()
        with pytest.raises(ConnectionError, match="before the end of the answer"):
            await connections.request(ask(vendor.base_url), Timeouts(connect=5))
        assert len(vendor.requests) == 2


@pytest.mark.parametrize("upgrade", [b"upgrade: websocket\r\nconnection: upgrade\r\n", b""])
async def test_a_change_of_protocol_is_no_answer(upgrade: bytes) -> None:
    with pytest.raises(plain_http.NotHttpError):
        await body_of(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade + b"\r\nabc", close=True)


@pytest.mark.parametrize("framing", [b"5;x=", b"1\r\na\r\n0\r\nx: "], ids=["chunk extension", "trailer"])
async def test_framing_without_end_is_cut_off(framing: bytes) -> None:
    head = HEAD + b"transfer-encoding: chunked\r\n\r\n" + framing
    with pytest.raises(OSError, match="framing of the answer is too large"):
        await body_of(head, *[b"y" * 1000] * 200)


def bare(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(data) + deflate.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        (b"gzip", zlib.compress(b"hello", wbits=31)),
        (b"GZIP", zlib.compress(b"he", wbits=31) + zlib.compress(b"llo", wbits=31)),
        (b"deflate", zlib.compress(b"hello")),
        (b"deflate", bare(b"hello")),
    ],
    ids=["gzip", "two members", "zlib", "bare"],
)
async def test_a_compressed_body_is_read_though_nobody_asked_for_it(coding: bytes, packed: bytes) -> None:
    head = HEAD + b"content-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (coding, len(packed))
    for at in range(len(packed)):
        assert await body_of(head + packed[:at], packed[at:]) == b"hello"


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip, gzip"])
async def test_a_coding_that_is_not_read_is_named(coding: bytes) -> None:
    with pytest.raises(OSError, match=f"content-encoding '{coding.decode()}', which was not asked for"):
        await body_of(HEAD + b"content-encoding: %b\r\ncontent-length: 2\r\n\r\nxx" % coding)


@pytest.mark.parametrize("packed", [zlib.compress(bytes(20_000_000), wbits=31), b"not gzip"], ids=["bomb", "garbage"])
async def test_a_body_that_inflates_to_too_much_or_not_at_all_is_an_error(packed: bytes) -> None:
    with pytest.raises(OSError, match=r"inflates|content-encoding"):
        await body_of(HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed)


@pytest.mark.parametrize(
    ("url", "is_plain"),
    [
        ("https://api.example.com/v1/chat/completions", True),
        ("http://127.0.0.1:8000/v1?x=%20", True),
        ("http://user:key@example.com/", False),
        ("http://[::1]:8000/v1", False),
        ("http://exämple.com/v1", False),
        ("http://example.com/a b", False),
        ("http://example.com/#a", False),
    ],
)
def test_what_is_not_plain_is_left_to_others(url: str, is_plain: bool) -> None:
    assert plain_http.plain(url) is is_plain


def certificate(folder: Path) -> Path:
    """A key and a certificate of its own for 127.0.0.1, in one file."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vendor")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "vendor.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize("trusted", [True, False])
async def test_tls_is_spoken_with_those_who_are_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    pem = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    vendor = Upstream((raw(HEAD + b"content-length: 5\r\n\r\nhello"),))
    server = await asyncio.start_server(vendor.connected, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    async with server, pool() as connections:
        if trusted:
            assert await read(await connections.request(ask(url), Timeouts(connect=5))) == b"hello"
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                await connections.request(ask(url), Timeouts(connect=5))
        vendor.close()
