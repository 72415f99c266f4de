"""What both stores of runs decide alike: who may queue, and what becomes of a run that nobody shall execute."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from turnstream import errors, events, messages, protocols
from turnstream.runs import log

# A step whose owners ended so often is not tried again. Owners that leave in good order count too, so it is their
# number since the last progress; the second bound is for owners that end before they write anything.
MOST_TRIES, MOST_ATTEMPTS = 5, 25
# Seconds after which an Idempotency-Key may start another run.
KEY_LIFETIME = 86_400.0


class Limits(Struct, frozen=True):
    """``slots`` are the runs that one process owns at once, ``queued`` the runs that wait in the whole store, ``open``
    those of one principal that have not ended."""

    slots: int = 100
    queued: int = 1000
    open: int = 1000

    def check(self, queued: int, open: int) -> None:
        if queued >= self.queued:
            raise errors.QueueFullError(f"{queued} runs wait already. Try again later.", retry_after=10.0)
        if open >= self.open:
            text = f"{open} of your runs have not ended. Wait for some of them, or cancel them."
            raise errors.QueueFullError(text, retry_after=10.0)


class FirstAppend:
    """An owner's first append may meet the last one of the owner before, or the end of a run that was cancelled: then
    the log is read again. Only an owner that is refused a third time, or later than at first, has lost its run."""

    def __init__(self) -> None:
        self._refused = 0
        self.stored = False  # an append, before

    def note_refusal(self) -> bool:
        """Whether the run is lost."""
        self._refused += 1
        return self.stored or self._refused == 3


async def begin(claim: protocols.Claim, start: events.RunStarted, *, continues: bool = False) -> log.Fold | None:
    """Enter the log as the run's owner: with ``start`` if it is empty, else behind what is there. What the log says
    then; None if the run has ended and was released. ``continues`` as in `Fold.resume`. Raises `FencedError` when the
    run is lost."""
    while True:
        folded = log.fold(await claim.log())
        if claim.begun:
            return folded
        if folded.ended:
            await claim.release()
            return None
        first = folded.resume(continues=continues) if folded.attempt else start
        try:
            folded.feed([(await claim.append([first]), first)])
        except protocols.FencedError:
            if claim.lost.is_set():
                raise
        else:
            return folded


def answer(
    waiting: protocols.Ending | None, answered: events.RunAnswered
) -> list[events.RunAnswered | events.RunWaiting] | None:
    """What an answer appends to the log of a run: with what is left to be answered the run goes on waiting. None if it
    does not wait for all that is answered."""
    if not isinstance(waiting, events.RunWaiting):
        return None
    given = [*(each.tool_call_id for each in answered.results), *(each.tool_call_id for each in answered.decisions)]
    if not given or not set(given) <= {call.id for call in waiting.tool_calls} or len(set(given)) < len(given):
        return None
    codes = {ask.tool_call_id: ask.code for ask in waiting.asks}
    if any(each.code not in ("", codes.get(each.tool_call_id)) for each in answered.decisions):
        return None  # it answers what the call asked before
    calls = tuple(call for call in waiting.tool_calls if call.id not in given)
    kinds = {ask.tool_call_id: ask.kind for ask in waiting.asks}
    denied = any(kinds.get(each.tool_call_id) == "review" and each.action != "call" for each in answered.decisions)
    if not calls or denied:  # one no is enough
        return [answered]
    asks = tuple(ask for ask in waiting.asks if ask.tool_call_id not in given)
    return [answered, msgspec.structs.replace(waiting, tool_calls=calls, asks=asks)]


def expire(waiting: events.RunWaiting, now: float) -> events.RunAnswered | None:
    """A no to all that nobody has answered in time."""
    late = [ask for ask in waiting.asks if ask.expires_at is not None and ask.expires_at <= now]
    reason = "Nobody answered in time."
    names = {call.id: call.name for call in waiting.tool_calls}
    results = [
        messages.ToolMessage(ask.tool_call_id, reason, names.get(ask.tool_call_id, ""), is_error=True)
        for ask in late
        if ask.kind == "question" and ask.state is None
    ]
    answered = {result.tool_call_id for result in results}
    decisions = [
        events.Decision(ask.tool_call_id, "deny", reason, code=ask.code)
        for ask in late
        if ask.tool_call_id not in answered
    ]
    return events.RunAnswered(tuple(results), tuple(decisions)) if late else None


def busy(thread: str) -> errors.ThreadBusyError:
    return errors.ThreadBusyError(f"Another run of the thread {thread!r} has not ended.")


def group(new: protocols.NewRun) -> str:
    """Runs of one group are executed one after another: those of one thread. A hash, because names may be long."""
    if (key := new.thread) is None:
        return new.id
    whole = "".join(f"{len(part)}:{part}" for part in (key.principal, key.agent, key.id))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def make_cancellation(
    new: protocols.NewRun, numbered: protocols.NumberedEvents
) -> tuple[events.RunCancelled, Sequence[messages.Message]]:
    """The end of a run that nobody executes, and what its thread gets."""
    folded = log.fold(numbered)
    return events.RunCancelled(folded.usage), (*new.said, *folded.messages)


async def settle(claim: protocols.Claim, status: protocols.Status, *, cancel: bool) -> bool:
    """Whether the claimed run is not to be executed; then its end is in the log, and it is released."""
    if status not in log.ENDED and (cancel or status != "waiting"):
        if not cancel and claim.attempt <= MOST_TRIES:
            return False
        folded = log.fold(await claim.log())
        if not cancel and folded.tries < MOST_TRIES and claim.attempt <= MOST_ATTEMPTS:
            return False
        if not folded.ended:
            end: events.TerminalEvent = events.RunCancelled(folded.usage)
            if not cancel:
                text = "The run was given up: each process that executed it ended before it had finished a step."
                end = events.RunFailed("attempts", text, 500, folded.usage, None, False)
            await claim.append([end], (*claim.new.said, *folded.messages))
    await claim.release()
    return True
