"""Both stores of runs: what they promise to owners and watchers."""

from __future__ import annotations

import asyncio

import pytest

from tests.stores import (
    ANSWERED,
    WAITING,
    Place,
    Store,
    finish,
    finished,
    new_run,
    next_claim,
    rival_of,
    soon,
    started,
    step,
    whole,
)
from turnstream import errors, events, protocols
from turnstream.runs import log


async def test_a_submitted_run_is_claimed_written_watched_and_forgotten_by_the_queue(store: Store) -> None:
    new = new_run(body=b"{}", dialect="native")
    assert await store.runs.submit(new) == protocols.Submitted(new.id)
    claim = await next_claim(store)
    assert claim.new == new
    assert await claim.append([started(new), events.TextDelta("hi")]) == 2
    await finish(claim)
    assert await whole(store, new.id) == [(1, started(new)), (2, events.TextDelta("hi")), (3, finished())]
    state = await store.runs.get("ann", new.id)
    assert (state.status, state.ending, state.body) == ("finished", finished(), b"{}")


async def test_a_run_that_is_asked_for_here_is_owned_at_once(store: Store) -> None:
    claim = await store.runs.submit(new_run(), here=True)
    await finish(claim, started(claim.new))
    assert (await store.runs.get("ann", claim.new.id)).status == "finished"


async def test_without_a_free_slot_it_waits_for_one(place: Place) -> None:
    async with place.open(slots=1) as store:
        first = await store.runs.submit(new_run(), here=True)
        second = new_run()
        assert isinstance(await store.runs.submit(second, here=True), protocols.Submitted)
        await finish(first, started(first.new))
        await next_claim(store, second.id)


async def test_a_key_starts_one_run_for_each_principal(store: Store) -> None:
    first = new_run(key="k")
    again, other = new_run(key="k"), new_run(key="k", user="bob")
    await store.runs.submit(first)
    assert await store.runs.submit(again) == protocols.Submitted(first.id, created=False)
    assert await store.runs.submit(other) == protocols.Submitted(other.id)


async def test_one_key_at_many_submissions_at_once_is_one_run(store: Store) -> None:
    """Row 14."""
    runs = [new_run(key="k", thread="t") for _ in range(8)]
    submitted = await asyncio.gather(*(store.runs.submit(new) for new in runs))
    assert len({each.id for each in submitted}) == 1
    assert sum(each.created for each in submitted) == 1


async def test_runs_of_a_thread_are_executed_one_after_another(store: Store) -> None:
    """Row 15."""
    first, second, elsewhere = new_run(thread="t"), new_run(thread="t"), new_run(thread="t", user="bob")
    for new in (first, second, elsewhere):
        await store.runs.submit(new)
    claims = {claim.new.id: claim for claim in [await next_claim(store), await next_claim(store)]}
    assert claims.keys() == {first.id, elsewhere.id}
    await finish(claims[first.id], started(first))
    await next_claim(store, second.id)


async def test_reject_lets_one_of_many_submissions_into_a_thread(store: Store) -> None:
    """Row 15."""
    runs = [new_run(thread="t", policy="reject") for _ in range(8)]
    results = await asyncio.gather(*(store.runs.submit(new) for new in runs), return_exceptions=True)
    assert sum(isinstance(result, protocols.Submitted) for result in results) == 1
    assert sum(isinstance(result, errors.ThreadBusyError) for result in results) == 7


async def test_interrupt_ends_the_run_of_the_thread_that_is_executed(store: Store) -> None:
    """Row 15."""
    owner = await store.runs.submit(new_run(thread="t"), here=True)
    await owner.append([started(owner.new)])
    last = new_run(thread="t", policy="interrupt")
    await store.runs.submit(last)
    await soon(owner.cancelled.wait())
    await owner.append([events.RunCancelled(finished().usage)])
    await owner.release()
    await next_claim(store, last.id)


async def test_interrupt_ends_runs_of_the_thread_that_wait(store: Store) -> None:
    waiting, last = new_run(thread="t"), new_run(thread="t", policy="interrupt")
    await store.runs.submit(waiting)
    await store.runs.submit(last)
    assert (await store.runs.get("ann", waiting.id)).status == "cancelled"
    await next_claim(store, last.id)


async def test_a_full_queue_says_when_to_come_again(place: Place) -> None:
    async with place.open(queued=2) as store:
        for _ in range(2):
            await store.runs.submit(new_run())
        with pytest.raises(errors.QueueFullError) as caught:
            await store.runs.submit(new_run())
        assert (caught.value.status, caught.value.retry_after) == (429, 10)


async def test_one_principal_cannot_fill_the_queue_for_others(place: Place) -> None:
    async with place.open(open=2) as store:
        for _ in range(2):
            await store.runs.submit(new_run())
        with pytest.raises(errors.QueueFullError):
            await store.runs.submit(new_run())
        await store.runs.submit(new_run(user="bob"))


async def test_of_two_owners_that_write_at_one_place_one_is_fenced(store: Store) -> None:
    """Row 6."""
    for new in [new_run() for _ in range(20)]:
        claim = await store.runs.submit(new, here=True)
        zombie = rival_of(claim)
        appends = claim.append([started(new)]), zombie.append([started(new), events.TextDelta("x")])
        results = await asyncio.gather(*appends, return_exceptions=True)
        assert sum(isinstance(result, protocols.FencedError) for result in results) == 1


async def test_a_fenced_run_keeps_no_other_from_being_stored(store: Store) -> None:
    """Row 7."""
    claims = [await store.runs.submit(new_run(), here=True) for _ in range(10)]
    await rival_of(claims[3]).append([started(claims[3].new)])
    results = await asyncio.gather(*(claim.append([started(claim.new)]) for claim in claims), return_exceptions=True)
    assert [isinstance(result, protocols.FencedError) for result in results] == [n == 3 for n in range(10)]


async def test_a_fenced_owner_cannot_change_the_status(store: Store) -> None:
    claim = await store.runs.submit(new_run(), here=True)
    await rival_of(claim).append([started(claim.new)])
    with pytest.raises(protocols.FencedError):
        await claim.append([finished()])
    assert (await store.runs.get("ann", claim.new.id)).status == "running"


async def test_the_thread_gets_the_messages_with_the_end_of_the_run(store: Store) -> None:
    claim = await store.runs.submit(new_run("hi", thread="t"), here=True)
    said = [*claim.new.said, step(1, "hello").message]
    await claim.append([started(claim.new), step(1, "hello")])
    key = protocols.ThreadKey("ann", "helper", "t")
    assert await store.threads.read(key) == []
    await finish(claim, said=said)
    assert await store.threads.read(key) == said
    assert (await store.runs.get("ann", claim.new.id)).length == 2


async def test_a_queued_run_is_cancelled_without_an_owner(store: Store) -> None:
    """Row 17."""
    new = new_run(thread="t")
    await store.runs.submit(new)
    assert await store.runs.cancel("ann", new.id)
    assert not await store.runs.cancel("ann", new.id)
    assert [type(event) for _, event in await whole(store, new.id)] == [events.RunCancelled]
    following = new_run(thread="t")
    await store.runs.submit(following)
    await next_claim(store, following.id)


async def test_the_owner_hears_that_its_run_shall_end(store: Store) -> None:
    """Row 17."""
    claim = await store.runs.submit(new_run(), here=True)
    await claim.append([started(claim.new)])
    assert await store.runs.cancel("ann", claim.new.id)
    await soon(claim.cancelled.wait())


async def test_a_waiting_run_holds_nothing_and_goes_on_when_it_is_answered_once(store: Store) -> None:
    """Row 18."""
    claim = await store.runs.submit(new_run(), here=True)
    run_id = claim.new.id
    await claim.append([started(claim.new), step(1, "may I?"), WAITING])
    await claim.release()
    state = await store.runs.get("ann", run_id)
    assert (state.status, state.ending) == ("waiting", WAITING)
    answers = await asyncio.gather(*(store.runs.answer("ann", run_id, ANSWERED) for _ in range(5)))
    assert sum(answers) == 1
    claim = await next_claim(store, run_id)
    folded = log.fold(await claim.log())
    assert (folded.ending, folded.messages[-1]) == (None, ANSWERED.results[0])
    await finish(claim, folded.resume())


async def test_a_waiting_run_can_be_cancelled_and_not_answered_after_that(store: Store) -> None:
    """Rows 17 and 18."""
    claim = await store.runs.submit(new_run("hi", thread="t"), here=True)
    await claim.append([started(claim.new), step(1, "may I?"), WAITING])
    await claim.release()
    assert await store.runs.cancel("ann", claim.new.id)
    assert not await store.runs.answer("ann", claim.new.id, ANSWERED)
    assert isinstance((await whole(store, claim.new.id))[-1][1], events.RunCancelled)
    key = protocols.ThreadKey("ann", "helper", "t")
    assert await store.threads.read(key) == [*claim.new.said, step(1, "may I?").message]


async def test_a_run_that_is_not_in_order_to_be_answered_is_not(store: Store) -> None:
    await store.runs.submit(new := new_run())
    assert not await store.runs.answer("ann", new.id, ANSWERED)


async def test_another_principal_finds_nothing(store: Store) -> None:
    claim = await store.runs.submit(new_run(thread="t"), here=True)
    await claim.append([started(claim.new), WAITING])
    await claim.release()
    assert await store.runs.get("bob", claim.new.id) is None
    assert await store.runs.get("ann", claim.new.id, agent="other") is None
    assert not await store.runs.answer("bob", claim.new.id, ANSWERED)
    assert not await store.runs.cancel("bob", claim.new.id)
    assert not await store.runs.delete("bob", claim.new.id)
    assert await store.runs.recent("bob") == []
    assert [state.id for state in await store.runs.recent("ann")] == [claim.new.id]


async def test_a_watcher_sees_what_is_stored_and_then_what_comes(store: Store) -> None:
    claim = await store.runs.submit(new_run(), here=True)
    await claim.append([started(claim.new), events.TextDelta("a")])
    watchers = [asyncio.create_task(whole(store, claim.new.id, after)) for after in range(3)]
    for text in "bcd":
        await claim.append([events.TextDelta(text)])
    await finish(claim)
    expected = await claim.log()
    assert [await watcher for watcher in watchers] == [expected[after:] for after in range(3)]


async def test_a_position_within_an_append_is_resumed_there(store: Store) -> None:
    claim = await store.runs.submit(new_run(), here=True)
    await finish(claim, started(claim.new), events.TextDelta("a"), events.ReasoningDelta("b"))
    expected = await claim.log()
    for after in range(5):
        assert await whole(store, claim.new.id, after) == expected[after:]


async def test_a_watcher_ends_at_once_behind_the_last_event(store: Store) -> None:
    claim = await store.runs.submit(new_run(), here=True)
    await finish(claim, started(claim.new))
    assert await whole(store, claim.new.id, 2) == []


async def test_a_position_behind_the_log_is_refused(store: Store) -> None:
    """Row 11."""
    claim = await store.runs.submit(new_run(), here=True)
    await claim.append([started(claim.new)])
    with pytest.raises(errors.LogResetError):
        await whole(store, claim.new.id, 7)


async def test_an_expired_log_is_gone_and_its_run_is_not(store: Store) -> None:
    """Row 28."""
    claim = await store.runs.submit(new_run(), here=True)
    await finish(claim, started(claim.new))
    assert await store.runs.expire(3600) == 0
    assert await store.runs.expire(-1) > 0
    with pytest.raises(errors.LogExpiredError):
        await whole(store, claim.new.id)
    assert (await store.runs.get("ann", claim.new.id)).ending == finished()


async def test_the_log_of_a_run_that_waits_does_not_expire(store: Store) -> None:
    claim = await store.runs.submit(new_run(), here=True)
    await claim.append([started(claim.new), WAITING])
    await claim.release()
    assert await store.runs.expire(-1) == 0


async def test_the_owner_of_a_deleted_run_is_fenced(store: Store) -> None:
    claim = await store.runs.submit(new_run(thread="t"), here=True)
    await claim.append([started(claim.new)])
    assert await store.threads.delete(protocols.ThreadKey("ann", "helper", "t"))
    with pytest.raises(protocols.FencedError):
        await claim.append([finished()])
    assert await store.runs.get("ann", claim.new.id) is None


async def test_runs_are_listed_page_by_page_the_newest_first(store: Store) -> None:
    runs = [new_run() for _ in range(5)]
    for new in runs:
        await store.runs.submit(new)
    ids = [new.id for new in reversed(runs)]
    first = [state.id for state in await store.runs.recent("ann", limit=3)]
    rest = [state.id for state in await store.runs.recent("ann", before=first[-1], limit=3)]
    assert (first, rest) == (ids[:3], ids[3:])
