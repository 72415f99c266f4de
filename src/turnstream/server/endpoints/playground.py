"""The page, and the two things that only the page asks for: what this server offers, and a run as a wire's bytes.

The page comes from the package (`server/playground/`, built from `playground/` in the repository). Its files hold
nothing of this server, so they need no key; whatever the page then asks for does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from turnstream import __version__, errors, events, jsontext, requests
from turnstream.dialects import base, native
from turnstream.server import addresses, refusals, replies, request as incoming, routes, scopes, state as states
from turnstream.server.endpoints import routing
from turnstream.service import ServerSettings, Service

_HTML, _SCRIPT, _STYLE = "text/html; charset=utf-8", "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_PAGE = {
    "/": ("index.html", _HTML),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/assets/index.js": ("assets/index.js", _SCRIPT),
    "/assets/index.css": ("assets/index.css", _STYLE),
}
_DOCS = {
    "/docs": ("docs.html", _HTML),
    "/assets/docs.js": ("assets/docs.js", _SCRIPT),
    "/assets/swagger-ui.js": ("assets/swagger-ui.js", _SCRIPT),
    "/assets/swagger-ui.css": ("assets/swagger-ui.css", _STYLE),
}
_FOLDER = Path(__file__).parent.parent / "playground"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{styles}; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "cache-control": "no-cache",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class WireRequest(Struct, frozen=True):
    """``body`` is a request in the wire's own protocol, ``events`` those of the run that answered it."""

    body: dict[str, Any]
    events: list[events.RunEvent]
    agent: str = ""


_decode = msgspec.json.Decoder(WireRequest).decode


def paths(settings: ServerSettings) -> frozenset[str]:
    """Those that need no key: files of the package, which hold nothing of this server."""
    return frozenset(_DOCS) | (frozenset(_PAGE) if is_served(settings) else frozenset())


def is_served(settings: ServerSettings) -> bool:
    """The page is not served where strangers can reach the server without a key."""
    return settings.playground and (settings.asks_who or addresses.is_loopback(settings.host))


def add(
    api: routing.Api, service: Service, state: states.State, table: routes.Routes, refuse: refusals.Refusals
) -> None:
    _add_files(api, _DOCS, " 'unsafe-inline'")  # Swagger UI styles its elements so
    if not is_served(service.settings):
        return
    _add_files(api, _PAGE)

    async def settings(request: Request) -> Response:
        wires = [
            {"name": name, "method": route.method, "path": route.path} for name, (route, _) in _wires(table).items()
        ]
        kept, threads = state.keeps_runs, service.settings.store != "none"
        offered = {"version": __version__, "kept": kept, "threads": threads, "wires": wires}
        offered["model"] = shows_model(service.settings, scopes.principal(request.scope))
        return replies.respond(request.scope, base.Reply(200, jsontext.encode(offered)))

    async def answer(
        request: Request, reply: Callable[[base.ClientRequest], base.Reply | Awaitable[base.Reply]]
    ) -> Response:
        try:
            with state.bodies.share() as share:
                reader = incoming.Reader(request.scope, request.receive, service.settings, share)
                who = scopes.principal(request.scope)
                shown = reply(await reader.read("run_shown", who, {}, _descriptions(service, request)))
                return replies.respond(request.scope, await shown if isinstance(shown, Awaitable) else shown)
        except errors.TurnstreamError as error:
            return refuse(request.scope, error)

    async def wire(request: Request) -> Response:
        return await answer(request, partial(_encode, table, request.path_params["name"]))

    async def model(request: Request) -> Response:
        return await answer(request, partial(_model_view, service))

    api.add("/playground/settings", settings, "GET")
    api.add("/playground/wires/{name}", wire, "POST")
    api.add("/playground/model", model, "POST")


def shows_model(settings: ServerSettings, principal: requests.Principal) -> bool:
    """Instructions and tools are the operator's own: who works on the machine itself sees what a model sees, and where
    one must say who one is, an administrator."""
    return principal.may("admin") if settings.asks_who else addresses.is_loopback(settings.host)


async def _model_view(service: Service, client: base.ClientRequest) -> base.Reply:
    if not shows_model(service.settings, client.principal):
        raise refusals.not_routed(client.method, client.path, 404, "", None)
    exchange = cast("base.Exchange", native.Native().decode(client))
    agents = service.agents_of(client.principal)
    agent = agents.get(exchange.request.agent or next(iter(agents), ""))
    if agent is None:
        raise refusals.no_agent(exchange.request.agent or "", agents)
    asked = await agent.run(exchange.request).preview()
    preview = getattr(agent.model, "preview", None)
    sent = None if preview is None else preview(asked)
    shown = {"messages": asked.messages, "tools": asked.tools, "options": asked.options, "sent": sent}
    return base.Reply(200, jsontext.encode(shown))


def _add_files(api: routing.Api, files: dict[str, tuple[str, str]], styles: str = "") -> None:
    headers = {**_HEADERS, "content-security-policy": _POLICY.format(styles=styles)}

    def endpoint(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
        async def file(request: Request) -> Response:
            shown = {**headers, **scopes.ids(request.scope)}
            return FileResponse(_FOLDER / name, media_type=media_type, headers=shown)

        return file

    for path, (name, media_type) in files.items():
        api.add(path, endpoint(name, media_type), "GET", "HEAD")


def _wires(table: routes.Routes) -> dict[str, tuple[base.Route, base.Dialect]]:
    """By dialect, the route by which an agent is asked."""
    found: dict[str, tuple[base.Route, base.Dialect]] = {}
    for route, dialect in table.rows:
        if route.method == "POST" and route.header is None:
            found.setdefault(dialect.name, (route, dialect))
    return dict(sorted(found.items()))


def _descriptions(service: Service, request: Request) -> dict[str, str]:
    return {name: agent.description for name, agent in service.agents_of(scopes.principal(request.scope)).items()}


def _encode(table: routes.Routes, name: str, client: base.ClientRequest) -> base.Reply:
    """What a client of that wire would have been sent: encoders are pure, so the same events give the same bytes."""
    wires = _wires(table)
    if name not in wires:
        raise errors.RequestError(f"Unknown wire '{name[:100]}'.", code="not_found", status=404)
    try:
        asked = _decode(client.body)
        body = jsontext.encode(asked.body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise errors.RequestError(f"The request body is not as expected: {error}", code="invalid_json") from None
    route, dialect = wires[name]
    agent = asked.agent or next(iter(client.agents), "")
    shown = msgspec.structs.replace(
        client, body=body, path_params={"agent": agent}, path=route.path.format(agent=agent)
    )
    exchange = dialect.decode(shown)
    if not hasattr(exchange, "encoder"):
        raise errors.RequestError("This request is answered without a run.", code="invalid_request")
    encoder = cast("base.Exchange", exchange).encoder(agent)
    return base.Reply(200, b"".join([encoder.feed([event]) for event in asked.events]) + encoder.close(), "text/plain")
