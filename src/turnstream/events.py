"""Two streams of events.

A *model event* is what a provider's decoder says about one model call. A *run event* is what a run says to whoever
watches it. Text and reasoning are the same type in both. A run's events are numbered by their position: the first has
``seq`` 0, and numbers are dense.

The rest of the vocabulary has a file for each idea (`turnstream.messages`, `turnstream.toolspec`, `turnstream.usage`,
`turnstream.requests`, `turnstream.errors`); its names can be imported from here too.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from turnstream.asks import (
    Answer as Answer,
    Ask as Ask,
    Decision as Decision,
)
from turnstream.errors import (
    ConfigurationError as ConfigurationError,
    ProtocolError as ProtocolError,
    ProviderError as ProviderError,
    RequestError as RequestError,
    RunTimeout as RunTimeout,
    ToolError as ToolError,
    TurnstreamError as TurnstreamError,
)
from turnstream.messages import (
    AssistantMessage as AssistantMessage,
    AssistantPart as AssistantPart,
    AudioPart as AudioPart,
    Content as Content,
    ContentPart as ContentPart,
    FilePart as FilePart,
    ImagePart as ImagePart,
    MediaPart as MediaPart,
    Message as Message,
    ProviderItem as ProviderItem,
    ReasoningPart as ReasoningPart,
    SystemMessage as SystemMessage,
    TextPart as TextPart,
    ToolCall as ToolCall,
    ToolMessage as ToolMessage,
    UserMessage as UserMessage,
    content_text as content_text,
)
from turnstream.requests import (
    ANONYMOUS as ANONYMOUS,
    ModelOptions as ModelOptions,
    ModelRequest as ModelRequest,
    Principal as Principal,
    Progress as Progress,
    RunContext as RunContext,
    RunRequest as RunRequest,
)
from turnstream.toolspec import (
    Effect as Effect,
    Source as Source,
    ToolOutput as ToolOutput,
    ToolSpec as ToolSpec,
)
from turnstream.usage import (
    Usage as Usage,
)

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "pause", "unknown"]


class TextDelta(Struct, frozen=True, gc=False, tag="text"):
    text: str


class ReasoningDelta(Struct, frozen=True, gc=False, tag="reasoning"):
    text: str


class RefusalDelta(Struct, frozen=True, gc=False, tag="refusal"):
    """The model declines, in words."""

    text: str


class ToolCallStart(Struct, frozen=True, tag="tool_call_start"):
    """A tool call begins. ``index`` numbers the calls of one answer from 0; ``id`` is "" where the vendor gives none.

    It comes again, with a longer name, if the vendor sends the name in pieces.
    """

    index: int
    id: str
    name: str
    extra: dict[str, Any] | None = None


class ToolCallDelta(Struct, frozen=True, gc=False, tag="tool_call_delta"):
    """A fragment of the arguments (JSON text) of the call with that index."""

    index: int
    arguments: str


class ToolCallMalformed(Struct, frozen=True, gc=False, tag="tool_call_malformed"):
    """The call with that index is broken: it must not be executed, and the model should hear ``reason``.

    ``raw`` is the model's own text of the call. The index may be one that never started (no name was found).
    """

    index: int
    reason: str
    raw: str = ""


class HostedToolCall(Struct, frozen=True, tag="hosted_tool_call"):
    """The vendor runs a tool of its own (web search, code interpreter): shown, never executed by us."""

    id: str
    name: str
    arguments: str = ""


class HostedToolResult(Struct, frozen=True, tag="hosted_tool_result"):
    id: str
    name: str
    content: str = ""
    ok: bool = True


class SourceFound(Struct, frozen=True, tag="source"):
    """A citation. ``tool_call_id`` names the tool call that found it, None when the model cites by itself."""

    source: Source
    tool_call_id: str | None = None


class ItemAdded(Struct, frozen=True, tag="item"):
    """An opaque piece of the answer, for the history only (see `ProviderItem`)."""

    item: ProviderItem


class UsageReport(Struct, frozen=True, tag="usage"):
    """Tokens of this model call so far; a later report replaces an earlier one."""

    usage: Usage


class Finish(Struct, frozen=True, gc=False, tag="finish"):
    """The model call is over. ``raw`` is the vendor's own word for the reason, None if it gave none."""

    reason: FinishReason
    raw: str | None = None


ModelEvent: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallStart
    | ToolCallDelta
    | ToolCallMalformed
    | HostedToolCall
    | HostedToolResult
    | SourceFound
    | ItemAdded
    | UsageReport
    | Finish
)


text_of: Callable[[Any], str] = attrgetter("text")
"""What a delta of text, reasoning or a refusal says, without a call into Python: they are many."""

TEXTS: frozenset[type] = frozenset({TextDelta, ReasoningDelta, RefusalDelta})
"""Pieces of what a model says: see `text_of`."""

VISIBLE: frozenset[type] = TEXTS | {HostedToolCall, HostedToolResult, SourceFound}
"""Model events that are shown as they are, as they come."""

UNSEEN: frozenset[type] = frozenset({UsageReport, Finish, ItemAdded, ToolCallMalformed})
"""Model events that nobody sees before the answer is complete: until others have come, a model may be asked again."""


class RunStarted(Struct, frozen=True, tag="run_started"):
    """The first event of every run."""

    run_id: str
    agent: str
    thread_id: str | None = None


class StepStarted(Struct, frozen=True, tag="step_started"):
    """A model call begins; steps count from 1. The first is ``starting_generation``, a later one
    ``continuing_generation``.
    """

    step: int


class StepFinished(Struct, frozen=True, tag="step_finished"):
    """The model has answered; the tools that it asks for, if any, are called after this.

    ``message`` is the whole answer, with the items that only its provider understands: together with the results in
    `ToolsExecuted` it is what the step adds to the conversation (`turnstream.conversation`). ``usage`` and ``duration``
    (in seconds) are those of this model call, ``model`` is the name of the model.
    """

    step: int
    message: AssistantMessage
    finish: FinishReason
    usage: Usage
    model: str
    duration: float


class ToolCallStarted(Struct, frozen=True, tag="tool_call_started"):
    """The model begins to write a tool call: the agent's or, with ``client``, the client's. ``index`` counts the calls
    of the step from 0.

    A call that was begun may turn out malformed: then its result says so, like that of any call that failed.
    """

    step: int
    index: int
    tool_call_id: str
    name: str
    client: bool = False


class ToolCallArguments(Struct, frozen=True, gc=False, tag="tool_call_arguments"):
    """A fragment of the arguments (JSON text) of a call that has begun, as the model writes it."""

    tool_call_id: str
    arguments: str


class ToolCallsDetected(Struct, frozen=True, omit_defaults=True, tag="tool_call_detected"):
    """The model asks for tools that we run. The calls are whole. A kept run says their ``effects``, by their ids, where
    these are not ``none``."""

    step: int
    tool_calls: tuple[ToolCall, ...]
    effects: dict[str, Effect] = {}


class ToolProgress(Struct, frozen=True, tag="tool_progress"):
    tool_call_id: str
    name: str
    message: str
    fraction: float | None = None


class ToolResult(Struct, frozen=True, tag="tool_result"):
    """One tool call is answered, in the order in which the tools end. ``duration`` is in seconds."""

    step: int
    tool_call: ToolCall
    output: ToolOutput
    duration: float

    @property
    def ok(self) -> bool:
        return not self.output.is_error


class ToolsExecuted(Struct, frozen=True, tag="tools_executed"):
    """All tools of a step are answered; ``results`` are in call order."""

    step: int
    results: tuple[ToolResult, ...]


class MaxStepsReached(Struct, frozen=True, tag="max_depth_reached"):
    """The model still asked for tools in its last allowed step."""

    step: int


class ClientToolCalls(Struct, frozen=True, tag="client_tool_calls"):
    """Calls of tools that the client declared: it runs them and asks again. The run finishes with ``tool_calls``."""

    step: int
    tool_calls: tuple[ToolCall, ...]


class RunFinished(Struct, frozen=True, tag="run_finished"):
    """Terminal. ``reason`` is the last model call's; ``max_steps`` if the run stopped there without an answer."""

    reason: FinishReason | Literal["max_steps"]
    usage: Usage
    steps: int


class RunFailed(Struct, frozen=True, tag="run_failed"):
    """Terminal. ``message`` is safe to show to the client; the log has the rest. ``retry_after`` is in seconds.

    ``retryable`` is False where the same request is known to fail again. ``param`` names the field of the client's
    request that is at fault, as a path.
    """

    code: str
    message: str
    status: int
    usage: Usage
    retry_after: float | None = None
    retryable: bool = True
    param: str | None = None


class RunCancelled(Struct, frozen=True, tag="run_cancelled"):
    """Terminal. Whoever started the run left it."""

    usage: Usage


class RunWaiting(Struct, frozen=True, omit_defaults=True, tag="run_waiting"):
    """The run holds nothing until somebody answers these calls. ``asks`` say what is asked of those that are the
    agent's own; of the others the client gives the result. It is the last event that is shown, until then. ``seq`` is
    its place in the log of a run that is kept only from now on, which has not all that was shown before."""

    step: int
    tool_calls: tuple[ToolCall, ...]
    asks: tuple[Ask, ...] = ()
    usage: Usage = Usage()
    seq: int = 0


TerminalEvent: TypeAlias = RunFinished | RunFailed | RunCancelled
RunEvent: TypeAlias = (
    RunStarted
    | StepStarted
    | StepFinished
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | HostedToolCall
    | HostedToolResult
    | SourceFound
    | ToolCallStarted
    | ToolCallArguments
    | ToolCallsDetected
    | ToolProgress
    | ToolResult
    | ToolsExecuted
    | MaxStepsReached
    | ClientToolCalls
    | RunFinished
    | RunFailed
    | RunCancelled
    | RunWaiting
)

# -------------------------------------------------------------------------------- what only the log of a kept run has


class RunResumed(Struct, frozen=True, tag="run_resumed"):
    """Another owner goes on with the run, from its log. Text with a seq from ``void_from`` up to this event was of a
    step that nobody finished: it is void, and the step is made again."""

    attempt: int
    from_step: int
    void_from: int


class ToolBegan(Struct, frozen=True, tag="tool_began"):
    """Stored before a call whose effect must not happen twice."""

    tool_call_id: str
    effect: Effect


class RunAnswered(Struct, frozen=True, omit_defaults=True, tag="run_answered"):
    """Results and decisions that a run waited for: it goes on, if no `RunWaiting` follows with what is still open."""

    results: tuple[ToolMessage, ...] = ()
    decisions: tuple[Decision, ...] = ()


LogEvent: TypeAlias = RunEvent | RunResumed | ToolBegan | RunAnswered
