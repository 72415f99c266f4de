"""The seam between the server and the protocols that clients speak.

A dialect is one file and one row in `turnstream.dialects.DIALECTS`. It does no I/O: bytes of a request in, an
`Exchange` out; run events in, bytes out. The server knows nothing else of it. Clock and ids come in with the request.
It remembers nothing either: it names the thread that it wants (`Exchange.thread`) and the earlier runs that the client
names (`Lookup`), and the server, which knows who asks, loads before the run and stores after it.

::

    ClientRequest ─ Dialect.decode ─▶ Exchange ─ .request ─▶ a run ─ events ─▶ .encoder().feed ─▶ bytes   (stream)
                        │      ▲                                     └───────▶ compact ─▶ .reply ─▶ Reply (whole)
                     Lookup ─ then
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from msgspec import Struct

from turnstream import errors, events, jsontext, messages, protocols, requests, usage

if TYPE_CHECKING:
    from typing_extensions import TypeIs


class Route(Struct, frozen=True):
    """``path`` may hold parameters: ``/ag-ui/{agent}``. With ``header``, only requests that carry it are meant.
    ``public`` is answered without a key: what a client reads before it knows how to authenticate.

    ``summary``, ``request`` and ``event`` are for the OpenAPI document: the JSON Schema of the body, and the name of
    the wire model that each event of the stream is.
    """

    method: str
    path: str
    header: str | None = None
    summary: str = ""
    request: type[Struct] | None = None
    event: str | None = None
    public: bool = False


class ClientRequest(Struct, frozen=True):
    """One HTTP request as data. Header names are in lower case.

    ``id`` is the run's id to be, ``request_id`` the request's own, ``principal`` who asks, ``time`` the Unix time of
    its arrival; ``statuses`` is the server's default for the dialects that let the client choose. ``agents`` are the
    descriptions of what the principal may use, by name, the default one first, ``began`` the Unix time since when they
    are so; ``base_url``, of a GET alone, is where the client reached the server. With ``secured`` the server asks for a
    key. ``can_keep`` says that the server keeps runs for who asks that, ``kept`` that this run is kept, whatever its
    body says of that: it may be taken over and shown again. ``stores`` is False where it keeps nothing at all.
    """

    body: bytes
    id: str
    time: float
    headers: Mapping[str, str] = {}
    path_params: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    statuses: str = "extension"
    method: str = "POST"
    agents: Mapping[str, str] = {}
    base_url: str = ""
    path: str = ""
    request_id: str = ""
    secured: bool = False
    principal: requests.Principal = requests.ANONYMOUS
    can_keep: bool = False
    kept: bool = False
    began: float = 0.0
    stores: bool = True


class Reply(Struct, frozen=True):
    """A whole HTTP answer. The server adds the headers that every answer has."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}


class Cancellation(Struct, frozen=True):
    """A request that asks for the end of the run with that id; ``reply`` is the answer to it."""

    run_id: str
    reply: Reply


class Encoder(Protocol):
    """One run's events, in order, as the bytes of its stream. Holds the state of that run alone, so that the same
    events give the same bytes to whoever asks again."""

    def feed(self, batch: Sequence[events.RunEvent]) -> bytes:
        """What these events add to the stream, ready for one write; empty if they show nothing. Nothing follows what
        a terminal event gave."""
        ...

    def heartbeat(self) -> bytes:
        """What keeps a silent connection open and means nothing to the client. May stand between any two feeds."""
        ...

    def close(self) -> bytes:
        """The end of the stream. A run that ended without a terminal event is an error of the stream, never a clean
        end."""
        ...

    def snapshot(self) -> bytes:
        """The answer as it stands, as its protocol would show it to a later request (`RunState.shown`); empty where no
        later request can name it."""
        ...


class Exchange(Protocol):
    """A request that asks for a run, and how to answer it. The client's word decides whether it is a ``stream``."""

    @property
    def request(self) -> requests.RunRequest: ...

    @property
    def thread(self) -> requests.ThreadRef | None:
        """The kept conversation that it belongs to, if it names one."""
        ...

    @property
    def stream(self) -> bool: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the streamed answer that this protocol asks for, beyond those of every event stream."""
        ...

    def encoder(self, agent: str) -> Encoder:
        """``agent`` is the name of the agent that answers."""
        ...

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> Reply:
        """The whole answer of a run that did not fail; ``events`` are all of it, `compact`."""
        ...

    def refuse(self, error: errors.TurnstreamError, request_id: str) -> Reply:
        """The answer of a run that failed while nothing of the stream had been sent."""
        ...


class Lookup(Struct, frozen=True):
    """A request that names earlier runs of the agent (None: the default one). ``then`` is told those of ``run_ids``
    that there are for whoever asks, and goes on. Raises `RequestError`."""

    agent: str | None
    run_ids: tuple[str, ...]
    then: Callable[[Mapping[str, protocols.RunState]], Exchange | Reply | Cancellation | Attachment | Subscription]


class Listing(Struct, frozen=True):
    """A request for a list of the runs that there are for whoever asks, ``limit`` of those behind that place. ``then``
    is told them and how many there are in all, and answers."""

    query: protocols.RunQuery
    behind: protocols.Place | None
    limit: int
    then: Callable[[Sequence[protocols.RunState], int], Reply]


class Attachment(Struct, frozen=True):
    """A request to watch a kept run again: the run of that id, or the one of the thread that has not ended.

    ``view`` is told how the run was asked for and how many events are in its log by now, and says how to show it, from
    the first event on. ``missing`` is the answer where there is no such run. With ``skips`` what a takeover has made
    void is left out of what is shown of the log.
    """

    agent: str
    view: Callable[[Exchange, int], Exchange]
    missing: Reply
    run_id: str | None = None
    thread: str | None = None
    skips: bool = True


class Subscription(Struct, frozen=True):
    """A request about who is told of a kept run of the principal's: add ``put`` (of ``most`` at most), ``remove`` the
    one of that id, or neither. ``then`` is told those that there are after that, and answers; ``missing`` is the answer
    where the run is not kept."""

    run_id: str
    then: Callable[[Sequence[requests.Push]], Reply]
    missing: Reply
    put: requests.Push | None = None
    remove: str | None = None
    most: int = 10


Decoded: TypeAlias = Exchange | Reply | Cancellation | Lookup | Listing | Attachment | Subscription


_OTHERS = frozenset({Reply, Cancellation, Lookup, Listing, Attachment, Subscription})


def is_exchange(decoded: Decoded) -> TypeIs[Exchange]:
    """Whether the request asks for a run."""
    return type(decoded) not in _OTHERS


class Dialect(Protocol):
    name: ClassVar[str]
    routes: ClassVar[Sequence[Route]]

    def decode(self, request: ClientRequest) -> Decoded:
        """Raises `RequestError`. A request that needs no run (a card, a count) gets its `Reply` at once."""
        ...

    def error(self, error: errors.TurnstreamError, id: str) -> Reply:
        """What this protocol answers to the request of that id that came to no run."""
        ...


LAST = frozenset({events.RunFinished, events.RunFailed, events.RunCancelled, events.RunWaiting})
"""After any of these a stream ends; only the native one goes on behind a wait."""


class StreamEncoder:
    """What encoders have in common; ``ended`` is set with the terminal frame."""

    ended = False

    def feed(self, batch: Sequence[events.RunEvent]) -> bytes:
        raise NotImplementedError

    def heartbeat(self) -> bytes:
        return b"" if self.ended else b": heartbeat\n\n"

    def close(self) -> bytes:
        return b"" if self.ended else self.feed([UNANSWERED])

    def snapshot(self) -> bytes:
        return b""


UNANSWERED = events.RunFailed("internal_error", "The run ended without an answer.", 500, usage.Usage())


def compact(batch: Iterable[events.RunEvent]) -> list[events.RunEvent]:
    """The same events, neighbouring deltas of one kind joined: how the answer was cut no longer shows."""
    whole: list[events.RunEvent] = []
    texts: list[str] = []
    kind: type[events.TextDelta] | type[events.ReasoningDelta] | type[events.RefusalDelta] | None = None
    for event in batch:
        if isinstance(event, events.TextDelta | events.ReasoningDelta | events.RefusalDelta):
            if type(event) is not kind:
                if kind is not None:
                    whole.append(kind("".join(texts)))
                kind, texts = type(event), []
            texts.append(event.text)
            continue
        if kind is not None:
            whole.append(kind("".join(texts)))
            kind = None
        whole.append(event)
    if kind is not None:
        whole.append(kind("".join(texts)))
    return whole


def outcome(batch: Sequence[events.RunEvent]) -> events.TerminalEvent | None:
    """The terminal event, which is the last one, if the run has ended."""
    last = batch[-1] if batch else None
    return last if isinstance(last, events.RunFinished | events.RunFailed | events.RunCancelled) else None


def ending(batch: Sequence[events.RunEvent]) -> events.TerminalEvent | events.RunWaiting | None:
    """The terminal event, or what the run waits for, if it is the last."""
    match batch[-1] if batch else None:
        case events.RunFinished() | events.RunFailed() | events.RunCancelled() | events.RunWaiting() as last:
            return last
        case _:
            return None


def as_failure(end: events.RunFailed | events.RunCancelled) -> events.RunFailed:
    """Why there is no answer, in one form."""
    if isinstance(end, events.RunFailed):
        return end
    return events.RunFailed("cancelled", "The run was cancelled.", 499, end.usage)


def texts_of(batch: Sequence[events.LogEvent]) -> list[str] | None:
    """The texts of a batch of nothing but text deltas, as nearly all are; else None, and if one is empty."""
    texts: list[str] = []
    for event in batch:
        if type(event) is not events.TextDelta or not event.text:
            return None
        texts.append(event.text)
    return texts or None


def arguments(call: messages.ToolCall) -> dict[str, Any]:
    """The arguments as an object, as most protocols want them; any other text is shown as it is."""
    found = jsontext.decode_object(call.arguments)
    return {"arguments": call.arguments} if found is None else found
