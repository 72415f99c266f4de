"""What a run tells of itself."""

from __future__ import annotations

from collections.abc import Callable

from turnstream import requests


def context_of(
    agent: str, request: requests.RunRequest, run_id: str, time_left: Callable[[], float | None] = requests.no_deadline
) -> requests.RunContext:
    """What tools, models and guardrails may know of the run that answers the request."""
    return requests.RunContext(
        run_id=run_id,
        thread_id=request.thread_id,
        user=request.user,
        values=request.context,
        headers=request.headers,
        principal=request.principal,
        agent=agent,
        time_left=time_left,
    )
