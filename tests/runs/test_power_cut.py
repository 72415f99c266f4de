"""The power fails while a SQLite file is written: the file as it may be found then, byte by byte.

A crash of the process alone loses nothing, for the system has what was written. When the power fails, what was not
synchronized may be missing or torn. All of that is the end of the write-ahead log, so a copy of the files whose log is
cut off, or ends in noise, is what may be found.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.stores import Place, finish, new_run, started, step, whole
from turnstream import events, protocols, usage
from turnstream.runs import log

CUTS = 40


async def write(folder: Path) -> tuple[protocols.NewRun, protocols.NumberedEvents, list[tuple[int, int]]]:
    """A run that is written and not closed. Its log, and for each append that must survive the size of the
    write-ahead log and the number of events at that time."""
    new, synchronized = new_run(thread="t"), []
    place = Place("sqlite", str(folder / "store.db"))
    async with place.open() as store:
        claim = await store.runs.submit(new, here=True)
        end = await claim.append([started(new)])
        for number in range(1, 13):
            text = f"{number} " * 50
            await claim.append([events.StepStarted(number), events.TextDelta(text)])
            end = await claim.append([step(number, text)])
            if number % 4 == 0:
                end = await claim.append([events.ToolBegan(f"c{number}", "once")])
                synchronized.append((wal(folder).stat().st_size, end))
        await finish(claim, events.TextDelta("last"), said=new.said)
        synchronized.append((wal(folder).stat().st_size, end + 2))
        numbered = await whole(store, new.id)
        for name in ("store.db", "store.db-wal"):
            shutil.copy(folder / name, folder / f"{name}.found")
    return new, numbered, synchronized


def wal(folder: Path) -> Path:
    return folder / "store.db-wal"


async def found(folder: Path, cut: int, noise: bytes) -> Path:
    """The files as they are when the power is back."""
    after = folder / f"after-{cut}-{len(noise)}"
    after.mkdir()
    shutil.copy(folder / "store.db.found", after / "store.db")
    (after / "store.db-wal").write_bytes((folder / "store.db-wal.found").read_bytes()[:cut] + noise)
    return after


@pytest.mark.parametrize("torn", [False, True])
async def test_what_is_found_after_a_power_cut_is_a_beginning_of_the_log(tmp_path: Path, torn: bool) -> None:
    """Row 26: the last moments may be missing; what a call that must not happen twice relies on never is."""
    new, numbered, synchronized = await write(tmp_path)
    chance = random.Random(26)
    size = (tmp_path / "store.db-wal.found").stat().st_size
    cuts = [*(chance.randrange(synchronized[0][0], size) for _ in range(CUTS)), *(at for at, _ in synchronized)]
    for cut in cuts:
        folder = await found(tmp_path, cut, chance.randbytes(3000) if torn else b"")
        with sqlite3.connect(folder / "store.db") as db:
            assert db.execute("pragma integrity_check").fetchone() == ("ok",)
        async with Place("sqlite", str(folder / "store.db")).open() as store:
            left = await store.runs.log(new.id)
            assert left == numbered[: len(left)]
            assert len(left) >= max(end for at, end in synchronized if at <= cut)
            state = await store.runs.get("ann", new.id)
            assert (state.status == "finished") == isinstance(left[-1][1], log.Terminal)
            claim = None if state.status == "finished" else await anext(store.claims)
            if claim is not None:  # and the run goes on
                folded = log.fold(await claim.log())
                await claim.append([folded.resume(), events.RunCancelled(usage.Usage())])
