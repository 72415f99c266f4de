from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import msgspec
import pytest

from tests.providers.stories.bedrock import STORIES
from tests.providers.upstream import says, upstream
from turnstream import providers
from turnstream.events import ConfigurationError, ModelRequest, UserMessage
from turnstream.providers import anthropic, bedrock
from turnstream.providers.base import HttpRequest, HttpResponse, Settings, Token, TokenExchange
from turnstream.providers.transport.authorization import Authorization
from turnstream.providers.transport.http import HttpModel

ASK = ModelRequest((UserMessage("Hello?"),))
OPEN = Settings("m", "http://vendor.invalid")


class Exchanging:
    """Anthropic's protocol behind a token exchange of two requests."""

    def __init__(self, lifetime: float = 1000.0, base_url: str = "http://tokens.invalid") -> None:
        self.lifetime, self.base_url, self.exchanges = lifetime, base_url, 0
        self.provider = msgspec.structs.replace(anthropic.PROVIDER, exchange=self.exchange)

    def exchange(self, settings: Settings, now: float) -> TokenExchange | None:
        self.exchanges += 1
        return self._exchange(now)

    def _exchange(self, now: float) -> Generator[HttpRequest, HttpResponse, Token]:
        first = yield HttpRequest("POST", f"{self.base_url}/a", {}, b"key")
        second = yield HttpRequest("POST", f"{self.base_url}/b", {}, first.body)
        return Token(second.body.decode(), now + self.lifetime)


async def echo(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse(200, {}, request.body + b"!")


async def key_of(authorization: Authorization) -> str:
    sent = await authorization.apply(ASK, HttpRequest("POST", "http://vendor.invalid", {}, b""), echo)
    return sent.headers["x-api-key"]


async def test_concurrent_calls_wait_for_one_exchange() -> None:
    vendor = Exchanging()
    authorization = Authorization(vendor.provider, OPEN)
    assert await asyncio.gather(*(key_of(authorization) for _ in range(20))) == ["key!!"] * 20
    assert vendor.exchanges == 1


async def test_a_token_is_kept_until_it_expires() -> None:
    lasting, expired = Exchanging(), Exchanging(lifetime=-1.0)
    for vendor, exchanges in ((lasting, 1), (expired, 3)):
        authorization = Authorization(vendor.provider, OPEN)
        for _ in range(3):
            await key_of(authorization)
        assert vendor.exchanges == exchanges


async def test_a_failed_exchange_is_tried_again_by_the_next_call() -> None:
    authorization = Authorization(Exchanging().provider, OPEN)

    async def refuse(request: HttpRequest) -> HttpResponse:
        raise anthropic.PROVIDER.error(503, b"{}")

    with pytest.raises(Exception, match="overloaded"):
        await authorization.apply(ASK, HttpRequest("POST", "", {}, b""), refuse)
    assert await key_of(authorization) == "key!!"


def answer(status: str, body: bytes) -> Any:
    async def written(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status.encode(), len(body), body))
        await writer.drain()

    return written


async def test_a_token_that_the_vendor_refuses_is_renewed_once() -> None:
    refused = answer("401 Unauthorized", b'{"error":{"type":"authentication_error","message":"expired"}}')
    token = answer("200 OK", b"token")
    said = b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\ndata: {"type":"message_stop"}\n\n'
    async with upstream(token, token, refused, token, token, answer("200 OK", said)) as vendor:
        base_url = vendor.base_url
        model = HttpModel("t:m", Exchanging(base_url=base_url).provider, Settings("m", base_url))
        async with asyncio.timeout(10), model, model.stream(ASK) as stream:
            assert [event async for batch in stream for event in batch]
        assert len(vendor.requests) == 6


async def test_what_could_not_be_said_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    model = HttpModel("a:m", anthropic.PROVIDER, Settings("claude-opus-4-6", "http://vendor.invalid", "key"))
    seeded = msgspec.structs.replace(ASK, options=msgspec.structs.replace(ASK.options, seed=1))
    for _ in range(3):
        model.stream(seeded)
    assert [record.message for record in caplog.records] == [
        "a:m: seed is left out: this vendor has no such parameter."
    ]


SIGNED = Settings(
    "amazon.nova-lite-v1:0", "https://bedrock-runtime.us-east-1.amazonaws.com", quirks={"region": "us-east-1"}
)


async def test_bedrock_signs_each_try_with_the_credentials_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("botocore")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    request = bedrock.request(SIGNED, ASK)
    sent = await Authorization(bedrock.PROVIDER, SIGNED).apply(ASK, request, echo)
    assert sent.body == request.body
    assert sent.url.endswith("/model/amazon.nova-lite-v1%3A0/converse-stream")
    assert sent.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/us-east-1/bedrock/aws4_request" in sent.headers["authorization"]


async def test_what_arrives_has_the_signature_that_aws_computes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    async with upstream(says(STORIES["text"])) as vendor, asyncio.timeout(10):
        environ = {"AWS_REGION": "us-east-1"}
        model = providers.model("bedrock:us.amazon.nova-lite-v1:0", base_url=vendor.base_url, environ=environ)
        assert isinstance(model, HttpModel)
        async with model, model.stream(ASK) as stream:
            assert [event async for batch in stream for event in batch]
    head, _, body = vendor.requests[0].partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
    authorization = dict(part.split("=", 1) for part in headers["authorization"].split(" ", 1)[1].split(", "))
    signed = {name: headers[name] for name in authorization["SignedHeaders"].split(";")}
    arrived = AWSRequest("POST", f"http://{headers['host']}{line.split(' ')[1]}", signed, body)
    arrived.context["timestamp"] = headers["x-amz-date"]
    signer = auth.SigV4Auth(Credentials("AKIDEXAMPLE", "secret"), "bedrock", "us-east-1")
    string = signer.string_to_sign(arrived, signer.canonical_request(arrived))
    assert authorization["Signature"] == signer.signature(string, arrived)


async def test_missing_aws_credentials_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    pytest.importorskip("botocore")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID"):
        await Authorization(bedrock.PROVIDER, SIGNED).apply(ASK, bedrock.request(SIGNED, ASK), echo)
