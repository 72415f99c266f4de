"""Lists of runs: what `protocols.RunQuery` and its places mean, for runs that are in memory."""

from __future__ import annotations

from collections.abc import Iterable

from turnstream import protocols


def page(
    runs: Iterable[protocols.RunState], query: protocols.RunQuery, behind: protocols.Place | None, limit: int
) -> tuple[list[protocols.RunState], int]:
    """As `Threads.runs` gives it."""
    found = sorted((state for state in runs if matches(state, query)), key=place, reverse=True)
    return [state for state in found if behind is None or place(state) < behind][:limit], len(found)


def place(state: protocols.RunState) -> protocols.Place:
    return protocols.changed_at(state), state.id


def matches(state: protocols.RunState, query: protocols.RunQuery) -> bool:
    named = ((query.agent, state.agent), (query.dialect, state.dialect), (query.thread, state.thread))
    return (
        all(wanted is None or wanted == value for wanted, value in named)
        and (not query.statuses or state.status in query.statuses)
        and (query.since is None or protocols.changed_at(state) >= query.since)
    )
