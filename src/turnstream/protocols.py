"""What the parts ask of each other. They satisfy these without importing each other."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol, TypeAlias, cast

from msgspec import Struct

from turnstream import asks, events, messages, requests, toolspec


class ModelStream(Protocol):
    """The answer of one model call: an async iterator of batches, each the events of one network read.

    An async generator will do. One that may be the answer of any of several models says in ``model`` which it is.
    """

    def __aiter__(self) -> AsyncIterator[list[events.ModelEvent]]: ...

    def __anext__(self) -> Awaitable[list[events.ModelEvent]]: ...


Take: TypeAlias = Callable[[list[events.ModelEvent]], bool]
"""Takes a batch at once, or says that it does not."""


class RelayStream(ModelStream, Protocol):
    """A stream that can hand its batches on without waking the task that reads it: where a token is a read of its own,
    waking costs more than the token."""

    def relay(self, take: Take) -> Awaitable[list[events.ModelEvent]]:
        """The next batch that ``take`` does not take. Each is offered as it comes, maybe from within the network read.
        Ends, and raises, as ``__anext__`` does; what ``take`` raises, it raises too."""
        ...


def relay_of(stream: ModelStream) -> Callable[[Take], Awaitable[list[events.ModelEvent]]] | None:
    """``stream.relay``; None if it has none."""
    return getattr(stream, "relay", None)


class Model(Protocol):
    """Answers one `ModelRequest` as a stream. ``name`` is what logs and status lines call it: ``openai:gpt-5-mini``.

    ``context`` says which run asks, and for whom, as a toolbox hears it too.

    Leaving the stream's ``async with`` closes the connection. Raises `ProviderError`. A model that owns a resource
    is an async context manager too; whoever owns the agent enters it.
    """

    @property
    def name(self) -> str: ...

    def stream(
        self, request: requests.ModelRequest, context: requests.RunContext
    ) -> AbstractAsyncContextManager[ModelStream]: ...


class RequestModel(Protocol):
    """A model whose ``stream`` takes the request alone: enough for one that needs to know nothing of the run."""

    @property
    def name(self) -> str: ...

    def stream(self, request: requests.ModelRequest) -> AbstractAsyncContextManager[ModelStream]: ...


AnyModel: TypeAlias = Model | RequestModel
OpenStream: TypeAlias = Callable[[requests.ModelRequest, requests.RunContext], AbstractAsyncContextManager[ModelStream]]


def opener(model: AnyModel) -> OpenStream:
    """The model's ``stream``, whether or not that wants the context."""
    open_with_context = cast("Model", model).stream
    try:
        parameters = inspect.signature(open_with_context).parameters.values()
    except (TypeError, ValueError):  # a callable without a signature
        return open_with_context
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    if len(positional) > 1 or any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return open_with_context
    open_alone = cast("RequestModel", model).stream
    return lambda request, context: open_alone(request)


class Toolbox(Protocol):
    """Some tools. A toolbox that owns a resource (a session, a thread pool) is an async context manager too.

    One whose tools are the same for every run may have them in ``specs``, and is not asked each time. One that can find
    out whether a call had its effect has a method ``verify`` with the parameters of `call`: it gives the result of a
    call that had, None for one that had not and shall be made, and raises where it does not know.
    """

    async def tools(self, context: requests.RunContext) -> Sequence[toolspec.ToolSpec]:
        """The tools that this run may use, now."""
        ...

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        """Execute one call. Raises `ToolError` to tell the model what went wrong. Is cancelled when the run is left."""
        ...


Give: TypeAlias = Callable[[list[events.RunEvent]], bool]
"""Takes a batch of a run at once, or says that it does not: then it comes as a batch. Never raises."""


class Guard(Protocol):
    """Stands between the events of one run and whoever reads them."""

    @property
    def stopped(self) -> events.FinishReason | None:
        """Why the run must end; None while it may go on."""
        ...

    def feed(self, batch: list[events.RunEvent]) -> AsyncGenerator[list[events.RunEvent]]:
        """What may be shown of the batch, and of what was held back before. Never raises."""
        ...

    def unfinished(self) -> messages.AssistantMessage | None:
        """What was shown of the step that was stopped, if no `StepFinished` has told it."""
        ...


class Meter(Protocol):
    """Counts what one run uses against what somebody else lets it use: a principal's day, a thread."""

    def count(self, tokens: int, cost: float, tool_calls: int) -> None:
        """So much more was used."""
        ...

    def spent(self) -> str | None:
        """What is used up, in words; None while the run may go on."""
        ...

    def calls_left(self) -> tuple[int, str] | None:
        """How many more tool calls may be executed, and why no more; None: as many as there are."""
        ...


class Counters(Protocol):
    """Numbers by name, which are forgotten ``lifetime`` seconds after the last addition. Raises `StoreError`."""

    async def add(self, amounts: Mapping[str, int], lifetime: float) -> Mapping[str, int]:
        """Their new values."""
        ...

    async def get(self, names: Sequence[str]) -> Mapping[str, int]:
        """All of them; 0 for one that is not there."""
        ...


class RunInfo(Struct, frozen=True):
    """What is known of a run before its first event.

    ``dialect`` is how its client speaks, "" for a run without one. ``trace`` are the headers of W3C Trace Context that
    the request came with. ``kept`` says that the run has a log, ``attempt`` counts its owners.
    """

    id: str
    agent: str
    principal: str = requests.ANONYMOUS.name
    dialect: str = ""
    thread_id: str | None = None
    request_id: str = ""
    trace: dict[str, str] = {}
    kept: bool = False
    attempt: int = 1


class Watcher(Protocol):
    """Sees the events of one run, in the task that the run goes on in. What it raises is logged, and ends nothing."""

    @property
    def trace_id(self) -> str:
        """For log lines; "" if it has none."""
        ...

    def feed(self, batch: list[events.RunEvent]) -> None: ...

    def close(self, ending: events.TerminalEvent) -> None:
        """The run is over. It may have been ended from outside, after events that told nothing of it."""
        ...


Watch: TypeAlias = Callable[[RunInfo], Watcher]


class Guardrails(Protocol):
    """What an agent lets in and out."""

    async def admit(self, request: requests.RunRequest, context: requests.RunContext) -> requests.RunRequest:
        """The request as the run may see it. Raises `RequestError` for one that is refused."""
        ...

    def watch(self, context: requests.RunContext) -> Guard | None:
        """None if the events of a run may be read as they are."""
        ...


# ------------------------------------------------------------------------------------------------ threads and kept runs

Status: TypeAlias = Literal["queued", "running", "waiting", "finished", "failed", "cancelled"]
Policy: TypeAlias = Literal["queue", "reject", "interrupt"]
Ending: TypeAlias = events.TerminalEvent | events.RunWaiting
NumberedEvents: TypeAlias = list[tuple[int, events.LogEvent]]


class FencedError(Exception):
    """Somebody else wrote at this place of the log: the run is theirs now. Whoever is told so stops, and touches
    neither the log nor the queue again."""


class AskError(BaseException):
    """Raised by a call of a kept run that cannot be made, or cannot be answered, without a word from outside: the run
    waits for that, holding nothing, and the call is made again with it. Code that catches every `Exception` lets it
    through."""

    def __init__(self, ask: asks.Ask) -> None:
        super().__init__(ask.kind)
        self.ask = ask


BeginWait: TypeAlias = Callable[[requests.RunRequest, Sequence[events.LogEvent]], Awaitable[None]]
"""Keeps a run that begins to wait: what it answers, and all that it has told up to that."""


class MovedError(Exception):
    """The thread has another length than its writer thought: somebody else wrote."""


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


class Claim(Protocol):
    """The right to write the log of one run, until somebody else has it.

    ``attempt`` counts the run's owners. ``lost`` is set when the run is known to be another's, ``cancelled`` when
    somebody wants it to end.
    """

    new: NewRun
    attempt: int
    lost: asyncio.Event
    cancelled: asyncio.Event

    async def log(self) -> NumberedEvents:
        """All events so far. The next `append` goes behind the last of these."""
        ...

    async def append(self, batch: Sequence[events.LogEvent], said: Sequence[messages.Message] = ()) -> int:
        """Store the events behind those that this owner knows, whole or not at all, and give the seq of the last.

        With the terminal event come the run's messages, ``said``, which are stored in its thread with it. Raises
        `FencedError`. While the store is away it goes on trying, until the lease is lost.
        """
        ...

    async def release(self) -> None:
        """The run has ended or waits, and its log says so: nobody else shall claim it."""
        ...

    async def give_back(self) -> None:
        """Let another owner go on at once. Does nothing for a run that is released or lost."""
        ...


class Runs(Protocol):
    """Kept runs: their logs, their queue, who owns each. An async context manager."""

    async def submit(self, new: NewRun, *, here: bool = False) -> Claim | Submitted:
        """Accept a run, once for each of its keys. ``here`` asks to own it at once: without a queue before it, it is
        claimed. Raises `ThreadBusyError`, `QueueFullError`, `StoreError`."""
        ...

    def claims(self) -> AsyncIterator[Claim]:
        """For ever: new runs, answered runs, runs whose owner died; as many as this process has slots for."""
        ...

    def tail(self, run_id: str, after: int = 0) -> AsyncIterator[NumberedEvents]:
        """The events behind ``after``, from the log and then live, to the terminal one. Raises `LogExpiredError`, and
        `LogResetError` where the log is shorter than ``after``. Whoever may see the run was asked before (`get`)."""
        ...

    async def get(self, principal: str, run_id: str, agent: str | None = None) -> RunState | None: ...

    async def log(self, run_id: str) -> NumberedEvents:
        """All events so far."""
        ...

    async def check(self, run_id: str, after: int) -> None:
        """Whether it can be watched from there: raises what `tail` would raise first."""
        ...

    async def show(self, run_id: str, shown: bytes) -> None:
        """Keep the answer in the client's own protocol (`RunState.shown`), for when the log is gone."""
        ...

    async def recent(
        self,
        principal: str | None,
        agent: str | None = None,
        *,
        thread: str | None = None,
        before: str | None = None,
        limit: int = 20,
    ) -> list[RunState]:
        """Of all principals with None. The newest first; ``before`` is the id of the last one of the page before."""
        ...

    async def cancel(self, principal: str, run_id: str) -> bool:
        """Wish that it ends, whoever owns it. False where there is no such run or it has ended."""
        ...

    async def answer(self, principal: str, run_id: str, answered: events.RunAnswered) -> bool:
        """Answer some of what a run waits for; with the last of it the run goes on. False where it does not wait for
        all that is answered, or no longer."""
        ...

    async def keep(self, new: NewRun, batch: Sequence[events.LogEvent]) -> None:
        """Accept a run that nobody has kept so far and that waits from now on, with all that it has told. Raises
        `QueueFullError`, `StoreError`."""
        ...

    async def waiting(self, principal: str | None = None, limit: int = 1000) -> list[RunState]:
        """Runs that wait, the newest first; None: of all principals, for whoever may answer them."""
        ...

    async def secret(self, name: str) -> bytes:
        """Random bytes, the same for all processes of the store."""
        ...

    async def request(self, run_id: str) -> NewRun | None:
        """What a run was asked for, without its `NewRun.body`."""
        ...

    async def delete(self, principal: str, run_id: str) -> bool: ...

    async def expire(self, older_than: float) -> int:
        """Forget the logs of runs that ended so many seconds ago; the runs themselves stay."""
        ...

    async def leave(self) -> None:
        """Give every claim to the other replicas, now."""
        ...


class Threads(Protocol):
    """Conversations, and the runs that are stored with them. Each method finds only what is kept under its key."""

    async def get(self, key: ThreadKey) -> Thread | None: ...

    async def read(self, key: ThreadKey, *, after: int = 0, limit: int | None = None) -> list[messages.Message]:
        """Those behind the first ``after``, at most ``limit``."""
        ...

    async def append(
        self, key: ThreadKey, new: Sequence[messages.Message], *, at: int | None = None, run: RunState | None = None
    ) -> int:
        """Add to the thread, which begins with its first message, and store the run that said them with it, in one
        transaction; the thread's new length. ``at`` is the length that the writer knows: `MovedError` if it has
        another. None adds at the end, whatever it is. The run's ``length`` is filled in."""
        ...

    async def run(self, principal: str, agent: str, run_id: str) -> RunState | None:
        """The stored run with that id, for requests that go on from it."""
        ...

    async def recent(
        self, principal: str, agent: str | None = None, *, before: str | None = None, limit: int = 20
    ) -> list[Thread]:
        """The last changed first; ``before`` is the id of the last one of the page before."""
        ...

    async def runs(
        self, principal: str, query: RunQuery, *, behind: Place | None = None, limit: int = 20
    ) -> tuple[list[RunState], int]:
        """The last changed first, of those behind that place of the list; and how many there are in all."""
        ...

    async def rename(self, key: ThreadKey, title: str | None) -> bool: ...

    async def annotate(self, key: ThreadKey, metadata: Mapping[str, str]) -> bool:
        """Replace what is noted about it."""
        ...

    async def replace(self, key: ThreadKey, n: int, message: messages.Message) -> bool:
        """Put another message in the place of the one numbered ``n``, from 0."""
        ...

    async def fork(self, key: ThreadKey, length: int, id: str) -> Thread | None:
        """A new thread ``id`` that begins with the first messages of this one. None if this one has fewer."""
        ...

    async def rewind(self, key: ThreadKey, length: int) -> bool:
        """Forget all but the first ``length`` messages."""
        ...

    async def delete(self, key: ThreadKey) -> bool:
        """The thread, its messages, its runs and their logs."""
        ...

    async def erase(self, principal: str) -> int:
        """All that is kept of a principal: threads, runs, logs. How many threads and runs that were."""
        ...


# --------------------------------------------------------------------------------------------------------- the outside


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
    status: Status
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
