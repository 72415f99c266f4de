"""The guardrails of an agent: what they let in, what they let out. Those who judge are asked here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TypeVar

import msgspec

from turnstream import errors, events, messages, requests
from turnstream.guardrails import texts, values
from turnstream.guardrails.output import Output, Question
from turnstream.guardrails.rules import Judge

log = logging.getLogger("turnstream.guardrails")

T = TypeVar("T")

_LARGE = 50_000  # characters from which on a text is searched in a thread: 2 ms or more


class Guardrails:
    """Holds no state of any run. `watch` is for one run's events, `admit` for its request."""

    def __init__(
        self,
        *,
        input_rules: Sequence[texts.Rule] = (),
        input_judges: Sequence[Judge] = (),
        output_rules: Sequence[texts.Rule] = (),
        answer_rules: Sequence[texts.Rule] = (),
        answer_judges: Sequence[Judge] = (),
    ) -> None:
        self._input_rules, self._input_judges = tuple(input_rules), tuple(input_judges)
        self._output_rules, self._answer_rules = tuple(output_rules), tuple(answer_rules)
        self._answer_judges = tuple(answer_judges)

    async def admit(self, request: requests.RunRequest, context: requests.RunContext) -> requests.RunRequest:
        """The request as the run may see it. Raises `RequestError` for one that is refused."""
        if self._input_rules:
            size = sum(map(_size, request.messages))
            request = await _search(size, self._change, request, context)
        text = "\n".join(_new_texts(request.messages))
        for judge in self._input_judges if text else ():
            if not await ask(Question(judge, text), context):
                log.info("run %s: the guardrail %s refused the request", context.run_id, judge.name)
                raise _refused(None)
        return request

    def watch(self, context: requests.RunContext) -> Guard | None:
        """None if nothing stands between the run and its reader."""
        if not (self._output_rules or self._answer_rules or self._answer_judges):
            return None
        return Guard(Output(self._output_rules, self._answer_rules, self._answer_judges), context)

    def _change(self, request: requests.RunRequest, context: requests.RunContext) -> requests.RunRequest:
        changed = []
        for at, message in enumerate(request.messages):
            try:
                changed.append(_change_message(message, lambda text: texts.apply(self._input_rules, text)))
            except texts.Stopped as stopped:
                if not isinstance(message, messages.AssistantMessage):
                    log.info("run %s: the guardrail %s refused the request", context.run_id, stopped.rule)
                    raise _refused(f"messages[{at}]") from None
                changed.append(message)  # what the model said was for the guardrails of the output to judge
        return msgspec.structs.replace(request, messages=tuple(changed))


def _refused(param: str | None) -> errors.RequestError:
    message = "The request was refused by a guardrail of this agent."
    return errors.RequestError(message, code="content_filter", param=param)


class Guard:
    """Between one run and whoever reads its events. Iterate `feed`; after ``stopped`` is set, feed nothing more."""

    def __init__(self, output: Output, context: requests.RunContext) -> None:
        self._output, self._context = output, context

    @property
    def stopped(self) -> events.FinishReason | None:
        """Why the run must end; None while it may go on."""
        return None if self._output.stopped is None else self._output.stopped.reason

    def unfinished(self) -> messages.AssistantMessage | None:
        """What was shown of the step that was stopped, if no `StepFinished` has told it."""
        return self._output.message() if self._output.in_step else None

    async def feed(self, batch: Sequence[events.RunEvent]) -> AsyncGenerator[list[events.RunEvent]]:
        shown = await _search(sum(map(_result_size, batch)), self._output.feed, batch)
        while (question := self._output.question) is not None:
            if shown:
                yield shown
            shown = self._output.answer(await ask(question, self._context))
        if shown:
            yield shown
        if (stopped := self._output.stopped) is not None:
            log.info("run %s: the guardrail %s stopped the answer", self._context.run_id, stopped.rule)


async def ask(question: Question, context: requests.RunContext) -> bool:
    """Never raises: a judge that fails or takes too long has said what its ``on_error`` says."""
    judge = question.judge
    try:
        async with asyncio.timeout(judge.timeout):
            return await judge.ask(question.text, context)
    except Exception as error:  # the boundary to code that is not ours
        log.warning("run %s: the guardrail %s could not judge", context.run_id, judge.name, exc_info=error)
        return judge.on_error == "pass"


async def _search(size: int, search: Callable[..., T], *args: object) -> T:
    return await asyncio.to_thread(search, *args) if size > _LARGE else search(*args)


def _size(message: messages.Message) -> int:
    match message:
        case messages.AssistantMessage():
            return len(message.text) + sum(len(call.arguments) for call in message.tool_calls)
        case _:
            return len(messages.content_text(message.content))


def _result_size(event: events.RunEvent) -> int:
    if isinstance(event, events.ToolsExecuted):
        return sum(map(_result_size, event.results))
    return len(messages.content_text(event.output.content)) if isinstance(event, events.ToolResult) else 0


def _new_texts(conversation: Sequence[messages.Message]) -> list[str]:
    """Those that came after the last answer."""
    new: list[str] = []
    for message in reversed(conversation):
        if isinstance(message, messages.AssistantMessage):
            break
        if not isinstance(message, messages.SystemMessage):
            new.insert(0, messages.content_text(message.content))
    return [text for text in new if text]


def _change_message(message: messages.Message, change: values.Change) -> messages.Message:
    match message:
        case messages.AssistantMessage(parts=parts):
            return messages.AssistantMessage(tuple(_change_part(part, change) for part in parts))
        case messages.SystemMessage():
            return messages.SystemMessage(change(message.content))
        case _:
            return msgspec.structs.replace(message, content=values.change_content(message.content, change))


def _change_part(part: messages.AssistantPart, change: values.Change) -> messages.AssistantPart:
    match part:
        case messages.TextPart():
            return messages.TextPart(change(part.text))
        case messages.ToolCall():
            return values.change_call(part, change)
        case _:
            return part
