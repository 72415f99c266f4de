"""The guardrails of an agent: what they let in, what they let out. Those who judge are asked here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import msgspec

from turnstream import errors, events, messages, requests
from turnstream.guardrails import outside, texts, values
from turnstream.guardrails.gate import Question
from turnstream.guardrails.output import Output
from turnstream.guardrails.rules import Judge


class Guardrails(outside.Owner):
    """Hold no state of any run. `watch` is for one run's events, `admit` for its request.

    ``a + b`` has the rules of both, those of ``a`` before those of ``b``. Enter them to open what their judges own.
    """

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
        super().__init__((*input_judges, *answer_judges))

    def __add__(self, other: Guardrails) -> Guardrails:
        return Guardrails(
            input_rules=self._input_rules + other._input_rules,
            input_judges=self._input_judges + other._input_judges,
            output_rules=self._output_rules + other._output_rules,
            answer_rules=self._answer_rules + other._answer_rules,
            answer_judges=self._answer_judges + other._answer_judges,
        )

    async def admit(self, request: requests.RunRequest, context: requests.RunContext) -> requests.RunRequest:
        """The request as the run may see it. Raises `RequestError` for one that is refused."""
        if self._input_rules:
            size = sum(map(_size, request.messages))
            request = await outside.search(size, self._change, request, context)
        text = "\n".join(_new_texts(request.messages))
        for judge in self._input_judges if text else ():
            if not await outside.ask(Question(judge, text), context):
                outside.report(context, judge.name, "refused the request")
                raise _refusal(None)
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
            except texts.StoppedError as stopped:
                if not isinstance(message, messages.AssistantMessage):
                    outside.report(context, stopped.rule, "refused the request")
                    raise _refusal(f"messages[{at}]") from None
                changed.append(message)  # what the model said was for the guardrails of the output to judge
        return msgspec.structs.replace(request, messages=tuple(changed))


def _refusal(param: str | None) -> errors.RequestError:
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
        shown = await outside.search(sum(map(_result_size, batch)), self._output.feed, batch)
        while (question := self._output.question) is not None:
            if shown:
                yield shown
            shown = self._output.answer(await outside.ask(question, self._context))
        if shown:
            yield shown
        if (stopped := self._output.stopped) is not None:
            outside.report(self._context, stopped.rule, "stopped the answer")


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
