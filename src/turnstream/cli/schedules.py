"""``turnstream schedules``: when runs start by the clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from turnstream.cli.options import Json

if TYPE_CHECKING:
    from turnstream.outside.schedules import Schedule

_File = Annotated[
    str | None,
    typer.Argument(metavar="FILE", help="agent.yaml or a folder of such files; else as for serve.", show_default=False),
]


def schedules(
    action: Annotated[Literal["list"], typer.Argument(help="What to do.")],
    target: _File = None,
    count: Annotated[int, typer.Option("--next", min=1, max=100, help="How many times of each.")] = 3,
    as_json: Json = False,
) -> None:
    """List schedules, and the next times of each.

    Example: turnstream schedules list agent.yaml --next 5
    """
    from turnstream.cli.target import load_service

    service, now = load_service(target), datetime.now(UTC)
    if as_json:
        typer.echo(json.dumps([_as_data(schedule, now, count) for schedule in service.schedules.values()]))
        return
    for schedule in service.schedules.values():
        typer.echo(f"{schedule.name}  {schedule.cron}  {schedule.zone.key}  agent {schedule.agent}")
        for moment in islice(schedule.after(now), count):
            typer.echo(f"  {moment.isoformat(sep=' ', timespec='minutes')}")
    if not service.schedules:
        typer.echo("There are no schedules.", err=True)


def _as_data(schedule: Schedule, now: datetime, count: int) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "cron": schedule.cron,
        "timezone": schedule.zone.key,
        "agent": schedule.agent,
        "as": schedule.principal.name,
        "next": [moment.isoformat() for moment in islice(schedule.after(now), count)],
    }
