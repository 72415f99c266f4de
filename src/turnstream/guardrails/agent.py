"""The guardrails of an agent: what they let in, what they let out. Those who judge are asked here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import msgspec

from turnstream import errors, events, messages, protocols, requests
from turnstream.guardrails import outside, review as reviewing, texts, values
from turnstream.guardrails.gate import Question
from turnstream.guardrails.holding import Holding
from turnstream.guardrails.output import Output
from turnstream.guardrails.review import AskingRule
from turnstream.guardrails.rules import Judge


class Guardrails(outside.Owner):
    """Hold no state of any run. `watch` is for one run's events, `admit` for its request.

    ``a + b`` has the rules of both, those of ``a`` before those of ``b``. Enter them to open what their judges own.
    What the asking rules find, and what a judge with a reviewer refuses, waits for a person (`review`,
    `Guard.reviews`).
    """

    def __init__(
        self,
        *,
        input_rules: Sequence[texts.Rule] = (),
        input_judges: Sequence[Judge] = (),
        output_rules: Sequence[texts.Rule] = (),
        answer_rules: Sequence[texts.Rule] = (),
        answer_judges: Sequence[Judge] = (),
        input_asking: Sequence[AskingRule] = (),
        output_asking: Sequence[AskingRule] = (),
    ) -> None:
        self._input_asking, self._output_asking = tuple(input_asking), tuple(output_asking)
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
            input_asking=self._input_asking + other._input_asking,
            output_asking=self._output_asking + other._output_asking,
        )

    @property
    def asks(self) -> bool:
        """Whether runs may wait for a person because of them."""
        return bool(self.reviewers)

    @property
    def reviewers(self) -> frozenset[str]:
        """Whom they ask, see `asks.Ask.by`."""
        judges = (*self._input_judges, *self._answer_judges)
        asked = [rule.reviewer for rule in (*self._input_asking, *self._output_asking)]
        asked += [judge.reviewer for judge in judges if judge.reviewer is not None]
        return frozenset(reviewer.by for reviewer in asked)

    async def admit(self, request: requests.RunRequest, context: requests.RunContext) -> requests.RunRequest:
        """The request as the run may see it. Raises `RequestError` for one that is refused."""
        if self._input_rules or self._input_asking:
            size = sum(map(_size, request.messages))
            request = await outside.search(size, self._change, request, context)
        text = "\n".join(_new_texts(request.messages))
        for judge in self._input_judges if text else ():
            if judge.reviewer is None and not await outside.ask(Question(judge, text), context):
                outside.report(context, judge.name, "refused the request")
                raise refusal(None)
        return request

    async def review(self, request: requests.RunRequest, context: requests.RunContext) -> Sequence[protocols.Review]:
        """What of the request, as it was let in, a person has to agree to before the model sees it. Only what came
        after the last answer is asked about."""
        new = _new_texts(request.messages)
        found: list[tuple[str, reviewing.Reviewer]] = []
        for rule in self._input_asking:
            if any([await outside.search(len(text), rule.finds, text) for text in new]):
                found.append((rule.name, rule.reviewer))
        text = "\n".join(new)
        for judge in self._input_judges if text else ():
            if judge.reviewer is not None and not await outside.ask(Question(judge, text), context):
                found.append((judge.name, judge.reviewer))
        for name, _ in found:
            outside.report(context, name, "asks about the request")
        return [protocols.Review(name, text, who.by, who.expires) for name, who in dict.fromkeys(found)]

    def watch(self, context: requests.RunContext) -> Guard | None:
        """None if nothing stands between the run and its reader."""
        if not (self._output_rules or self._answer_rules or self._answer_judges or self._output_asking):
            return None
        asks = self._output_asking or any(judge.reviewer for judge in self._answer_judges)
        output = Output(self._output_rules, self._answer_rules, self._answer_judges)
        return Guard(output, context, Holding(self._output_asking) if asks else None)

    def _change(self, request: requests.RunRequest, context: requests.RunContext) -> requests.RunRequest:
        changed: list[messages.Message] = []
        last = _last_answer(request.messages)
        for at, message in enumerate(request.messages):
            try:
                one = _change_message(message, lambda text: texts.apply(self._input_rules, text))
                changed.append(_change_message(one, self._hide) if _is_old(message, at, last) else one)
            except texts.StoppedError as stopped:
                if not isinstance(message, messages.AssistantMessage):
                    outside.report(context, stopped.rule, "refused the request")
                    raise refusal(f"messages[{at}]") from None
                changed.append(message)  # what the model said was for the guardrails of the output to judge
        return msgspec.structs.replace(request, messages=tuple(changed))

    def _hide(self, text: str) -> str:
        """A person was asked about it when it was new, and this may be what was denied."""
        return reviewing.hide(self._input_asking, text)


def refusal(param: str | None) -> errors.RequestError:
    message = "The request was refused by a guardrail of this agent."
    return errors.RequestError(message, code="content_filter", param=param)


class Guard:
    """Between one run and whoever reads its events. Iterate `feed`; after ``stopped`` is set, feed nothing more, and
    while there are ``reviews`` nothing before `decide`."""

    def __init__(self, output: Output, context: requests.RunContext, holding: Holding | None = None) -> None:
        self._output, self._context, self._holding = output, context, holding

    @property
    def stopped(self) -> events.FinishReason | None:
        """Why the run must end; None while it may go on."""
        stopped = self._stopped
        return None if stopped is None else stopped.reason

    @property
    def _stopped(self) -> texts.StoppedError | None:
        return self._output.stopped or (None if self._holding is None else self._holding.stopped)

    @property
    def reviews(self) -> Sequence[protocols.Review]:
        return () if self._holding is None else self._holding.reviews

    def held(self) -> list[events.RunEvent]:
        return [] if self._holding is None else self._holding.held()

    def decide(self, approved: bool) -> list[events.RunEvent]:
        assert self._holding is not None
        return self._holding.decide(approved)

    def unfinished(self) -> messages.AssistantMessage | None:
        """What was shown of the step that was stopped or is held, if no `StepFinished` has told it."""
        machine = self._holding or self._output
        return machine.message() if machine.in_step else None

    async def feed(self, batch: Sequence[events.RunEvent]) -> AsyncGenerator[list[events.RunEvent]]:
        shown = await outside.search(sum(map(_event_size, batch)), self._output.feed, batch)
        while (question := self._output.question) is not None:
            if shown := await self._hold(shown):
                yield shown
            shown = self._output.answer(await outside.ask(question, self._context))
        if shown := await self._hold(shown):
            yield shown
        if (stopped := self._stopped) is not None:
            outside.report(self._context, stopped.rule, "stopped the answer")
        for review in self.reviews:
            outside.report(self._context, review.guardrail, "holds the answer")

    async def _hold(self, shown: list[events.RunEvent]) -> list[events.RunEvent]:
        """As much of it as waits for nobody."""
        holding, output = self._holding, self._output
        if holding is None:
            return shown
        for judge in output.flagged:
            assert judge.reviewer is not None
            holding.flag(judge.name, judge.reviewer)
        output.flagged.clear()
        step = holding.feed if output.stopped is None else holding.break_off
        return await outside.search(holding.size, step, shown)


def _size(message: messages.Message) -> int:
    match message:
        case messages.AssistantMessage():
            return len(message.text) + sum(len(call.arguments) for call in message.tool_calls)
        case _:
            return len(messages.content_text(message.content))


def _event_size(event: events.RunEvent) -> int:
    if isinstance(event, events.TextDelta | events.ReasoningDelta | events.RefusalDelta):
        return len(event.text)
    if isinstance(event, events.ToolsExecuted):
        return sum(map(_event_size, event.results))
    return len(messages.content_text(event.output.content)) if isinstance(event, events.ToolResult) else 0


def _last_answer(conversation: Sequence[messages.Message]) -> int:
    """Where it stands; -1 if there is none."""
    found = (at for at, message in enumerate(conversation) if isinstance(message, messages.AssistantMessage))
    return max(found, default=-1)


def _is_old(message: messages.Message, at: int, last: int) -> bool:
    """Whether nobody is asked about it: it came before the last answer, or is an instruction."""
    return isinstance(message, messages.SystemMessage) or (
        at < last and not isinstance(message, messages.AssistantMessage)
    )


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
