from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_serve import ROOT, command, failure
from tests.server.test_stores import setting
from tests.stores import Place, finish, new_run, started
from turnstream import protocols


def told(place: Place, *words: str) -> str:
    done = subprocess.run(
        command(*words, "--store", setting(place)), capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def fill(place: Place) -> None:
    async with place.open() as store:
        claim = await store.runs.submit(new_run("hi", user="alice", thread="t", id="run_x"), here=True)
        await finish(claim, started(claim.new), said=claim.new.said)
        await store.runs.submit(new_run(user="alice", id="run_y"))
        await store.threads.rename(protocols.ThreadKey("alice", "helper", "t"), "Greeting")


async def tell(place: Place, *words: str) -> str:
    return await asyncio.to_thread(told, place, *words)


async def test_runs_are_listed_shown_exported_cancelled_and_deleted(place: Place) -> None:
    await fill(place)
    lines = (await tell(place, "runs", "list", "-p", "alice")).splitlines()
    assert [line.split("  ")[1:] for line in lines] == [
        ["run_y", "queued", "helper", "-"],
        ["run_x", "finished", "helper", "t"],
    ]
    assert json.loads(await tell(place, "runs", "show", "run_x", "-p", "alice"))["status"] == "finished"
    exported = (await tell(place, "runs", "export", "run_x", "-p", "alice")).splitlines()
    assert [json.loads(line)["type"] for line in exported] == ["run_started", "run_finished"]
    assert await tell(place, "runs", "cancel", "run_y", "-p", "alice") == "It will end.\n"
    assert await tell(place, "runs", "delete", "run_y", "-p", "alice") == "Deleted.\n"
    assert "run_y" not in await tell(place, "runs", "list", "-p", "alice")
    assert await tell(place, "runs", "list") == ""


async def test_threads_are_listed_exported_and_erased(place: Place) -> None:
    await fill(place)
    assert (await tell(place, "threads", "list", "-p", "alice")).split("  ")[1:] == ["t", "helper", "1", "Greeting\n"]
    assert json.loads(await tell(place, "threads", "export", "t", "-p", "alice"))["content"] == "hi"
    assert await tell(place, "threads", "erase", "-p", "alice") == "Deleted 3 threads and runs.\n"
    assert await tell(place, "threads", "list", "-p", "alice") == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["runs", "show", "run_z"], "anonymous has no run run_z"),
        (["threads", "show", "t"], "anonymous has no thread t"),
    ],
)
def test_what_is_not_there_is_said(tmp_path: Path, words: list[str], message: str) -> None:
    assert failure(*words, "--store", f"sqlite:{tmp_path}/store.db") == message
