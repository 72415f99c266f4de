"""What the endpoints of our own API have in common: errors in OpenAI's form, answers as JSON, pages of lists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from turnstream import errors, jsontext
from turnstream.dialects import base
from turnstream.server import refusals, replies

MOST_LISTED = 100
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
Method = TypeVar("Method", bound=Callable[..., Awaitable[Response]])


class Row(NamedTuple):
    """One endpoint: who answers, and what the OpenAPI document says of it."""

    path: str
    endpoint: Endpoint
    methods: Sequence[str]
    summary: str = ""
    tag: str = ""
    described: dict[str, Any] | None = None
    """Added to what the document says by itself; None leaves the endpoint out."""


class Api:
    """The endpoints of our own API, in the order in which they are tried."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, path: str, endpoint: Endpoint, *methods: str) -> None:
        """An endpoint that the document leaves out."""
        self.rows.append(Row(path, endpoint, methods))

    def describe(
        self,
        path: str,
        endpoint: Endpoint,
        method: str,
        summary: str,
        tag: str,
        described: dict[str, Any] | None = None,
    ) -> None:
        """An endpoint of the document."""
        self.rows.append(Row(path, endpoint, (method,), summary, tag, described or {}))

    def routes(self) -> list[Route]:
        made = [Route(row.path, row.endpoint, methods=list(row.methods)) for row in self.rows]
        for route, row in zip(made, self.rows, strict=True):
            route.methods = set(row.methods)  # Starlette adds HEAD to GET, also where the whole answer is made for it
        return made


def endpoint(method: str, path: str, summary: str) -> Callable[[Method], Method]:
    """A decorator of methods that take a request: they are endpoints of the class."""

    def mark(function: Method) -> Method:
        function.__dict__["endpoint"] = (method, path, summary)
        return function

    return mark


class Endpoints(Protocol):
    """An object whose methods are endpoints; ``tag`` is what the document has them under."""

    tag: ClassVar[str]


def add(api: Api, refuse: refusals.Refusals, endpoints: Endpoints) -> None:
    """All endpoints of the object, in their order. What they raise is answered in OpenAI's form."""
    for name, function in vars(type(endpoints)).items():
        if (marked := getattr(function, "endpoint", None)) is not None:
            method, path, summary = marked
            api.describe(path, _answer(getattr(endpoints, name), refuse), method, summary, endpoints.tag)


def _answer(respond_to: Endpoint, refuse: refusals.Refusals) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await respond_to(request)
        except errors.TurnstreamError as error:
            return refuse(request.scope, error)

    answer.__name__ = getattr(respond_to, "__name__", "answer")
    return answer


def respond(request: Request, body: dict[str, Any]) -> Response:
    return replies.respond(request.scope, base.Reply(200, jsontext.encode(body)))


def number(given: str | None, name: str) -> int:
    if not given:
        return 0
    if not given.isdecimal() or len(given) > 15:
        raise errors.RequestError(f"{name}: expected a whole number.", param=name, code="invalid_value")
    return int(given)


def limit(given: str | None, default: int = 20) -> int:
    """How many of a list are asked for."""
    count = default if given is None else number(given, "limit")
    if not 0 < count <= MOST_LISTED:
        text = f"limit: expected a number from 1 to {MOST_LISTED}."
        raise errors.RequestError(text, param="limit", code="invalid_value")
    return count
