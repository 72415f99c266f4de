"""Others are told of runs: signed, at least once, whatever their server does, and nowhere that is not public."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace
from standardwebhooks import Webhook as Standard
from standardwebhooks.webhooks import WebhookVerificationError

from tests.outside.receiver import Receiver
from tests.outside.test_schedules import setting
from tests.stores import WAITING, Place, finished, new_run, started
from turnstream import errors, protocols
from turnstream.outside import webhooks
from turnstream.outside.webhooks import Postman, Webhook
from turnstream.runs import stores

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
HERE = ("127.0.0.1",)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "_PAUSE", 0.0)
    monkeypatch.setattr(webhooks, "_POLL", 0.02)


def hook(url: str, **fields: Any) -> Webhook:
    return Webhook(url, SECRET, **{"allow_private": HERE, **fields})


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[stores.Store]:
    async with stores.make(setting(place)) as store:
        yield store


def runs_of(store: stores.Store) -> protocols.Runs:
    assert store.runs is not None
    return store.runs


@asynccontextmanager
async def postman(store: stores.Store, *hooks: Webhook) -> AsyncIterator[Postman]:
    assert store.outbox is not None
    async with Postman(store.outbox, runs_of(store), {each.target: each for each in hooks}) as made:
        yield made


async def end(store: stores.Store, *hooks: Webhook, ending: Any = None, **fields: Any) -> str:
    """A run that has ended, or waits."""
    new = new_run(notify=tuple(each.target for each in hooks), **fields)
    claim = await runs_of(store).submit(new, here=True)
    assert not isinstance(claim, protocols.Submitted)
    await claim.append([started(new)])
    await claim.append([ending or finished()])
    await claim.release()
    return new.id


async def is_settled(store: stores.Store) -> None:
    """Until no letter is left, due or not."""
    async with asyncio.timeout(30):
        while await _letters(store):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def _letters(store: stores.Store) -> int:
    database = store._resources[0]
    if store.name == "postgres":
        return len(await database.fetch("select 1 from pgmq.q_turnstream_letters"))
    count: int = await database.call(lambda db: db.execute("select count(*) from letter").fetchone()[0])
    return count


async def test_the_end_of_a_run_is_told_once_and_a_stock_receiver_believes_it(place: Place) -> None:
    async with Receiver().serving() as receiver, opened(place) as store:
        to = hook(receiver.url)
        async with postman(store, to):
            run_id = await end(store, to)
            await receiver.wait(1)
            await is_settled(store)
        [(headers, body)] = receiver.got
        told = Standard(SECRET).verify(body, headers)
        assert (told["type"], told["data"]["id"], told["data"]["principal"]) == ("run.finished", run_id, "ann")
        with pytest.raises(WebhookVerificationError):
            Standard(SECRET).verify(body.replace(b"finished", b"failed"), headers)


async def test_a_run_that_waits_is_told_with_what_it_waits_for(place: Place) -> None:
    async with Receiver().serving() as receiver, opened(place) as store:
        to = hook(receiver.url)
        async with postman(store, to):
            run_id = await end(store, to, ending=WAITING)
            await receiver.wait(1)
            await runs_of(store).cancel("ann", run_id)
            await receiver.wait(2)
        told = [json.loads(body) for _, body in receiver.got]
        assert [each["type"] for each in told] == ["run.waiting", "run.cancelled"]
        assert told[0]["data"]["waiting"]["tool_calls"][0]["name"] == "ask"


async def test_a_receiver_that_fails_is_told_again_under_the_same_id(place: Place) -> None:
    async with Receiver(500, 503, 302, 204).serving() as receiver, opened(place) as store:
        to = hook(receiver.url)
        async with postman(store, to):
            await end(store, to)
            await receiver.wait(4)
            await is_settled(store)
        assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
        assert len(receiver.got) == 4


async def test_a_letter_outlives_the_process_that_could_not_deliver_it(place: Place) -> None:
    async with Receiver(500, 204).serving() as receiver:
        to = hook(receiver.url)
        async with opened(place) as store, postman(store, to):
            await end(store, to)
            await receiver.wait(1)
        async with opened(place) as store, postman(store, to):
            await receiver.wait(2)
            await is_settled(store)
        assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


async def test_a_receiver_that_is_slow_delays_nobody_else(place: Place) -> None:
    gate = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await gate.wait()
        return web.Response(status=204)

    async with Receiver(slow).serving() as late, Receiver().serving() as quick, opened(place) as store:
        first, second = hook(late.url, timeout=0.2), hook(quick.url)
        async with postman(store, first, second):
            await end(store, first)
            await late.wait(1)
            await end(store, second)
            await quick.wait(1)
            await late.wait(2)  # its time was over
            gate.set()


async def test_a_receiver_that_lies_about_its_answer_is_told_again(place: Place) -> None:
    async def lie(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort")
        request.transport.close()
        return web.Response()

    async with Receiver(lie, 204).serving() as receiver, opened(place) as store:
        to = hook(receiver.url)
        async with postman(store, to):
            await end(store, to)
            await receiver.wait(2)
            await is_settled(store)


async def test_an_answer_without_end_is_not_read_to_its_end(place: Place) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    async with Receiver(endless).serving() as receiver, opened(place) as store:
        to = hook(receiver.url)
        async with postman(store, to):
            await end(store, to)
            await receiver.wait(1)
            await is_settled(store)
        assert len(receiver.got) == 1


async def test_no_redirect_is_followed(place: Place) -> None:
    async with Receiver().serving() as inside, opened(place) as store:

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=307, headers={"location": inside.url})

        async with Receiver(redirect, 204).serving() as receiver:
            to = hook(receiver.url)
            async with postman(store, to):
                await end(store, to)
                await receiver.wait(2)
                await is_settled(store)
        assert inside.got == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "2130706433"])
async def test_an_address_that_is_not_public_is_never_reached(place: Place, host: str) -> None:
    async with Receiver().serving() as receiver, opened(place) as store:
        to = hook(receiver.url.replace("127.0.0.1", host), allow_private=())
        await end(store, to)
        assert store.outbox is not None
        [posted] = await store.outbox.claim(5)
        async with postman(store, to) as one:
            message = await one._render(posted.letter)
            assert message is not None
            assert await one._send(message, posted) is not None  # it is to be tried again
        assert receiver.got == []


async def test_who_has_had_enough_or_is_never_there_is_not_told_for_ever(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_TRIES", 2)
    async with Receiver(410).serving() as gone, Receiver(500).serving() as broken, opened(place) as store:
        first, second = hook(gone.url), hook(broken.url)
        async with postman(store, first, second):
            await end(store, first, second)
            await is_settled(store)
        assert (len(gone.got), len(broken.got)) == (1, 2)


async def test_what_nobody_wants_or_is_gone_is_not_told(place: Place) -> None:
    async with Receiver().serving() as receiver, opened(place) as store:
        failures, unknown = hook(receiver.url, events=frozenset({"run.failed"})), hook("http://127.0.0.1/gone")
        async with postman(store, failures):
            await end(store, failures, unknown)
            await is_settled(store)
        assert receiver.got == []


async def test_two_processes_tell_it_once(postgres_url: str) -> None:
    from tests import postgres

    place = Place("postgres", await postgres.new_database(postgres_url))
    async with Receiver().serving() as receiver, opened(place) as one, opened(place) as two:
        to = hook(receiver.url)
        async with postman(one, to), postman(two, to):
            for _ in range(20):
                await end(one, to)
            await receiver.wait(20)
            await is_settled(one)
        assert len({headers["webhook-id"] for headers, _ in receiver.got}) == len(receiver.got) == 20


def test_large_arguments_are_left_out() -> None:
    waiting = replace(WAITING, tool_calls=(replace(WAITING.tool_calls[0], arguments="x" * 300_000),))
    state = protocols.RunState("run_1", "ann", "helper", None, "waiting", 1.0, ending=waiting)
    letter = protocols.Letter("hook:1", "run_1", "ann", "waiting", 2, 1.0)
    told = json.loads(webhooks.show(letter, state))
    assert (told["data"]["truncated"], told["data"]["id"]) == (True, "run_1")


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "secret", "whsec_c2hvcnQ=", "whsec_not base64 at all, though long enough"]
)
def test_a_secret_that_signs_nothing_is_refused(secret: str) -> None:
    with pytest.raises(errors.ConfigurationError):
        Webhook("https://example.com", secret)
