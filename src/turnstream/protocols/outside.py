"""What runs start by and whom they tell, as a store keeps it: schedules, letters, push targets."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from turnstream import requests
from turnstream.protocols import kept


class Firing(Struct, frozen=True):
    """The last nominal time of a schedule that some replica has dealt with, in seconds since the epoch. ``run_id`` is
    the last run that it started; None after one that was missed, or before the first."""

    at: float
    run_id: str | None = None


class Firings(Protocol):
    """What the schedules of all replicas have done. Raises `StoreError`."""

    async def time(self) -> float:
        """The store's clock, in seconds since the epoch."""
        ...

    async def last(self, schedule: str) -> Firing | None:
        """None for a schedule that is new to the store."""
        ...

    async def advance(self, schedule: str, at: float, run_id: str | None = None) -> None:
        """This nominal time is dealt with; nothing where a later one is already."""
        ...


class Letter(Struct, frozen=True):
    """That somebody, ``target``, is to be told of a run that has ended or waits. ``seq`` is the place of that event in
    its log, ``at`` when it was stored, in seconds since the epoch."""

    target: str
    run: str
    principal: str
    status: kept.Status
    seq: int
    at: float

    @property
    def id(self) -> str:
        """The same for each try, and for each who is told."""
        return f"msg_{self.run.removeprefix('run_')}_{self.seq}"


class Posted(Struct, frozen=True):
    """A letter that this process is to deliver, for as long as a lease lasts. ``tries`` counts this one too."""

    number: int
    letter: Letter
    tries: int


class Outbox(Protocol):
    """Letters that are not delivered yet. They are posted with the event that they tell of, in one transaction, and
    stay until they are done, whoever dies meanwhile. Raises `StoreError`."""

    async def claim(self, most: int) -> list[Posted]:
        """Letters that are due, which no other process gets before the lease is over."""
        ...

    async def later(self, posted: Posted, seconds: float) -> None:
        """Try it again, not before so many seconds."""
        ...

    async def done(self, posted: Posted) -> None: ...

    async def wait(self, seconds: float) -> None:
        """Until a letter is posted, or so long."""
        ...


class Pushes(Protocol):
    """Whom clients want to be told of their runs. Whoever may see the run was asked before. Raises `StoreError`."""

    async def put(self, run_id: str, push: requests.Push) -> bool:
        """Add it, or put it in the place of the one with its id. False where no such run is stored."""
        ...

    async def list(self, run_id: str) -> list[requests.Push]: ...

    async def remove(self, run_id: str, id: str) -> None: ...
