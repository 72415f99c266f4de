"""Requests in a client's own protocol: read, decoded, run, answered."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from turnstream import agent as agents, errors, events, offload, protocols, requests
from turnstream.dialects import CHATS, KEEPING, RETRACTING, base, native, rate_limits
from turnstream.runs import admission, places, supervisor
from turnstream.server import (
    conversations,
    deliver,
    idempotency,
    kept,
    questions,
    refusals,
    replies,
    request,
    routes,
    scopes,
    state as states,
)
from turnstream.service import Service

_ANSWERS = (base.Reply, Response)


class Dialects:
    """Answers whatever a dialect's route matches."""

    def __init__(
        self,
        service: Service,
        state: states.State,
        admission: admission.Admission,
        conversations: conversations.Conversations,
        kept_runs: kept.KeptRuns,
        questions: questions.Questions,
        refuse: refusals.Refusals,
    ) -> None:
        self._service, self._kept, self._kept_runs, self._refuse = service, conversations, kept_runs, refuse
        self._questions, self._keys = questions, idempotency.Keys()
        self._runs, self._bodies, self._places, self._admission = state.runs, state.bodies, state.places, admission
        self._began = time.time()
        self._descriptions = {name: agent.description for name, agent in service.agents.items()}
        self._some_go_on = any(agent.on_disconnect == "go_on" for agent in service.agents.values())

    async def __call__(self, match: routes.Match, scope: Scope, receive: Receive, send: Send) -> None:
        with self._bodies.share() as share:  # until it is answered: what was decoded of a body is as large as the body
            try:
                reader = request.Reader(scope, receive, self._service.settings, share)
                principal = scopes.principal(scope)
                parameters, agents = self._resolve(match.path_params, principal), self._descriptions_for(principal)
                keeps = self._kept_runs.has_runs, self._kept.keeps
                incoming = await reader.read(supervisor.new_id(), principal, parameters, agents, *keeps, self._began)
                incoming, decoded = await self._read(match, incoming)
                if not isinstance(decoded, _ANSWERS):
                    await self._run(decoded, incoming, match.dialect.name, scope, receive)
                    return
                response = decoded if isinstance(decoded, Response) else replies.respond(scope, decoded)
            except ClientDisconnect:
                response = Response(status_code=400)
            except errors.RateLimitError as error:
                if error.rates:
                    scopes.set_rate_headers(scope, rate_limits.headers(match.dialect.name, error.rates, time.time()))
                response = self._refuse(scope, error)
            except errors.TurnstreamError as error:
                response = self._refuse(scope, error)
            await response(scope, receive, send)

    async def _read(
        self, match: routes.Match, incoming: base.ClientRequest
    ) -> tuple[base.ClientRequest, base.Exchange | base.Reply | Response]:
        """The request decoded, as that of a kept run if it or its agent wants that."""
        asked = self._kept_runs.is_wanted(incoming.headers)
        if asked:
            incoming = msgspec.structs.replace(incoming, kept=True)
        decoded = await self._decode(match, incoming)
        if asked or isinstance(decoded, _ANSWERS) or not self._keeps(decoded, incoming, asked is None):
            return incoming, decoded
        incoming = msgspec.structs.replace(incoming, kept=True)
        return incoming, await self._decode(match, incoming) if match.dialect.name in KEEPING else decoded

    async def _decode(self, match: routes.Match, incoming: base.ClientRequest) -> base.Exchange | base.Reply | Response:
        principal = incoming.principal
        if len(incoming.body) < offload.LARGE:
            decoded = match.dialect.decode(incoming)
        else:
            decoded = await offload.run(match.dialect.decode, incoming)
        if base.is_exchange(decoded):
            return decoded
        if isinstance(decoded, base.Lookup):
            name, _ = self._agent(decoded.agent, principal)
            found = await self._kept.find(decoded, principal.name, name, match.dialect.name)
            decoded = decoded.then({id: await self._kept_runs.show(state) for id, state in found.items()})
        match decoded:
            case base.Cancellation(run_id=run_id, reply=reply):
                self._runs.cancel(run_id, principal)
                self._kept.cancel(run_id)
                await self._kept_runs.cancel(principal.name, run_id)
                return reply
            case base.Listing(then=then):
                states, total = await self._kept.runs(decoded, principal.name)
                return then([await self._kept_runs.show(state) for state in states], total)
            case base.Attachment():
                return await self._attach(decoded, principal, match.dialect.name)
            case base.Subscription():
                return await self._kept_runs.subscribe(decoded)
            case base.Lookup():
                raise TypeError("a request names runs twice")
            case _:
                return decoded

    async def _attach(
        self, attachment: base.Attachment, principal: requests.Principal, dialect: str
    ) -> base.Reply | Response:
        name, _ = self._agent(attachment.agent, principal)
        state = await self._kept.find_open(principal.name, name, dialect, attachment.run_id, attachment.thread)
        again = state and await self._kept_runs.again(state, attachment.view, skips=attachment.skips)
        if not again:
            return attachment.missing
        return deliver.Again(*again, self._service.settings, self._refuse)

    def _keeps(self, exchange: base.Exchange, incoming: base.ClientRequest, is_open: bool) -> bool:
        """Whether the run is kept although its request does not ask for that: who sends a request again with its key
        wants the run of the first, and an agent may say it, where ``is_open`` leaves it to that. Nothing is kept of a
        request that forbids it."""
        if not incoming.can_keep or exchange.request.keep is not None or exchange.request.housekeeping:
            return False
        if kept.key_of(incoming.headers) is not None:
            return exchange.thread is None or exchange.thread.stores
        if not is_open or not self._some_go_on:
            return False
        _, agent = self._agent(exchange.request.agent, incoming.principal)
        return agent.on_disconnect == "go_on"

    def _resolve(self, path_params: Mapping[str, str], principal: requests.Principal) -> Mapping[str, str]:
        """An agent may stand in a path by an alias too."""
        name = path_params.get("agent")
        found = None if name is None else self._service.resolve(name, principal)
        return path_params if found is None else {**path_params, "agent": found}

    def _descriptions_for(self, principal: requests.Principal) -> Mapping[str, str]:
        if principal.agents is None:
            return self._descriptions
        return {name: text for name, text in self._descriptions.items() if principal.may_use(name)}

    async def _run(
        self, exchange: base.Exchange, incoming: base.ClientRequest, dialect: str, scope: Scope, receive: Receive
    ) -> None:
        principal, run_id, wanted = incoming.principal, incoming.id, exchange.request
        request.check_size(wanted)
        name, agent = self._agent(wanted.agent, principal)
        thread = wanted.thread_id if exchange.thread is None else exchange.thread.id
        admitted = await self._admission.admit(principal, name, thread)
        if admitted.rates:
            scopes.set_rate_headers(scope, rate_limits.headers(dialect, admitted.rates, incoming.time))
        client = deliver.Client(scope, receive, scopes.outgoing(scope), self._refuse, self._service.settings)
        if self._questions.concerns(wanted, name):
            told = await self._questions.take(
                wanted,
                principal,
                name,
                run_id,
                retracts=dialect in RETRACTING,
                one_chat=dialect in CHATS,
            )
            if told is not None:
                scopes.set_run_id(scope, told.id)
                await deliver.deliver(told, exchange, client)
                return
        asked = kept.Asked(exchange, incoming, name, dialect)
        if wanted.keep is not None or (incoming.kept and not wanted.housekeeping):
            scopes.set_run_id(scope, run_id)
            await self._run_in_store(asked, agent, client)
            return
        key = None if wanted.housekeeping else kept.key_of(incoming.headers)
        most = self._admission.most_runs(principal) or self._service.settings.max_runs_each
        place = self._places.take(principal.name, most) or await self._wait(principal, receive)
        with place, self._keys.use(principal.name, key) as use:
            scopes.set_run_id(scope, run_id)
            if exchange.thread is not None:
                turn = conversations.Turn(self._kept, exchange, principal.name, name, run_id, dialect)
                await self._run_kept(turn, agent, client, admitted.meter, asked, use)
            else:
                wait = partial(self._keep, asked, None)
                use.handle = self._start(asked, wanted, scope, admitted.meter, wait)
                await deliver.deliver(use.handle, exchange, client)

    async def _keep(
        self,
        asked: kept.Asked,
        turn: conversations.Turn | None,
        wanted: requests.RunRequest,
        batch: Sequence[events.LogEvent],
    ) -> None:
        """A run begins to wait: from now on it is the store's."""
        self._questions.has_asked(asked.agent)
        await self._kept_runs.keep(asked, turn, wanted, batch)

    async def _wait(self, principal: requests.Principal, receive: Receive) -> places.Place:
        place = await self._places.wait(principal.name, partial(_gone, receive))
        if place is None:
            raise ClientDisconnect
        return place

    async def _run_in_store(self, asked: kept.Asked, agent: agents.Agent, client: deliver.Client) -> None:
        """The run is owned by the store's keeper; the response only watches it."""
        exchange, incoming, name, dialect = asked
        keep = exchange.request.keep or requests.Keep()
        keeping = msgspec.structs.replace(exchange.request, keep=keep)
        wanted = await agent.admit(self._for(keeping, incoming, client.scope), incoming.id)
        run_id = await self._kept_runs.start(asked, wanted)
        scopes.set_run_id(client.scope, run_id)
        if run_id != incoming.id:  # its Idempotency-Key has started it before, with other ids
            exchange = await self._kept_runs.first(incoming.principal.name, run_id, dialect) or exchange
        watching = self._kept_runs.watch(run_id, name, dialect)
        background = keep.background
        if exchange.stream or not (background or dialect == native.Native.name):
            await deliver.deliver(watching, exchange, client)
            if watching.left and self._kept_runs.is_wanted(incoming.headers) is False:
                await self._kept_runs.cancel(incoming.principal.name, run_id)
            return
        collected = [] if background else await deliver.collect(watching, client)
        state = await self._kept_runs.runs.get(incoming.principal.name, run_id)
        if watching.left:
            return
        if state is None:  # deleted meanwhile
            raise refusals.no_run(run_id)
        if dialect == native.Native.name:
            reply = native.reply(state, None if background else collected)
        else:
            log = await self._kept_runs.runs.log(run_id)
            reply = exchange.reply(name, cast("list[events.RunEvent]", [event for _, event in log]))
        await replies.respond(client.scope, reply)(client.scope, client.receive, client.outgoing)

    async def _run_kept(
        self,
        turn: conversations.Turn,
        agent: agents.Agent,
        client: deliver.Client,
        meter: protocols.Meter | None,
        asked: kept.Asked,
        use: idempotency.Use,
    ) -> None:
        await turn.begin(agent.history)
        wait = partial(self._keep, asked, turn)
        try:
            use.handle = handle = self._start(asked, turn.request, client.scope, meter, wait)
        except errors.TurnstreamError:
            self._kept.open_turns.pop(turn.id)
            raise
        try:
            await deliver.deliver(handle, turn.exchange, client, turn)
        finally:
            await turn.end(handle.request, handle.messages, handle.ending)

    def _start(
        self,
        asked: kept.Asked,
        wanted: requests.RunRequest,
        scope: Scope,
        meter: protocols.Meter | None,
        wait: protocols.BeginWait,
    ) -> supervisor.Handle:
        client, name = asked.client, asked.agent
        trace = request.trace(client.headers) if self._runs.watches else {}
        return self._runs.start(
            self._service.agents[name],
            self._for(wanted, client, scope),
            client.id,
            name=name,
            request_id=client.request_id,
            dialect=asked.dialect,
            trace=trace,
            meter=meter,
            wait=wait,
        )

    def _for(self, wanted: requests.RunRequest, client: base.ClientRequest, scope: Scope) -> requests.RunRequest:
        """The request, with who asks and what tools may see of the headers."""
        principal, headers = client.principal, self._headers_for_tools(client.headers)
        timeout = None if wanted.keep is not None else request.patience(scope)  # its client may come back to a kept run
        user = principal.user or wanted.user
        return msgspec.structs.replace(wanted, principal=principal, headers=headers, user=user, timeout=timeout)

    def _agent(self, name: str | None, principal: requests.Principal) -> tuple[str, agents.Agent]:
        """The agent of that name, and its name; the first one without."""
        found = self._service.resolve(name, principal)
        if found is None:
            raise refusals.no_agent(name or "", self._service.agents_of(principal))
        return found, self._service.agents[found]

    def _headers_for_tools(self, headers: Mapping[str, str]) -> dict[str, str]:
        allowed = self._service.settings.forward_headers
        return {name: headers[name] for name in allowed if name in headers} if allowed else {}


async def _gone(receive: Receive) -> None:
    """When the client is: of its request there is nothing left to come."""
    while (await receive())["type"] != "http.disconnect":
        pass
