"""HTTP for tools: one guarded pool, bounded answers, and retries only where a second request does no harm."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from email.message import Message
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import aiohttp
from yarl import URL

from turnstream import errors, resources
from turnstream.http_semantics import retry_after as retry_after
from turnstream.tools import bounds
from turnstream.tools.guard import ForbiddenError, Guard, Resolver

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger("turnstream.tools.http")

_REDIRECTS = 5
_IDLE_SECONDS = 4.0  # a connection is used again; servers on Node.js, uvicorn and Apache close theirs after five
_BUSY = (429, 503)
_FINAL = (501, 505)  # they will not change
_FOLLOWED = (301, 302, 303, 307, 308)
_KEPT_ON_REDIRECT = ("accept", "user-agent")
_LEAST_READ = 4 * 1024 * 1024  # bytes: of a longer text than a model gets, a projection may pick what it needs


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Times are in seconds. ``max_bytes`` is how much text of an answer a model gets. ``ca`` is a file of certificates
    to trust instead of the system's.

    ``allow_private`` is what `Guard` allows beyond public addresses. ``retries`` counts the tries after the first, of
    requests that may be repeated; ``pause`` is the first wait between two, which doubles.
    """

    timeout: float = bounds.REQUEST_SECONDS
    max_bytes: int = bounds.ANSWER_BYTES
    ca: str | None = None
    allow_private: tuple[str, ...] = ()
    retries: int = bounds.RETRIES
    pause: float = 0.5


@dataclass(frozen=True, slots=True)
class Request:
    """``repeatable``: a second one does no harm. ``url`` is encoded already."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    repeatable: bool = False

    @property
    def host(self) -> str:
        return URL(self.url, encoded=True).host or ""


@dataclass(frozen=True, slots=True)
class Response:
    """``headers`` have names in lower case. ``is_cut`` says that the body goes on; ``url`` is where it came from."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool = False
    url: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        _, _, charset = self.headers.get("content-type", "").partition("charset=")
        return charset.partition(";")[0].strip(" \"'") or None

    @property
    def size(self) -> int:
        """Bytes of the whole body, as far as that is known."""
        length = self.headers.get("content-length", "")
        return max(int(length) if length.isascii() and length.isdigit() else 0, len(self.body))

    @property
    def filename(self) -> str | None:
        """As Content-Disposition says (RFC 6266), else the last segment of the address."""
        header = Message()
        header["content-disposition"] = self.headers.get("content-disposition", "")
        segment = unquote(urlsplit(self.url).path.rpartition("/")[2])
        name = (header.get_filename() or segment).replace("\\", "/").rpartition("/")[2]
        return name[:200] or None


class BrokenError(errors.ToolError):
    """The connection could not be made, or broke: trying again may help."""


class HttpClient:
    """Entered more than once, the last to leave closes the pool. No proxy is used: the guard cannot see through it."""

    def __init__(self, options: HttpOptions | None = None) -> None:
        self.options = options or HttpOptions()
        self._guard = Guard(self.options.allow_private)
        self._session: aiohttp.ClientSession | None = None
        self._shared = resources.Shared(self._open)

    async def _open(self, stack: AsyncExitStack) -> None:
        stack.push_async_callback(self._close)

    async def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Self:
        await self._shared.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._shared.__aexit__(kind, error, trace)

    async def send(
        self, request: Request, *, may_be_cut: bool = False, persistent: bool = False, within: float | None = None
    ) -> Response:
        """The response, whatever its status. Raises `ToolError`, in words for the model; also for one that is longer
        than ``max_bytes``, unless it ``may_be_cut``.

        A busy server that says when to come back is asked again, if ``request`` may be repeated. A ``persistent``
        caller also asks again when the connection breaks, and after 5xx. Nothing is waited for that would take longer
        than the client's time-out, or than ``within`` seconds.
        """
        least = _LEAST_READ if may_be_cut else 0
        seconds = self.options.timeout if within is None else min(self.options.timeout, within)
        try:
            async with asyncio.timeout(seconds) as limit:
                response = await self._try_often(request, least, persistent, seconds)
        except TimeoutError as error:
            if not limit.expired():
                raise errors.ToolError(f"{request.host} did not answer in time.") from error
            raise errors.ToolError(f"{request.host} did not answer within {seconds:g} seconds.") from error
        if response.is_cut and not may_be_cut:
            raise errors.ToolError(f"The answer of {request.host} is longer than {self.options.max_bytes} bytes.")
        return response

    async def _try_often(self, request: Request, least: int, persistent: bool, seconds: float) -> Response:
        """After a pause that doubles, or as long as the server says."""
        tries = 1 + self.options.retries if request.repeatable else 1
        for attempt in range(tries - 1):
            response, wait = None, None
            try:
                response = await self._follow(request, least)
                wait = retry_after(response.headers, time.time())
                if not _may_help(response.status, wait, persistent):
                    return response
            except BrokenError:
                if not persistent:
                    raise
            pause = self.options.pause * 2**attempt * (0.5 + random.random() / 2) if wait is None else wait
            if pause > seconds / 2:
                if response is not None:
                    return response
                break
            await asyncio.sleep(pause)
        return await self._follow(request, least)

    async def _follow(self, request: Request, least: int) -> Response:
        for _ in range(_REDIRECTS + 1):
            response = await self._once(request, least)
            location = response.headers.get("location")
            if response.status not in _FOLLOWED or not location:
                return response
            request = self._redirect(request, location)
        raise errors.ToolError(f"{request.host} redirects too often.")

    def _redirect(self, request: Request, location: str) -> Request:
        """To another origin no header goes along that could be a credential; a body never does."""
        here = URL(request.url, encoded=True)
        try:
            there = here.join(URL(location, encoded=True))
            where = str(there)
            elsewhere = there.scheme in ("http", "https") and there.origin() != here.origin()
        except ValueError:
            raise errors.ToolError(f"{request.host} redirects to an address that is not valid.") from None
        if request.method not in ("GET", "HEAD"):
            raise errors.ToolError(f"{request.host} redirects the request, which is not followed for {request.method}.")
        if there.scheme not in ("https", here.scheme):
            raise errors.ToolError(f"{request.host} redirects to an address that is not safe.")
        headers = request.headers
        if elsewhere:
            headers = {name: value for name, value in headers.items() if name.lower() in _KEPT_ON_REDIRECT}
        return replace(request, url=where, headers=headers)

    async def _once(self, request: Request, least: int) -> Response:
        url, host, port = _parts(request.url)
        try:
            self._guard.check_literal(host, port)
            return await self._exchange(request, url, least)
        except TimeoutError:
            raise
        except (aiohttp.ClientError, OSError) as error:
            log.warning("%s %s failed: %r", request.method, host, error)
            raise _error(host, error) from error
        except ValueError as error:  # a header or an address that cannot be sent
            log.warning("%s %s cannot be sent: %r", request.method, host, error)
            raise errors.ToolError(f"The request to {host} cannot be sent.") from error

    async def _exchange(self, request: Request, url: URL, least: int) -> Response:
        async with self._open_session().request(
            request.method,
            url,
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
            skip_auto_headers=(
                "Content-Type",
            ),  # it describes a content (RFC 9110, section 8.3), and there may be none
        ) as response:
            body, is_cut = await self._body(response, max(self.options.max_bytes, least))
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Response(response.status, headers, body, is_cut, request.url)

    async def _body(self, response: aiohttp.ClientResponse, most: int) -> tuple[bytes, bool]:
        """At most so many bytes, and whether it goes on."""
        body = bytearray()
        while piece := await response.content.readany():
            body += piece
            if len(body) > most:
                response.close()
                return bytes(body[:most]), True
        return bytes(body), False

    def _open_session(self) -> aiohttp.ClientSession:
        if not self._shared.is_open:
            raise RuntimeError("enter the toolbox before you use it")
        if self._session is None:
            verified: ssl.SSLContext | bool = True
            if self.options.ca is not None:
                verified = ssl.create_default_context(cafile=self.options.ca)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=Resolver(self._guard), ssl=verified, ttl_dns_cache=60, keepalive_timeout=_IDLE_SECONDS
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
                headers={"user-agent": "turnstream"},
            )
        return self._session


def _may_help(status: int, wait: float | None, persistent: bool) -> bool:
    """Whether to ask again may get another answer."""
    if status in _BUSY and (wait is not None or persistent):
        return True
    return persistent and (status == 408 or 500 <= status < 600) and status not in _FINAL


def _parts(address: str) -> tuple[URL, str, int]:
    """With its host and its port. Raises `ToolError`."""
    try:
        url = URL(address, encoded=True)
        host, port = url.host, url.port
    except ValueError:
        raise errors.ToolError("The address of the request is not valid.") from None
    if url.scheme not in ("http", "https") or not host or url.user or url.password:
        raise errors.ToolError("The address of the request is not valid.")
    return url, host, port or 0


def _error(host: str, error: BaseException) -> errors.ToolError:
    cause: Any = error
    while cause is not None:
        if isinstance(cause, ForbiddenError):
            return errors.ToolError(f"{host} is not a public address, and requests to it are not allowed.")
        cause = cause.__cause__ or getattr(cause, "os_error", None)
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return errors.ToolError(f"The certificate of {host} could not be verified.")
        case aiohttp.ClientConnectorDNSError():
            return errors.ToolError(f"There is no host named {host}.")
        case aiohttp.ClientConnectorError():
            return BrokenError(f"{host} cannot be reached.")
        case aiohttp.InvalidURL():
            return errors.ToolError("The address of the request is not valid.")
        case _:
            return BrokenError(f"The connection to {host} broke.")
