"""The seam between the server and the protocols that clients speak.

A dialect is one file and one row in `turnstream.dialects.DIALECTS`. It does no I/O: bytes of a request in, a `Call`
out; run events in, bytes out. The server knows nothing else of it. Clock and ids come in with the request.

::

    ClientRequest ─ Dialect.decode ─▶ Call ─ .request ─▶ a run ─ events ─▶ Call.encoder().feed ─▶ bytes   (stream)
                                                                 └───────▶ compact ─▶ Call.reply ─▶ Reply (whole)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import msgspec
from msgspec import Struct

from turnstream import errors, events, messages, requests


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
    """One HTTP request as data. Header names are in lower case. ``id`` is the run's id to be, ``request_id`` the
    request's own, ``principal`` who asks, ``time`` the Unix time of its arrival; ``statuses`` is the server's default
    for the dialects that let the client choose. ``agents`` are the descriptions of what the principal may use, by name,
    the default one first; ``base_url``, of a GET alone, is where the client reached the server.
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
    principal: requests.Principal = requests.ANONYMOUS


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
    """One run's events, in order, as the bytes of its stream. Holds the state of that run alone."""

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


class Call(Protocol):
    """A request that asks for a run, and how to answer it. The client's word decides whether it is a ``stream``."""

    @property
    def request(self) -> requests.RunRequest: ...

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


class Dialect(Protocol):
    """One object per server, so whatever a protocol remembers between its requests lives in it."""

    name: ClassVar[str]
    routes: ClassVar[Sequence[Route]]

    def decode(self, request: ClientRequest) -> Call | Reply | Cancellation:
        """Raises `RequestError`. A request that needs no run (a card, a stored answer) gets its `Reply` at once."""
        ...

    def error(self, error: errors.TurnstreamError, id: str) -> Reply:
        """What this protocol answers to the request of that id while nothing of the stream has been sent."""
        ...


def media(mime: str, url: str, filename: str | None = None) -> messages.ContentPart:
    """A file that a client sends, by what it says that it is. Models take sound only in the request itself."""
    head, _, data = url.partition(";base64,")
    if mime.startswith("image"):
        return messages.ImagePart(url)
    if mime.startswith("audio/") and data and head.startswith("data:"):
        return messages.AudioPart(
            data, mime.removeprefix("audio/").removeprefix("x-").partition(";")[0].replace("mpeg", "mp3")
        )
    return messages.FilePart(url=url, filename=filename)


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


def clean(text: str) -> str:
    """``text`` with each lone surrogate as U+FFFD, so that it can be encoded; halves of one character are joined."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_ENCODER = msgspec.json.Encoder()
_encode = _ENCODER.encode


def string(text: str) -> bytes:
    """The JSON string of ``text``; lone surrogates as U+FFFD."""
    try:
        return _encode(text)
    except UnicodeEncodeError:
        return _encode(clean(text))


def strings(texts: Sequence[str]) -> list[bytes]:
    """Each as `string`, faster."""
    try:
        return _ENCODER.encode_lines(texts).splitlines()  # JSON has no line feed of its own
    except UnicodeEncodeError:
        return [*map(string, texts)]


def texts_of(batch: Sequence[events.RunEvent]) -> list[str] | None:
    """The texts of a batch of nothing but text deltas, as nearly all are; else None, and if one is empty."""
    texts: list[str] = []
    for event in batch:
        if type(event) is not events.TextDelta or not event.text:
            return None
        texts.append(event.text)
    return texts or None


def json(value: Any) -> bytes:
    """JSON without white space; characters beyond ASCII as they are; lone surrogates as U+FFFD."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(cleaned(msgspec.to_builtins(value)))


def has_separators(text: str) -> bool:
    return "\u0085" in text or "\u2028" in text or "\u2029" in text


def on_one_line(encoded: bytes) -> bytes:
    """The same JSON with the line separators of Unicode escaped, for clients that take them for the end of a line of
    the event stream (all that read it with httpx's ``iter_lines``)."""
    encoded = encoded.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return encoded.replace(b"\xc2\x85", b"\\u0085")


def cleaned(value: Any) -> Any:
    """A JSON value with each of its strings `clean`."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(item) for item in value]
    return value


def arguments(call: messages.ToolCall) -> dict[str, Any]:
    """The arguments as an object, as most protocols want them; text that is none is shown as it is."""
    try:
        return msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return {"arguments": call.arguments}
