"""Which dialect a request belongs to: one table for answers, for refusals, and for what needs no key."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from starlette.routing import compile_path
from starlette.types import Scope

from turnstream.dialects import base
from turnstream.server import scopes

HEALTH = frozenset({"/healthz", "/readyz", "/health"})  # answered also while the server drains
# What a principal needs for a path that begins so, one of these; for all others it is `runs`.
_SCOPES = (
    ("/metrics/", ("metrics",)),
    ("/admin/", ("admin",)),
    ("/v1/approvals/", ("approve", "runs")),  # those of its own runs, too
)
_STARTS = tuple(start for start, _ in _SCOPES)
_USUAL = ("runs",)
_PUBLIC = HEALTH | {"/openapi.json"}
_SIGNED = "/approve/"  # paths of links, which are their own key


class Match(NamedTuple):
    dialect: base.Dialect
    path_params: Mapping[str, str]


class Routes:
    """The dialects' routes. Of two that share a path, the first that fits the request's headers counts."""

    def __init__(self, dialects: Sequence[base.Dialect], public: Collection[str] = ()) -> None:
        """``public`` are further paths that need no key."""
        self.rows = [(route, dialect) for dialect in dialects for route in dialect.routes]
        self._patterns = [(compile_path(route.path)[0], route, dialect) for route, dialect in self.rows]
        self._public_paths = _PUBLIC.union(public)
        self._public = [pattern for pattern, route, _ in self._patterns if route.public]
        self._exact: dict[tuple[str, str], list[tuple[base.Route, Match]]] = {}
        for route, dialect in self.rows:
            if "{" not in route.path:
                self._exact.setdefault((route.method, route.path), []).append((route, Match(dialect, {})))

    def match(self, scope: Scope) -> Match | None:
        """Who answers it."""
        method = scope["method"]
        for route, match in self._exact.get((method, scopes.path(scope)), ()):
            if route.header is None or route.header in scopes.headers(scope):
                return match
        return next((match for route, match in self._matches(scope) if route.method == method), None)

    def dialect(self, scope: Scope) -> base.Dialect | None:
        """Who words its errors: that is the path's to say, whatever the method."""
        return next((match.dialect for _, match in self._matches(scope)), None)

    def knows(self, path: str) -> bool:
        return path == "/v1/models" or any(pattern.match(path) for pattern, _, _ in self._patterns)

    def scopes_of(self, scope: Scope) -> Sequence[str]:
        """Of `requests.SCOPES`, one of which it needs if it is not public."""
        path = f"{scopes.path(scope)}/"
        if not path.startswith(_STARTS):
            return _USUAL
        for start, wanted in _SCOPES:
            if path.startswith(start):
                return wanted
        return _USUAL

    def is_public(self, scope: Scope) -> bool:
        """Whether it is answered without a key: what a client reads before it knows how to authenticate."""
        path = scopes.path(scope)
        if path.startswith(_SIGNED):
            return True
        return path in self._public_paths or any(pattern.match(path) for pattern in self._public)

    def _matches(self, scope: Scope) -> Iterator[tuple[base.Route, Match]]:
        path = scopes.path(scope)
        for pattern, route, dialect in self._patterns:
            if (found := pattern.match(path)) is not None and _fits(route, scope):
                yield route, Match(dialect, found.groupdict())


def _fits(route: base.Route, scope: Scope) -> bool:
    return route.header is None or route.header in scopes.headers(scope)
