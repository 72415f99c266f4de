"""What an operator may do with a server that runs: see the runs of all principals (what there is and whose, never what
is said in it), end them, and reload the configuration."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, ClassVar, Protocol

from starlette.requests import Request
from starlette.responses import Response

from turnstream import errors, protocols
from turnstream.runs import supervisor
from turnstream.server import kept, refusals
from turnstream.server.endpoints import routing


class Reload(Protocol):
    def __call__(self, *, spread: bool) -> Awaitable[list[str]]: ...


class Admin:
    """`turnstream.server.routes` asks for the scope."""

    tag: ClassVar[str] = "admin"

    def __init__(self, live: supervisor.Supervisor, store: kept.KeptRuns, reload: Reload) -> None:
        self._live, self._store, self._reload = live, store, reload

    @routing.endpoint("POST", "/admin/reload", "Reload the configuration. One that is wrong changes nothing.")
    async def reload(self, request: Request) -> Response:
        try:
            fixed = await self._reload(spread=True)
        except errors.ConfigurationError as error:
            text = f"The configuration is wrong, and nothing has changed: {error.message}"
            raise errors.TurnstreamError(text, code="configuration_error", status=422) from error
        return routing.respond(request, {"object": "reload", "reloaded": True, "needs_restart": fixed})

    @routing.endpoint(
        "GET", "/admin/runs", "The runs of all: those that this process executes, and those that are kept."
    )
    async def recent(self, request: Request) -> Response:
        query = request.query_params
        found = await self._store.waiting.recent(
            query.get("principal"),
            query.get("agent"),
            before=query.get("before"),
            limit=routing.limit(query.get("limit")),
        )
        whose = query.get("principal")
        now = [_show_live(handle) for handle in self._live.live.values() if whose in (None, handle.principal)]
        return routing.respond(request, {"object": "list", "live": now, "data": [_show(state) for state in found]})

    @routing.endpoint("POST", "/admin/runs/{run_id}/cancel", "End a run now, of any principal.")
    async def cancel(self, request: Request) -> Response:
        run_id = request.path_params["run_id"]
        if not self._live.end(run_id) and not await _cancel_kept(self._store, run_id):
            raise refusals.no_run(run_id)
        return routing.respond(request, {"id": run_id, "object": "run", "status": "cancelled"})


async def _cancel_kept(store: kept.KeptRuns, run_id: str) -> bool:
    new = await store.waiting.request(run_id)
    return new is not None and await store.waiting.cancel(new.principal, run_id)


def _show(state: protocols.RunState) -> dict[str, Any]:
    return {
        "id": state.id,
        "object": "run",
        "principal": state.principal,
        "agent": state.agent,
        "status": state.status,
        "created_at": state.created_at,
        "ended_at": state.ended_at,
    }


def _show_live(handle: supervisor.Handle) -> dict[str, Any]:
    return {"id": handle.id, "object": "run", "principal": handle.principal, "agent": handle.agent, "status": "running"}
