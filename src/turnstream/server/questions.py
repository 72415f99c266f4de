"""What users say to runs that wait for them, on any wire.

A request answers if its protocol has a form for that (`RunRequest.answers`), or if its last user turn begins with
``approve CODE``, ``deny CODE`` or ``answer CODE``. Then no run is started: the one that waits goes on, and the response
is what comes of it. Any other turn behind an open question leaves that open, does nothing, and says so; the request
that led to a question, sent again, is shown the same question. Who may answer is the question's own rule; to anybody
else, and for codes that nobody has, there is no such question.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from turnstream import agent as agents, asks, errors, events, messages, protocols, requests, usage
from turnstream.dialects import asking
from turnstream.runs import keeper, log, watch
from turnstream.server import answers

logger = logging.getLogger(__name__)

_STILL_OPEN = "Nothing was done: this question is still open."
_MOST_CODES = 20
_MOST_COMPARED = 20  # runs, the newest


class Told:
    """What `supervisor.Handle` is for a run, of one that is told again, or that has only these words."""

    acted = False
    left = False
    failure: events.RunFailed | None = None

    def __init__(self, id: str, agent: str, batch: Sequence[events.RunEvent]) -> None:
        self.id, self.agent, self._batch = id, agent, list(batch)

    def relay(self, give: protocols.Give) -> None:
        """It is said in batches."""

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[AsyncIterator[list[events.RunEvent]]]:
        yield self._batches()

    async def _batches(self) -> AsyncGenerator[list[events.RunEvent]]:
        yield self._batch

    def leave(self) -> None:
        self.left = True

    def end(self, failure: events.RunFailed) -> None:
        """It is over at once."""


class Found(NamedTuple):
    """An open question, and the run that waits for it."""

    state: protocols.RunState
    ask: asks.Ask
    call: messages.ToolCall


class Questions:
    """``agents`` are those that are served. ``keeper`` has the runs that wait."""

    def __init__(self, keeper: keeper.Keeper, agents: Mapping[str, agents.Agent]) -> None:
        self._keeper = keeper
        self._asking = {name for name, agent in agents.items() if agent.asks}

    @property
    def runs(self) -> protocols.Runs:
        return self._keeper.runs

    def has_asked(self, agent: str) -> None:
        """From now on a request may be one that is sent again."""
        self._asking.add(agent)

    def concerns(self, request: requests.RunRequest, agent: str) -> bool:
        """Whether the request may have to do with a run that waits; for all others nothing is looked up."""
        if request.housekeeping:
            return False
        if request.answers or request.follows or agent in self._asking:
            return True
        if len(request.messages) > 1 and _shown_codes(request):
            return True
        return asking.read_turn(_last_text(request)) is not None

    async def take(
        self,
        request: requests.RunRequest,
        principal: requests.Principal,
        agent: str,
        run_id: str,
        *,
        retracts: bool = False,
        one_chat: bool = False,
    ) -> Told | watch.Watch | None:
        """What the request is shown instead of a run of its own; None if it shall have one. ``retracts`` as in
        `watch.Watch`. With ``one_chat`` a thread is one chat, in which nothing goes on before what is open."""
        turn = asking.read_turn(_last_text(request))
        given = request.answers or (() if turn is None else (turn,))
        if given:
            return await self._answer(given, principal, agent, run_id, retracts)
        try:
            return await self._find_open(request, principal, agent, run_id, retracts, one_chat)
        except errors.StoreError:  # nothing is answered: the run that waits waits on
            logger.warning("open questions could not be looked up", exc_info=True)
            return None

    async def _find_open(
        self,
        request: requests.RunRequest,
        principal: requests.Principal,
        agent: str,
        run_id: str,
        retracts: bool,
        one_chat: bool,
    ) -> Told | watch.Watch | None:
        open_runs = await self.runs.find_waiting(principal.name)
        own = [state for state in open_runs if state.agent == agent]
        codes = _shown_codes(request)
        for state in own:
            if state.id == request.follows or (codes and _codes(state).intersection(codes)):
                return Told(run_id, agent, _tell_open(state, run_id))
        for state in own[:_MOST_COMPARED]:
            if (new := await self.runs.request(state.id)) is not None and _is_same(new, request):
                return Told(run_id, agent, await self._tell_again(state, run_id))
        for state in own if one_chat and request.thread_id is not None else ():
            if state.thread == request.thread_id:
                return Told(run_id, agent, _tell_open(state, run_id))
        return await self._watch_answered(codes, principal, agent, run_id, retracts) if codes else None

    async def find(self, code: str, principal: requests.Principal) -> Found | None:
        """The open question with that code, if this principal may answer it."""
        wanted = code.strip().upper()
        states = await self.runs.find_asking(wanted) if wanted else []
        mine = [state for state in states if state.principal == principal.name]
        others = [state for state in states if state.principal != principal.name]
        for state in (*mine, *(others if principal.groups or principal.scopes else [])):
            for found in list_open(state):
                if found.ask.code == wanted and may_answer(found, principal):
                    return found
        return None

    async def find_in(self, run_id: str, code: str) -> Found | None:
        """The open question of that run, for whoever has a right to it by other means."""
        states = await self.runs.find_asking(code)
        found = [each for state in states if state.id == run_id for each in list_open(state)]
        return next((each for each in found if each.ask.code == code), None)

    async def open_questions(self, principal: requests.Principal) -> list[Found]:
        """All that this principal may answer, the newest first."""
        states = (*await self.runs.find_waiting(principal.name), *(await self._others(principal)))
        return [found for state in states for found in list_open(state) if may_answer(found, principal)]

    async def answer(self, found: Found, answer: asks.Answer, by: str) -> bool:
        """False if somebody else was faster. Raises `RequestError` for an answer that does not fit the question."""
        answered = answers.decide(found.ask, found.call, answer, by)
        return await self.runs.answer(found.state.principal, found.state.id, answered)

    def check(self, state: protocols.RunState, answered: events.RunAnswered, principal: requests.Principal) -> None:
        """Raises `RequestError` for answers to questions that are not this principal's to answer, or no longer."""
        open_now = {found.ask.tool_call_id: found for found in list_open(state)}
        asked = () if not isinstance(state.ending, events.RunWaiting) else state.ending.asks
        given = [*(each.tool_call_id for each in answered.results), *(each.tool_call_id for each in answered.decisions)]
        for ask in asked:
            if ask.tool_call_id not in given:
                continue
            if (found := open_now.get(ask.tool_call_id)) is None:
                raise errors.RequestError("The time to answer is over.", code="question_expired", status=409)
            if not may_answer(found, principal):
                text = f"You may not answer this: it is for {ask.by}."
                raise errors.RequestError(text, code="forbidden", status=403)

    async def _others(self, principal: requests.Principal) -> list[protocols.RunState]:
        if not principal.groups and not principal.scopes:
            return []
        return [state for state in await self.runs.find_waiting() if state.principal != principal.name]

    async def _answer(
        self, given: Sequence[asks.Answer], principal: requests.Principal, agent: str, run_id: str, retracts: bool
    ) -> Told | watch.Watch:
        watching: watch.Watch | None = None
        refused: list[str] = []
        for answer in given[:_MOST_CODES]:
            found = await self.find(answer.code, principal)
            if found is None or found.state.agent != agent:
                refused.append(_unknown(answer.code))
                continue
            end = len(await self.runs.log(found.state.id))
            try:
                accepted = await self.answer(found, answer, principal.name)
            except errors.RequestError as error:  # it is for a person: the question is shown once more
                return Told(run_id, agent, _tell_open(found.state, run_id, error.message))
            if not accepted:
                refused.append(_unknown(answer.code))
            elif found.state.principal != principal.name:
                refused.append(f"Your answer to {found.ask.code} is given. The run goes on for its own user.")
            elif watching is None:
                watching = self._watch(found.state, agent, run_id, end, retracts)
        return watching or Told(run_id, agent, _say("\n\n".join(refused), run_id, agent))

    async def _watch_answered(
        self, codes: Sequence[str], principal: requests.Principal, agent: str, run_id: str, retracts: bool
    ) -> watch.Watch | None:
        """What came of the question before the user's turn, if somebody has answered it elsewhere."""
        for state in await self.runs.recent(principal.name, agent, limit=_MOST_COMPARED):
            asked = [seq for seq, event in await self.runs.log(state.id) if _asks(event, codes)]
            if asked and state.status != "waiting":
                return self._watch(state, agent, run_id, asked[-1], retracts)
        return None

    def _watch(self, state: protocols.RunState, agent: str, run_id: str, after: int, retracts: bool) -> watch.Watch:
        """From the answer on."""
        started = events.RunStarted(run_id, agent, state.thread)
        hold = self._keeper.holds(agent)
        return watch.Watch(
            self.runs, state.id, agent, after=after, retracts=retracts, hold=hold, opening=started, pauses=True
        )

    async def _tell_again(self, state: protocols.RunState, run_id: str) -> list[events.RunEvent]:
        """All that the run has said up to its question."""
        numbered = log.without_void(await self.runs.log(state.id))
        told = [event for _, event in numbered if isinstance(event, events.RunEvent)]
        told = [event for event in told if not isinstance(event, events.RunStarted | events.RunWaiting)]
        assert isinstance(state.ending, events.RunWaiting)
        return [events.RunStarted(run_id, state.agent, state.thread), *told, state.ending]


def list_open(state: protocols.RunState) -> list[Found]:
    """Those of a run that can be answered now."""
    if state.status != "waiting" or not isinstance(state.ending, events.RunWaiting):
        return []
    calls, now = {call.id: call for call in state.ending.tool_calls}, time.time()
    return [
        Found(state, ask, calls[ask.tool_call_id])
        for ask in state.ending.asks
        if ask.tool_call_id in calls and (ask.expires_at is None or ask.expires_at > now)
    ]


def may_answer(found: Found, principal: requests.Principal) -> bool:
    if not principal.may_use(found.state.agent):
        return False
    kind, _, name = found.ask.by.partition(":")
    match kind:
        case "scope":
            return principal.may(name)
        case "group":
            return name in principal.groups
        case _:
            return principal.name == found.state.principal


def held_text(found: Found) -> str | None:
    """What a guardrail holds back, for somebody else than its reader to judge: the reader is not shown it before."""
    ask = found.ask
    if ask.kind != "review" or not ask.by or not isinstance(ask.state, dict):
        return None
    return str(ask.state.get("text", ""))


def _codes(state: protocols.RunState) -> set[str]:
    return {found.ask.code for found in list_open(state)}


def _last_text(request: requests.RunRequest) -> str:
    """Of the user's turn that the request ends with."""
    last = request.messages[-1] if request.messages else None
    return messages.content_text(last.content) if isinstance(last, messages.UserMessage) else ""


def _shown_codes(request: requests.RunRequest) -> list[str]:
    """Those of the questions in the answer before the user's turn."""
    for message in reversed(request.messages[-3:]):
        if isinstance(message, messages.AssistantMessage):
            return asking.shown_codes(message.text)[:_MOST_CODES]
    return []


def _is_same(new: protocols.NewRun, request: requests.RunRequest) -> bool:
    """Whether the request is the one that the run was started with, sent again: by the same user, in the same
    thread, for a front end may have one key for all."""
    asked = new.request
    named = None if asked.thread_id == new.id else asked.thread_id
    same_place = asked.user == request.user and (request.thread_id is None or named == request.thread_id)
    return same_place and not new.history and _without_system(asked.messages) == _without_system(request.messages)


def _asks(event: events.LogEvent, codes: Sequence[str]) -> bool:
    return isinstance(event, events.RunWaiting) and any(ask.code in codes for ask in event.asks)


def _without_system(conversation: Sequence[messages.Message]) -> list[messages.Message]:
    return [message for message in conversation if not isinstance(message, messages.SystemMessage)]


def _tell_open(state: protocols.RunState, run_id: str, text: str = _STILL_OPEN) -> list[events.RunEvent]:
    assert isinstance(state.ending, events.RunWaiting)
    started = events.RunStarted(run_id, state.agent, state.thread)
    return [started, events.StepStarted(state.ending.step), events.TextDelta(text), state.ending]


def _say(text: str, run_id: str, agent: str) -> list[events.RunEvent]:
    end = events.RunFinished("stop", usage.Usage(), 1)
    return [events.RunStarted(run_id, agent), events.StepStarted(1), events.TextDelta(text), end]


def _unknown(code: str) -> str:
    return f"There is no open question {asking.printable(code[:20])} that you could answer. Nothing was done."
