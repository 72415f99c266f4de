"""Requests in a client's own protocol: read, decoded, run, answered."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from turnstream import agent as agents
from turnstream import errors, requests
from turnstream.dialects import base
from turnstream.runs.supervisor import Supervisor
from turnstream.server import deliver, refusals, replies, request, routes, scopes
from turnstream.service import Service


class Dialects:
    """Answers whatever a dialect's route matches."""

    def __init__(self, service: Service, runs: Supervisor, refuse: refusals.Refusals) -> None:
        self._service, self._runs, self._refuse = service, runs, refuse
        self._descriptions = {name: agent.description for name, agent in service.agents.items()}

    async def __call__(self, match: routes.Match, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            exchange = await self._decode(match, scope, receive)
            if not isinstance(exchange, base.Reply):
                await self._run(exchange, scope, receive)
                return
            response = replies.respond(scope, exchange)
        except ClientDisconnect:
            response = Response(status_code=400)
        except errors.TurnstreamError as error:
            response = self._refuse(scope, error)
        await response(scope, receive, send)

    async def _decode(self, match: routes.Match, scope: Scope, receive: Receive) -> base.Call | base.Reply:
        incoming = await request.read(scope, receive, match.path_params, self._service.settings, self._descriptions)
        decoded = match.dialect.decode(incoming)
        if isinstance(decoded, base.Cancellation):
            self._runs.cancel(decoded.run_id)
            return decoded.reply
        return decoded

    async def _run(self, exchange: base.Call, scope: Scope, receive: Receive) -> None:
        agent = self._agent(exchange.request.agent)
        wanted = self._with_headers(exchange.request, request.headers(scope))
        id = scopes.request_id(scope)
        handle = self._runs.start(agent, wanted, id, request_id=id)
        client = deliver.Client(scope, receive, scopes.outgoing(scope), self._refuse, self._service.settings)
        await deliver.deliver(handle, exchange, client)

    def _agent(self, name: str | None) -> agents.Agent:
        served = self._service.agents
        if name is None:
            return next(iter(served.values()))
        if name not in served:
            raise refusals.no_agent(name)
        return served[name]

    def _with_headers(self, wanted: requests.RunRequest, headers: Mapping[str, str]) -> requests.RunRequest:
        allowed = {name: headers[name] for name in self._service.settings.forward_headers if name in headers}
        return msgspec.structs.replace(wanted, headers=allowed) if allowed else wanted
