"""Threads and kept runs as data: what a store is given, and what it knows."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from turnstream import events, messages, requests

Status: TypeAlias = Literal["queued", "running", "waiting", "finished", "failed", "cancelled"]


Policy: TypeAlias = Literal["queue", "reject", "interrupt"]


Ending: TypeAlias = events.TerminalEvent | events.RunWaiting


NumberedEvents: TypeAlias = list[tuple[int, events.LogEvent]]


class ThreadKey(Struct, frozen=True):
    """What a thread is kept under. ``id`` may be a name that a client made up: two principals, or two agents, never
    meet under it. ``principal`` is the name of one (`Principal.name`)."""

    principal: str
    agent: str
    id: str


class Thread(Struct, frozen=True):
    """``length`` counts its messages; times are seconds since the epoch, by the store's clock. ``metadata`` is what its
    client notes about it."""

    key: ThreadKey
    title: str | None
    length: int
    created_at: float
    updated_at: float
    metadata: dict[str, str] = {}


class NewRun(Struct, frozen=True):
    """A run that is asked to be kept. ``id`` is the run's own.

    ``request`` says who asks and names the thread. ``said`` are those of its messages that are new to the thread: they
    are written to it together with the run's own, at its end. ``dialect`` and ``body`` are the client's request as it
    came, for the encoder of whoever resumes the stream. ``config`` is the version of the agent that it was started
    with. ``key`` is the client's Idempotency-Key, unique for each principal. With ``history`` the messages of the
    thread, as it is when the run begins, come before those of the request. With ``waits`` the run waits for the results
    of calls that it leaves to the client, instead of ending with them. ``notify`` names those who are told when it ends
    or waits (`Letter.target`), ``pushes`` are those that its client wants to be told.
    """

    id: str
    agent: str
    request: requests.RunRequest
    said: tuple[messages.Message, ...] = ()
    dialect: str = ""
    body: bytes = b""
    config: str = ""
    background: bool = False
    key: str | None = None
    policy: Policy = "queue"
    history: bool = False
    waits: bool = False
    notify: tuple[str, ...] = ()
    pushes: tuple[requests.Push, ...] = ()

    @property
    def principal(self) -> str:
        return self.request.principal.name

    @property
    def thread(self) -> ThreadKey | None:
        name = self.request.thread_id
        return None if name is None else ThreadKey(self.principal, self.agent, name)


class Submitted(Struct, frozen=True):
    """The run is in the queue. ``created`` is False where its key had started one before: ``id`` is that one's."""

    id: str
    created: bool = True


class RunState(Struct, frozen=True):
    """A run as the store knows it: kept, or only stored at its end.

    ``ending`` is its terminal event, or what it waits for. ``length`` is that of its thread at its end, which is where
    a request that names the run goes on. ``shown`` is the whole answer in the client's own protocol, where that has
    one (a Responses object); ``dialect`` and ``body`` as in `NewRun`. ``outputs`` are how many messages of the thread,
    the last of ``length``, are its answer.
    """

    id: str
    principal: str
    agent: str
    thread: str | None
    status: Status
    created_at: float
    ended_at: float | None = None
    ending: Ending | None = None
    length: int | None = None
    background: bool = False
    dialect: str = ""
    body: bytes = b""
    shown: bytes = b""
    outputs: int | None = None


class RunQuery(Struct, frozen=True):
    """Which runs of a principal are asked for; what is None or empty narrows nothing. ``since`` is the time of a run's
    last change: of its end, or of its beginning if it has not ended."""

    agent: str | None = None
    dialect: str | None = None
    thread: str | None = None
    statuses: tuple[Status, ...] = ()
    since: float | None = None


Place: TypeAlias = tuple[float, str]
"""Where a run stands in a list: its last change and its id."""


def changed_at(state: RunState) -> float:
    return state.created_at if state.ended_at is None else state.ended_at
