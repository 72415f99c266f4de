"""The vocabulary of Turnstream: messages, tools, usage, events and errors.

Every other module speaks in these types; this one imports nothing of ours and does no I/O.

Two streams of events are made of them. A *model event* is what a provider's decoder says about one model call. A *run
event* is what a run says to whoever watches it. Text and reasoning are the same type in both. A run's events are
numbered by their position: the first has ``seq`` 0, and numbers are dense.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import msgspec
from msgspec import Struct

# ---------------------------------------------------------------------------------------------------------- messages


class TextPart(Struct, frozen=True, tag="text"):
    text: str


class ImagePart(Struct, frozen=True, tag="image"):
    """An image by ``https:`` or ``data:`` URL. ``detail`` is OpenAI's hint: auto, low or high."""

    url: str
    detail: str | None = None


class FilePart(Struct, frozen=True, tag="file"):
    """A document, for instance a PDF: a ``data:`` or ``https:`` URL, or the id of a file that the vendor keeps."""

    url: str | None = None
    file_id: str | None = None
    filename: str | None = None


class AudioPart(Struct, frozen=True, tag="audio"):
    """Sound, base64, with its container format (``wav``, ``mp3``)."""

    data: str
    format: str


class ReasoningPart(Struct, frozen=True, tag="reasoning"):
    text: str


class ProviderItem(Struct, frozen=True, tag="provider_item"):
    """A piece of an answer that only its provider understands, to be sent back to that provider unchanged.

    For instance a signed thinking block (``anthropic``) or an encrypted reasoning item (``openai-responses``).
    """

    provider: str
    data: dict[str, Any]


class ToolCall(Struct, frozen=True, tag="tool_call"):
    """What a model asks for. ``arguments`` is JSON text as the model wrote it; ``extra`` is the provider's own.

    ``malformed`` says why a call must not be executed (it was cut off, or its text is no call); it is None for a
    good one.
    """

    id: str
    name: str
    arguments: str
    extra: dict[str, Any] | None = None
    malformed: str | None = None


ContentPart: TypeAlias = TextPart | ImagePart | FilePart | AudioPart
Content: TypeAlias = str | tuple[ContentPart, ...]
AssistantPart: TypeAlias = TextPart | ReasoningPart | ToolCall | ProviderItem


class SystemMessage(Struct, frozen=True, tag="system"):
    content: str


class UserMessage(Struct, frozen=True, tag="user"):
    content: Content
    name: str | None = None


class AssistantMessage(Struct, frozen=True, tag="assistant"):
    """One model answer, its parts in the order in which the model gave them."""

    parts: tuple[AssistantPart, ...]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def reasoning(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, ReasoningPart))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


class ToolMessage(Struct, frozen=True, tag="tool"):
    """The result of one tool call, for the model."""

    tool_call_id: str
    content: Content
    name: str = ""
    is_error: bool = False


Message: TypeAlias = SystemMessage | UserMessage | AssistantMessage | ToolMessage


def content_text(content: Content) -> str:
    """The text of a message's content; parts of other kinds are left out."""
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content if isinstance(part, TextPart))


# ------------------------------------------------------------------------------------------------------------- tools

Effect: TypeAlias = Literal["none", "idempotent", "once"]


def _no_parameters() -> dict[str, Any]:
    return {"type": "object", "properties": {}}


class ToolSpec(Struct, frozen=True):
    """A tool as the model sees it, and how the run treats it.

    ``parameters`` is a JSON Schema of type object. ``timeout`` is in seconds; None takes the agent's. ``effect``
    says what a second call would do: nothing new to the world (``none``), the same again (``idempotent``), or harm
    (``once``). ``approval`` says that somebody is asked before a call is made.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] = msgspec.field(default_factory=_no_parameters)
    strict: bool | None = None
    timeout: float | None = None
    effect: Effect = "none"
    source: str = "python"
    approval: bool = False


class Source(Struct, frozen=True):
    """Where a piece of an answer comes from: a citation of a tool or of a model's own search."""

    id: str
    title: str = ""
    url: str | None = None
    snippet: str = ""
    score: float | None = None


class ToolOutput(Struct, frozen=True):
    """What a tool gives back. ``content`` goes to the model; ``data`` is the same, structured, for clients that show
    it. ``shown`` is what clients see in place of the content, None if they may see that.
    """

    content: Content
    is_error: bool = False
    data: Any = None
    sources: tuple[Source, ...] = ()
    shown: str | None = None

    @property
    def shown_text(self) -> str:
        """The text for clients: an exception's message, for instance, may hold what only the model should hear."""
        return content_text(self.content) if self.shown is None else self.shown


class Progress(Protocol):
    def __call__(self, message: str, fraction: float | None = None, /) -> None: ...


def _no_progress(message: str, fraction: float | None = None) -> None:
    return None


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a tool may know of the run that calls it. Each call gets its own.

    ``headers`` holds only the request headers on the configuration's allow-list, names in lower case.
    ``progress(message, fraction=None)`` streams a progress event; it may be called from any thread.
    ``idempotency_key`` is the same for each try of one tool call, and no other call has it. ``await approve()`` asks
    the person at the other end whether this call may be made; it is None where nobody can be asked. In ``with
    untimed():`` the call's time-out stands still, for whatever waits for a person; it too may be used in any thread.
    """

    run_id: str = ""
    thread_id: str | None = None
    user: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    tool_call_id: str = ""
    progress: Progress = _no_progress
    approve: Callable[[], Awaitable[bool]] | None = None
    untimed: Callable[[], AbstractContextManager[object]] = nullcontext

    @property
    def idempotency_key(self) -> str:
        return f"{self.run_id}.{self.tool_call_id}"


# ---------------------------------------------------------------------------------------------------------- requests


class ModelOptions(Struct, frozen=True, omit_defaults=True):
    """Sampling and output parameters, in the words of OpenAI's chat completions; None leaves the vendor's default.

    ``extra`` is merged into the provider's request body as it is. ``tool_choice`` is ``auto``, ``none``,
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

    @property
    def output_limit(self) -> int | None:
        """The most tokens that the answer may have, whichever of its two names it came by."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    def overlaid(self, over: ModelOptions) -> ModelOptions:
        """These with what ``over`` sets. The two names of the output limit replace each other; ``extra`` is merged."""
        given = {name: value for name in over.__struct_fields__ if (value := getattr(over, name)) is not None}
        if not given:
            return self
        if self.extra and over.extra:
            given["extra"] = {**self.extra, **over.extra}
        base = self
        if over.output_limit is not None:
            base = msgspec.structs.replace(self, max_tokens=None, max_completion_tokens=None)
        return msgspec.structs.replace(base, **given)


class ModelRequest(Struct, frozen=True):
    """One model call. System messages stand first in ``messages``; a provider places them as its vendor wants.

    ``time`` is when it is asked, in seconds since the epoch, for prompts that tell the date.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    options: ModelOptions = ModelOptions()
    time: float = 0.0


class RunRequest(Struct, frozen=True):
    """What a client asks of an agent, freed of its dialect. ``tools`` are those that the client runs itself."""

    messages: tuple[Message, ...]
    agent: str | None = None
    tools: tuple[ToolSpec, ...] = ()
    options: ModelOptions = ModelOptions()
    thread_id: str | None = None
    user: str | None = None
    context: dict[str, Any] = {}
    headers: dict[str, str] = {}


# ------------------------------------------------------------------------------------------------------------- usage


class Usage(Struct, frozen=True):
    """Tokens. ``input`` counts all prompt tokens, cached ones included; ``output`` counts reasoning too.

    ``raw`` is the provider's own object of one model call, untouched; a sum has none. ``cost`` is in US dollars, None
    where the price is not known.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    raw: dict[str, Any] | None = None
    cost: float | None = None

    @property
    def total(self) -> int:
        return self.input + self.output

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.cache_write + other.cache_write,
            self.reasoning + other.reasoning,
            cost=_sum_of_costs(self, other),
        )


def _sum_of_costs(one: Usage, other: Usage) -> float | None:
    """Unknown if that of either is, unless it used nothing."""
    if one.cost is None and other.cost is None:
        return None
    if (one.cost is None and one.total) or (other.cost is None and other.total):
        return None
    return (one.cost or 0.0) + (other.cost or 0.0)


# ------------------------------------------------------------------------------------------------------ model events

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "pause", "unknown"]


class TextDelta(Struct, frozen=True, gc=False, tag="text"):
    text: str


class ReasoningDelta(Struct, frozen=True, gc=False, tag="reasoning"):
    text: str


class RefusalDelta(Struct, frozen=True, gc=False, tag="refusal"):
    """The model declines, in words."""

    text: str


class ToolCallStart(Struct, frozen=True, tag="tool_call_start"):
    """A tool call begins. ``index`` numbers the calls of one answer from 0; ``id`` is "" where the vendor gives
    none."""

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

# -------------------------------------------------------------------------------------------------------- run events


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


class ToolCallsDetected(Struct, frozen=True, tag="tool_call_detected"):
    """The model asks for tools that we run. The calls are whole: no fragment of a call is ever an event of a run."""

    step: int
    tool_calls: tuple[ToolCall, ...]


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

    ``retryable`` is False where the same request is known to fail again.
    """

    code: str
    message: str
    status: int
    usage: Usage
    retry_after: float | None = None
    retryable: bool = True


class RunCancelled(Struct, frozen=True, tag="run_cancelled"):
    """Terminal. Whoever started the run left it."""

    usage: Usage


TerminalEvent: TypeAlias = RunFinished | RunFailed | RunCancelled
RunEvent: TypeAlias = (
    RunStarted
    | StepStarted
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | HostedToolCall
    | HostedToolResult
    | SourceFound
    | ToolCallsDetected
    | ToolProgress
    | ToolResult
    | ToolsExecuted
    | MaxStepsReached
    | ClientToolCalls
    | RunFinished
    | RunFailed
    | RunCancelled
)

# ------------------------------------------------------------------------------------------------------------ errors


class TurnstreamError(Exception):
    """The root. ``message`` is safe to show to a client, ``code`` is for programs, ``status`` is the HTTP status.

    ::

        TurnstreamError
        ├── ConfigurationError   the operator is at fault; names file, line and key where it can
        ├── RequestError         the client is at fault; trying again with the same request does not help
        ├── RunTimeout           the run's deadline passed
        ├── ToolError            the model should hear it; never ends a run
        └── ProviderError        the model's vendor is at fault; ``retryable`` says whether trying again may help
            └── ProtocolError    its stream broke the rules of its own protocol
    """

    code = "internal_error"
    status = 500

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status


class ConfigurationError(TurnstreamError):
    code = "configuration_error"


class RequestError(TurnstreamError):
    """``param`` names the offending field as a path: ``messages[2].content``."""

    code = "invalid_request"
    status = 400

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.param = param


class RunTimeout(TurnstreamError):
    code = "run_timeout"
    status = 504


class ToolError(TurnstreamError):
    """Raise it in a tool to tell the model, in one sentence, what went wrong."""

    code = "tool_error"


class ProviderError(TurnstreamError):
    """The vendor refused, failed or fell silent.

    ``message`` is ours and safe for the client; ``detail`` is the vendor's own text, for the log.
    ``provider_status`` is the vendor's HTTP status, None if it never answered. ``retry_after`` is in seconds.
    """

    code = "provider_error"
    status = 502

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        provider_status: int | None = None,
        detail: str = "",
        retryable: bool = False,
        retry_after: float | None = None,
        code: str | None = None,
        status: int | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.provider = provider
        self.provider_status = provider_status
        self.detail = detail
        self.retryable = retryable
        self.retry_after = retry_after
        self.body = body


class ProtocolError(ProviderError):
    code = "provider_protocol_error"


Messages: TypeAlias = Sequence[Message]
