"""What is asked, and by whom: of an agent (`RunRequest`), of a model (`ModelRequest`), of a tool (`RunContext`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct

from turnstream import asks
from turnstream.limits import Limits  # by name: a principal has ``limits``
from turnstream.messages import Message  # by name: a field of two classes here is called ``messages``
from turnstream.toolspec import ToolSpec

SCOPES = frozenset({"runs", "approve", "metrics", "admin"})
"""What a principal may be allowed: to have runs and threads of its own, to approve calls of others' runs, to read the
metrics, to see and end the runs of all."""
USUAL_SCOPES = frozenset({"runs", "metrics"})
"""Those of a key that says nothing of them: what concerns nobody but its principal, and what says nothing of any."""
LONGEST_NAME = 255
"""Characters of a name that somebody else than the operator gives."""


class Principal(Struct, frozen=True):
    """Who asks: the name behind a key or a token. ``agents`` are the names of those that it may use, None: all.

    ``scopes`` are of `SCOPES`, ``groups`` what its key or its token says that it belongs to. ``user`` is whom a front
    end named that may speak for its users: the principal's name is made of both then. ``limits`` are its own, None:
    those that the server has for everybody.
    """

    name: str
    agents: frozenset[str] | None = None
    limits: Limits | None = None
    scopes: frozenset[str] = USUAL_SCOPES
    groups: frozenset[str] = frozenset()
    user: str | None = None

    def may_use(self, agent: str) -> bool:
        return self.agents is None or agent in self.agents

    def may(self, scope: str) -> bool:
        return scope in self.scopes


ANONYMOUS = Principal("anonymous", scopes=USUAL_SCOPES | {"approve"})
"""All where nobody is asked who it is: there is nobody else who could agree to a call."""


class ThreadRef(Struct, frozen=True):
    """The kept conversation that a request belongs to. It is looked up under who asks and the agent that answers:
    ``id`` may be a name that the client made up.

    With ``history`` "server" the thread's messages come before those of the request, which are what is new; only its
    first ``length`` count, None: all. With "client" the request's messages are the whole conversation, and the thread
    keeps what was said. None leaves the choice to the agent. ``stores`` is False where nothing of the run may be kept.
    """

    id: str
    history: Literal["client", "server"] | None = None
    length: int | None = None
    stores: bool = True


class Push(Struct, frozen=True):
    """Whom a client wants to be told of its run. ``config`` is its dialect's own."""

    id: str
    config: bytes


class Keep(Struct, frozen=True):
    """That the run is kept: it has a log and goes on without its client, who can come back to it.

    With ``background`` the client does not even wait for it. ``policy`` says what happens if another run of the thread
    has not ended: it waits for that one, is refused, or ends it. With ``waits`` the run waits for the results of the
    client's own tools, instead of ending with their calls. ``pushes`` are told when it ends or waits.
    """

    background: bool = False
    policy: Literal["queue", "reject", "interrupt"] = "queue"
    waits: bool = False
    pushes: tuple[Push, ...] = ()


class Progress(Protocol):
    def __call__(self, message: str, fraction: float | None = None, /) -> None: ...


def _no_progress(message: str, fraction: float | None = None) -> None:
    return None


async def _begin_nothing() -> None:
    return None


def no_deadline() -> float | None:
    return None


# a dataclass for `dataclasses.replace` alone: the struct has all else, and is made in a tenth of the time
@dataclass(init=False, repr=False, eq=False, match_args=False)
class RunContext(Struct, frozen=True):
    """What a tool or a model may know of the run that calls it. Each tool call gets its own.

    ``principal`` is whom the run works for, ``agent`` the name of the agent that does.
    ``headers`` holds only the request headers on the configuration's allow-list, names in lower case.
    ``progress(message, fraction=None)`` streams a progress event; it may be called from any thread.
    ``idempotency_key`` is the same for each try of one tool call, and no other call has it. ``await approve()`` asks
    the person at the other end whether this call may be made; it is None where nobody can be asked. Where the run
    ``can_wait`` for an answer, the call is given up at the question and made anew with the ``decision``. In ``with
    untimed():`` the call's time-out stands still, for whatever waits for a person; it too may be used in any thread.
    ``time_left()`` are the seconds until the run's deadline, None without one: to wait longer for anything is in vain.
    ``await begin()`` says that the call is made now: whoever asks before a call (`ToolSpec.approval`) says it then, for
    all others it is said. ``decision`` is what somebody has said of this call, when it had waited for that, and
    ``ask_state`` the `Ask.state` of then. A call may raise `protocols.AskError` where the run ``can_wait``;
    ``has_results`` says that tools of the run had answered before this process owned it.
    """

    run_id: str = ""
    thread_id: str | None = None
    user: str | None = None
    values: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}
    tool_call_id: str = ""
    progress: Progress = _no_progress
    approve: Callable[..., Awaitable[bool]] | None = None
    untimed: Callable[[], AbstractContextManager[object]] = nullcontext
    principal: Principal = ANONYMOUS
    agent: str = ""
    time_left: Callable[[], float | None] = no_deadline
    begin: Callable[[], Awaitable[None]] = _begin_nothing
    can_wait: bool = False
    has_results: bool = False
    decision: asks.Decision | None = None
    ask_state: Any = None

    @property
    def idempotency_key(self) -> str:
        return f"{self.run_id}.{self.tool_call_id}"

    def may_wait(self, seconds: float) -> bool:
        """Whether the run still goes on then."""
        left = self.time_left()
        return left is None or seconds < left

    def within(self, seconds: float) -> float:
        """So many seconds, or as many as the run has left."""
        left = self.time_left()
        return seconds if left is None else min(seconds, left)


class ModelOptions(Struct, frozen=True, omit_defaults=True):
    """Sampling and output parameters, in the words of OpenAI's chat completions; None leaves the vendor's default.

    ``extra`` is merged into the provider's request body as it is. ``openai`` are further members of a request,
    in OpenAI's words, which only vendors that speak them are sent. ``tool_choice`` is ``auto``, ``none``,
    ``required``, or a tool's name as ``{"name": …}``.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    extra: dict[str, Any] | None = None
    openai: dict[str, Any] | None = None

    @property
    def are_given(self) -> bool:
        """Whether any is."""
        return self != _NO_OPTIONS

    @property
    def output_limit(self) -> int | None:
        """The most tokens that the answer may have, whichever of its two names it came by."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    def overlaid(self, over: ModelOptions) -> ModelOptions:
        """These with what ``over`` sets. The two names of the output limit replace each other; mappings are merged."""
        if over == _NO_OPTIONS:
            return self
        if self == _NO_OPTIONS:
            return over
        pairs = zip(over.__struct_fields__, msgspec.structs.astuple(over), strict=True)
        given = {name: value for name, value in pairs if value is not None}
        for name in ("extra", "openai"):
            if (own := getattr(self, name)) and name in given:
                given[name] = {**own, **given[name]}
        base = self
        if over.output_limit is not None:
            base = msgspec.structs.replace(self, max_tokens=None, max_completion_tokens=None)
        return msgspec.structs.replace(base, **given)


_NO_OPTIONS = ModelOptions()


class ModelRequest(Struct, frozen=True):
    """One model call. System messages stand first in ``messages``; a provider places them as its vendor wants.

    ``time`` is when it is asked, in seconds since the epoch, for prompts that tell the date.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    options: ModelOptions = ModelOptions()
    time: float = 0.0


class RunRequest(Struct, frozen=True):
    """What a client asks of an agent, freed of its dialect. ``tools`` are those that the client runs itself.

    ``principal`` is who asks. ``housekeeping`` marks what a chat front end asks for its own use (a title, tags): it is
    answered without tools, instructions and statuses. ``keep`` asks that the run outlives its client's connection.
    After ``max_tool_calls`` calls of the agent's tools no more are executed. ``timeout`` are the seconds that the
    client waits: the run has no more, whatever its agent allows. ``notes`` say what of the client's request was left
    out, for the log. ``client_context`` is what the client's page shows its user: the model reads it beside the last
    user message, and nobody keeps it. ``answers`` are to what earlier runs asked: then these runs go on, and no new one
    begins. ``follows`` is the run that the request names as the one before it.
    """

    messages: tuple[Message, ...]
    agent: str | None = None
    tools: tuple[ToolSpec, ...] = ()
    options: ModelOptions = ModelOptions()
    thread_id: str | None = None
    user: str | None = None
    context: dict[str, Any] = {}
    headers: dict[str, str] = {}
    principal: Principal = ANONYMOUS
    housekeeping: bool = False
    keep: Keep | None = None
    client_context: str = ""
    max_tool_calls: int | None = None
    timeout: float | None = None
    notes: tuple[str, ...] = ()
    answers: tuple[asks.Answer, ...] = ()
    follows: str | None = None
