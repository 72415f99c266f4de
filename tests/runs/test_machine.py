"""Owners, takeovers, answers and cancellations in any order, against a model of the log that is a list."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests import postgres as servers
from tests.stores import ANSWERED, WAITING, Place, Store, finished, new_run, next_claim, rival_of, started, whole
from turnstream import events, protocols
from turnstream.runs import log, postgres, rules

SOAK = "SOAK" in os.environ
TEXTS = st.lists(st.sampled_from([events.TextDelta("a"), events.ReasoningDelta("b")]), min_size=1, max_size=3)


class LogMachine(RuleBasedStateMachine):
    """``log`` is what the store must have. ``owner`` may write; ``zombies`` were owners and believe that they are."""

    place: Place

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.opened = self.place.open()
        self.store: Store = self.do(self.opened.__aenter__())
        self.log: list[events.LogEvent] = []
        self.owner: protocols.Claim | None = None
        self.zombies: list[protocols.Claim] = []

    def do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def submit(self) -> None:
        self.new = new_run(thread="t")
        self.do(self.store.runs.submit(self.new))

    @property
    def status(self) -> protocols.Status:
        return log.status(self.log) or "queued"

    @property
    def tries(self) -> int:
        """Beyond some of them nobody gets the run any more."""
        return log.fold(enumerate(self.log, 1)).tries

    @precondition(lambda self: self.owner is None and self.status in ("queued", "running"))
    @precondition(lambda self: self.tries < rules.MOST_TRIES)
    @rule()
    def claim(self) -> None:
        self.owner = self.do(next_claim(self.store, self.new.id, 20))
        assert self.owner is not None
        read = self.do(self.owner.log())
        assert read == list(enumerate(self.log, 1))
        self.write(self.owner, [log.fold(read).resume() if self.log else started(self.new)])

    @precondition(lambda self: self.owner is not None)
    @rule(batch=TEXTS)
    def append(self, batch: list[events.LogEvent]) -> None:
        assert self.owner is not None
        self.write(self.owner, batch)

    @precondition(lambda self: self.zombies)
    @rule(batch=TEXTS, which=st.randoms(use_true_random=False))
    def append_as_zombie(self, batch: list[events.LogEvent], which: Any) -> None:
        with pytest.raises(protocols.FencedError):
            self.do(which.choice(self.zombies).append(batch))

    @precondition(lambda self: self.owner is not None)
    @rule()
    def take_over(self) -> None:
        """A second owner that has read the log: the first believes that it still owns the run."""
        assert self.owner is not None
        rival = rival_of(self.owner)
        read = self.do(rival.log())
        self.write(rival, [log.fold(read).resume()])
        self.zombies.append(self.owner)
        self.owner = adopt(self.store, self.owner, rival)

    @precondition(lambda self: self.owner is not None)
    @rule()
    def give_back(self) -> None:
        assert self.owner is not None
        self.do(self.owner.give_back())
        self.owner = None

    @precondition(lambda self: self.owner is not None)
    @rule(end=st.sampled_from([WAITING, finished()]))
    def end(self, end: events.LogEvent) -> None:
        assert self.owner is not None
        self.write(self.owner, [end])
        self.do(self.owner.release())
        self.zombies.append(self.owner)
        self.owner = None

    @rule()
    def answer(self) -> None:
        accepted = self.do(self.store.runs.answer("ann", self.new.id, ANSWERED))
        assert accepted == (self.status == "waiting")
        if accepted:
            self.log.append(ANSWERED)

    @rule()
    def cancel(self) -> None:
        accepted = self.do(self.store.runs.cancel("ann", self.new.id))
        assert accepted == (self.status not in log.ENDED)
        if self.status in ("queued", "waiting"):
            self.log.append(events.RunCancelled(finished(0).usage))
        elif self.owner is not None:
            assert self.owner.cancelled.is_set() or isinstance(self.owner, postgres.Claim)
            self.write(self.owner, [events.RunCancelled(finished(0).usage)])
            self.do(self.owner.release())
            self.owner = None
        elif accepted:  # nobody owns it: whoever claims it ends it
            self.log.append(events.RunCancelled(finished(0).usage))
            self.claiming = self.loop.create_task(next_claim(self.store, None, 60))
            self.watch()

    @rule()
    def read(self) -> None:
        state = self.do(self.store.runs.get("ann", self.new.id))
        assert state.status == self.status
        if self.status in log.ENDED:
            self.watch()

    def watch(self) -> None:
        assert self.do(whole(self.store, self.new.id, 0, 20)) == list(enumerate(self.log, 1))

    def write(self, claim: protocols.Claim, batch: list[events.LogEvent]) -> None:
        self.log += batch
        assert self.do(claim.append(batch)) == len(self.log)

    def teardown(self) -> None:
        self.do(self.store.threads.erase("ann"))
        self.do(self.opened.__aexit__(None, None, None))
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.do(asyncio.sleep(0))
        self.loop.close()


def adopt(store: Store, before: protocols.Claim, claim: protocols.Claim) -> protocols.Claim:
    """The claim takes the place of the one before in the queue, as when it had been claimed."""
    store.runs._claims[before.new.id] = claim
    return claim


def check(place: type[Place] | Any, examples: int) -> None:
    machine = type("Machine", (LogMachine,), {"place": place})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            derandomize=not SOAK,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_sqlite_file_has_the_log_of_the_model() -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(Fresh("sqlite", folder), 600 if SOAK else 30)


def test_postgres_has_the_log_of_the_model(postgres_url: str) -> None:
    check(Fresh("postgres", asyncio.run(servers.new_database(postgres_url))), 300 if SOAK else 15)


class Fresh:
    """A place without open runs for each example."""

    def __init__(self, kind: str, where: str) -> None:
        self._kind, self._where, self._count = kind, where, 0

    def open(self) -> Any:
        self._count += 1
        url = str(Path(self._where) / f"{self._count}.db") if self._kind == "sqlite" else self._where
        return Place(self._kind, url).open()
