"""Runs that start by the clock.

All replicas of a server have the same schedules, and each looks at all of them: whoever comes first starts the run. Two
things make that once. The run has an Idempotency-Key that is made of the schedule and the nominal time, so that two
replicas, or one that died between two lines, start the same run. And the store remembers the last nominal time that
somebody has dealt with, so that it is dealt with once after days too, when the key is forgotten.

Times are the store's: the clock of a replica that is wrong starts nothing early.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import dropwhile
from types import TracebackType
from typing import TYPE_CHECKING

from msgspec.structs import replace

from turnstream import agent as agents, errors, messages, protocols, requests

if TYPE_CHECKING:
    from typing import Self
    from zoneinfo import ZoneInfo

logger = logging.getLogger(__name__)

GRACE = 600.0
# Seconds between two looks at the clock: it may be set, and a machine may sleep.
_LONGEST_SLEEP = 30.0
# Until a store that did not answer is asked again.
_PAUSE = 5.0
_OPEN = ("queued", "running", "waiting")


def _utc() -> ZoneInfo:
    from zoneinfo import ZoneInfo  # it looks for the system's zones: a server without schedules need not

    return ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Schedule:
    """``cron`` has five fields, and means the clock on the wall of ``zone``, as Debian's cron reads it: a time that the
    clock jumps over is at the jump, one that it shows twice is the first of them, and what is asked for every hour or
    every minute follows the time that passes.

    ``thread`` names one of the principal's conversations with the agent, which each run goes on with. ``grace`` is how
    many seconds late a firing may be. Raises `ConfigurationError` for a ``cron`` that never fires.
    """

    name: str
    cron: str
    agent: str
    messages: tuple[messages.Message, ...]
    zone: ZoneInfo = field(default_factory=_utc)
    principal: requests.Principal = requests.ANONYMOUS
    thread: str | None = None
    grace: float = GRACE

    def __post_init__(self) -> None:
        if len(self.cron.split()) != 5:
            raise errors.ConfigurationError("expected five fields: minute, hour, day, month, weekday")
        import cronsim  # a server without schedules need not load it

        try:
            next(cronsim.CronSim(self.cron, datetime.now(self.zone)))
        except cronsim.CronSimError as error:
            raise errors.ConfigurationError(f"cannot be read: {str(error).lower()}") from error
        except StopIteration:
            raise errors.ConfigurationError("no day matches it") from None

    @property
    def key(self) -> str:
        """What the store knows it by. With other times it is another schedule, which has missed nothing."""
        return f"{self.name} {' '.join(self.cron.split())} {self.zone.key}"

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The nominal times after the moment. The library, asked in the hour that the clock shows twice, begins with
        one of that hour's first pass."""
        import cronsim

        found = cronsim.CronSim(self.cron, moment.astimezone(self.zone))
        return dropwhile(lambda nominal: nominal.astimezone(UTC) <= moment, found)

    def due(self, since: datetime, now: datetime) -> datetime | None:
        """The last nominal time after the one and not after the other."""
        found = None
        for nominal in self.after(since):
            if nominal.astimezone(UTC) > now:  # not as it is: two times of one zone are compared by its clock alone
                return found
            found = nominal
        return found

    def run(self, id: str, nominal: datetime) -> protocols.NewRun:
        request = requests.RunRequest(
            self.messages,
            agent=self.agent,
            thread_id=self.thread,
            principal=self.principal,
            context={"schedule": self.name, "scheduled_at": _iso(nominal)},
            keep=requests.Keep(background=True),
        )
        key = f"schedule {self.key} {_iso(nominal)}"
        return protocols.NewRun(id, self.agent, request, background=True, key=key, history=self.thread is not None)


class Scheduler:
    """``async with`` it. ``start`` accepts a run, ``new_id`` makes its id. ``clock`` is by default the store's."""

    def __init__(
        self,
        schedules: Mapping[str, Schedule],
        *,
        agents: Mapping[str, agents.Agent],
        firings: protocols.Firings,
        runs: protocols.Runs,
        start: Callable[[protocols.NewRun], Awaitable[protocols.Submitted]],
        new_id: Callable[[], str],
        clock: Callable[[], Awaitable[float]] | None = None,
    ) -> None:
        self.schedules, self.agents = schedules, agents
        self._firings, self._runs, self._start, self._new_id = firings, runs, start, new_id
        self._clock = clock or firings.time
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def change(self, schedules: Mapping[str, Schedule], agents: Mapping[str, agents.Agent]) -> None:
        """From now on these count."""
        self.schedules, self.agents = schedules, agents
        self._changed.set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Start nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                self._changed.clear()
                pause = await self.look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._changed.wait()
            except Exception:  # one schedule that fails must not stop the others for good
                logger.exception("the schedules could not be looked at")
                await asyncio.sleep(_PAUSE)

    async def look(self) -> float:
        """Start what is due. Seconds until it is worth looking again."""
        if not self.schedules:
            return _LONGEST_SLEEP
        try:
            now = _moment(await self._clock())
        except errors.StoreError:
            return _PAUSE
        settled = [await self._settle(schedule, now) for schedule in self.schedules.values()]
        if not all(settled):
            return _PAUSE
        due = [(next(schedule.after(now)) - now).total_seconds() for schedule in self.schedules.values()]
        return min([_LONGEST_SLEEP, *due])

    async def _settle(self, schedule: Schedule, now: datetime) -> bool:
        """Deal with its last nominal time, if nobody has. False: that was not possible, and may be later."""
        try:
            before = await self._firings.last(schedule.key)
            if before is None:  # it is new, and has missed nothing
                await self._firings.advance(schedule.key, now.timestamp())
            elif next(schedule.after(_moment(before.at))) <= now:
                at, run_id = await self._fire(schedule, now, before)
                await self._firings.advance(schedule.key, at.timestamp(), run_id)
        except (errors.StoreError, errors.QueueFullError) as error:
            logger.warning("schedule %s: cannot start a run now: %s", schedule.name, error)
            return False
        return True

    async def _fire(self, schedule: Schedule, now: datetime, before: protocols.Firing) -> tuple[datetime, str | None]:
        """Start a run, if it may. What is dealt with then, and by which run."""
        since = max(_moment(before.at), now - timedelta(seconds=schedule.grace))
        if (nominal := schedule.due(since, now)) is None:
            text = "schedule %s: %s was missed, and is too long ago"
            logger.warning(text, schedule.name, _iso(next(schedule.after(_moment(before.at)))))
            return now, None
        if before.run_id is not None and await self._is_open(schedule, before.run_id):
            text = "schedule %s: %s is skipped: the run %s has not ended"
            logger.warning(text, schedule.name, _iso(nominal), before.run_id)
            return nominal, before.run_id
        try:
            submitted = await self._submit(schedule, nominal)
        except (errors.StoreError, errors.QueueFullError):
            raise
        except errors.TurnstreamError as error:
            logger.error("schedule %s: %s could not start: %s", schedule.name, _iso(nominal), error)
            return nominal, None
        if submitted.created:
            logger.info("schedule %s: %s started the run %s", schedule.name, _iso(nominal), submitted.id)
        return nominal, submitted.id

    async def _is_open(self, schedule: Schedule, run_id: str) -> bool:
        state = await self._runs.get(schedule.principal.name, run_id)
        return state is not None and state.status in _OPEN

    async def _submit(self, schedule: Schedule, nominal: datetime) -> protocols.Submitted:
        """As any kept run, through the guardrails of its agent."""
        new = schedule.run(self._new_id(), nominal)
        request = await self.agents[schedule.agent].admit(new.request, new.id)
        said = [message for message in request.messages if not isinstance(message, messages.SystemMessage)]
        return await self._start(replace(new, request=request, said=tuple(said)))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
