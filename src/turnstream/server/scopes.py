"""What the server's parts tell each other in the ASGI scope."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Mapping

from starlette.types import Message, Scope, Send

from turnstream import errors, requests
from turnstream.server import direct

_HEADERS = "turnstream.headers"
_REQUEST_ID = "turnstream.request_id"
_RUN_ID = "turnstream.run_id"
_PRINCIPAL = "turnstream.principal"
_OUTGOING = "turnstream.outgoing"
_RATES = "turnstream.rates"


class Outgoing:
    """The server's ``send``, and the one place that knows whether the response has begun.

    Whatever sends, sends through it, but for the body of a stream: when that has begun, its pieces go to ``send``
    itself, so that no layer costs anything per batch.
    """

    __slots__ = ("begun", "send")

    def __init__(self, send: Send) -> None:
        self.send = send
        self.begun = False

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            if self.begun:
                raise RuntimeError("a response that has begun cannot begin again")
            self.begun = True
            direct.gather(self.send)  # the head goes out with what follows it
        return self.send(message)

    def begin(self, headers: Mapping[str, str]) -> bool:
        """With a stream, at once. False where only `send_head` can."""
        if self.begun or not direct.begin(self.send, headers):
            return False
        self.begun = True
        return True

    def send_head(self, headers: Mapping[str, str]) -> Awaitable[None]:
        """Of a stream."""
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        return self({"type": "http.response.start", "status": 200, "headers": raw})


def headers(scope: Scope) -> Mapping[str, str]:
    """By name, in lower case, the first of each: read once for each request. The names are those of all requests: a
    stream keeps its headers for long."""
    found: Mapping[str, str] | None = scope.get(_HEADERS)
    if found is None:
        fields = reversed(scope["headers"])
        found = scope[_HEADERS] = {sys.intern(str(name, "latin-1")): str(value, "latin-1") for name, value in fields}
    return found


def set_request_id(scope: Scope, id: str) -> None:
    scope[_REQUEST_ID] = id


def request_id(scope: Scope) -> str:
    found: str = scope.get(_REQUEST_ID, "")
    return found


def set_run_id(scope: Scope, id: str) -> None:
    scope[_RUN_ID] = id


def has_run(scope: Scope) -> bool:
    return _RUN_ID in scope


def set_rate_headers(scope: Scope, headers: Mapping[str, str]) -> None:
    scope[_RATES] = headers


def ids(scope: Scope) -> dict[str, str]:
    """The headers that tell a response's ids, of the request, and of the run if it came to one; and what is left of
    its rates, where it has some."""
    told = {"x-request-id": request_id(scope)}
    if _RATES in scope:
        told.update(scope[_RATES])
    if _RUN_ID in scope:
        told["x-run-id"] = scope[_RUN_ID]
    return told


def set_principal(scope: Scope, principal: requests.Principal) -> None:
    scope[_PRINCIPAL] = principal


def principal(scope: Scope) -> requests.Principal:
    """Who asks; where no key is asked that is nobody in particular."""
    found: requests.Principal = scope.get(_PRINCIPAL, requests.ANONYMOUS)
    return found


def require(scope: Scope, wanted: str) -> None:
    """Raises `TurnstreamError` (403) if who asks may not: ``wanted`` is one of `requests.SCOPES`."""
    if not principal(scope).may(wanted):
        raise forbid(wanted)


def forbid(wanted: str) -> errors.TurnstreamError:
    message = f"This needs the scope '{wanted}', which your key or token does not have."
    return errors.TurnstreamError(message, code="forbidden", status=403)


def set_outgoing(scope: Scope, send: Send) -> Outgoing:
    """From here on, what is sent goes through it."""
    outgoing = scope[_OUTGOING] = Outgoing(send)
    return outgoing


def forget_outgoing(scope: Scope) -> None:
    """The server's ``send`` holds the scope: together they, and all that the request has made, would be left to the
    collector."""
    scope.pop(_OUTGOING, None)


def outgoing(scope: Scope) -> Outgoing:
    found: Outgoing = scope[_OUTGOING]
    return found


def path(scope: Scope) -> str:
    """The path below the place where the application is mounted."""
    whole: str = scope["path"]
    return whole.removeprefix(scope.get("root_path", "")) or "/"
