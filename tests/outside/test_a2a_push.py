"""Push notifications of A2A: what the official SDK sets, reads and deletes, and what its receiver is told."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from a2a.types import (
    AuthenticationInfo,
    DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsRequest,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    StreamResponse,
    TaskPushNotificationConfig,
    TaskState,
)
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]  # it has no types

from tests.agent.scripted import Scripted, says
from tests.clients.a2a_python import Talk
from tests.clients.job import Job
from tests.outside.receiver import Receiver
from tests.server.serving import Served, serving
from turnstream import Agent, identity
from turnstream.events import Finish, TextDelta

KEYS = (identity.Key("ann-key-1", "ann"), identity.Key("bob-key-1", "bob"))
VERSIONS = pytest.mark.parametrize("version", ["1.0", "0.3"])


@asynccontextmanager
async def served(folder: Path, model: Any, **settings: Any) -> AsyncIterator[Served]:
    here = {"store": f"sqlite:{folder}/store.db", "keys": KEYS, "push_allow_private": ("127.0.0.1",), **settings}
    async with serving(Agent(model, name="a"), **here) as server:
        yield server


def talk(server: Served, version: str, who: str = "ann") -> Talk:
    return Talk(Job(f"a2a-sdk {version} whole", f"{server.url}/v1", "a", api_key=f"{who}-key-1"))


def config(url: str, **fields: Any) -> TaskPushNotificationConfig:
    login = AuthenticationInfo(scheme="Bearer", credentials="push-secret")
    return TaskPushNotificationConfig(url=url, token="my-token", authentication=login, **fields)


async def send(client: Talk, push: TaskPushNotificationConfig | None = None) -> Any:
    """A task that its client does not wait for."""
    message = Message(message_id="m1", role=Role.ROLE_USER, parts=[Part(text="Go.")])
    wanted = SendMessageConfiguration(return_immediately=True)
    if push is not None:
        wanted.task_push_notification_config.CopyFrom(push)
    [told] = [
        each async for each in client.client.send_message(SendMessageRequest(message=message, configuration=wanted))
    ]
    return told.task


def slow(gate: asyncio.Event) -> Scripted:
    return Scripted([[TextDelta("Done.")], gate, [Finish("stop", "stop")]])


@VERSIONS
async def test_a_client_that_does_not_wait_is_told_the_whole_task(tmp_path: Path, version: str) -> None:
    async with Receiver(500, 204).serving() as receiver, served(tmp_path, Scripted(says("Done."))) as server:
        async with talk(server, version) as client:
            task = await send(client, config(receiver.url))
        await receiver.wait(1)
        [(headers, body)] = receiver.got[:1]
        assert (headers["x-a2a-notification-token"], headers["authorization"]) == ("my-token", "Bearer push-secret")
        told = json.loads(body)
        if version == "1.0":
            parsed = ParseDict(told, StreamResponse())
            assert parsed.task.status.state == TaskState.TASK_STATE_COMPLETED
            told = told["task"]
        else:
            assert (told["kind"], told["status"]["state"]) == ("task", "completed")
        assert (told["id"], told["artifacts"][0]["parts"][0]["text"]) == (task.id, "Done.")


@VERSIONS
async def test_what_is_set_is_read_listed_and_deleted(tmp_path: Path, version: str) -> None:
    gate = asyncio.Event()
    async with Receiver().serving() as receiver, served(tmp_path, slow(gate)) as server:
        async with talk(server, version) as client:
            task = await send(client)
            for name in ("first", "second"):
                made = await client.client.create_task_push_notification_config(
                    config(receiver.url, id=name, task_id=task.id)
                )
                assert (made.id, made.task_id, made.authentication.credentials) == (name, task.id, "")
            one = GetTaskPushNotificationConfigRequest(task_id=task.id, id="second")
            assert (await client.client.get_task_push_notification_config(one)).url == receiver.url
            gone = DeleteTaskPushNotificationConfigRequest(task_id=task.id, id="first")
            await client.client.delete_task_push_notification_config(gone)
            every = ListTaskPushNotificationConfigsRequest(task_id=task.id)
            listed = await client.client.list_task_push_notification_configs(every)
            assert [each.id for each in listed.configs] == ["second"]
        gate.set()
        await receiver.wait(1)
        assert len(receiver.got) == 1


async def rpc(server: Served, method: str, params: Any, who: str = "ann") -> Any:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return (await server.post(body, "/a2a/a", authorization=f"Bearer {who}-key-1"))[2]


async def test_nobody_else_sees_or_sets_who_is_told_of_a_task(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with Receiver().serving() as receiver, served(tmp_path, slow(gate)) as server:
        async with talk(server, "1.0") as client:
            task = await send(client, config(receiver.url, id="mine"))
        for method, params in (
            ("CreateTaskPushNotificationConfig", {"taskId": task.id, "url": receiver.url}),
            ("GetTaskPushNotificationConfig", {"taskId": task.id, "id": "mine"}),
            ("ListTaskPushNotificationConfigs", {"taskId": task.id}),
            ("DeleteTaskPushNotificationConfig", {"taskId": task.id, "id": "mine"}),
        ):
            assert (await rpc(server, method, params, "bob"))["error"]["code"] == -32001
        gate.set()
        await receiver.wait(1)


async def test_an_address_that_is_not_public_is_not_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Receiver().serving() as receiver:
        async with served(tmp_path, Scripted(says("Done.")), push_allow_private=()) as server:
            async with talk(server, "1.0") as client:
                await send(client, config(receiver.url))
            async with asyncio.timeout(30):
                while "not a public address" not in caplog.text:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert receiver.got == []


@pytest.mark.parametrize(
    "url", ["ftp://x/y", "https://user:word@x", "nowhere", "https://x y", "https://x/" + "a" * 3000]
)
async def test_what_is_not_an_address_is_refused(tmp_path: Path, url: str) -> None:
    async with served(tmp_path, Scripted(says("Done."))) as server:
        async with talk(server, "1.0") as client:
            task = await send(client)
        params = {"taskId": task.id, "pushNotificationConfig": {"url": url}}
        told = await rpc(server, "tasks/pushNotificationConfig/set", params)
        assert told["error"]["code"] == -32602
        assert "word" not in json.dumps(told)


async def test_one_task_tells_a_bounded_number(tmp_path: Path) -> None:
    async with served(tmp_path, Scripted(says("Done."))) as server:
        async with talk(server, "1.0") as client:
            task = await send(client)
        params = [{"taskId": task.id, "id": str(number), "url": "https://example.com"} for number in range(11)]
        told = [await rpc(server, "CreateTaskPushNotificationConfig", each) for each in params]
        assert ["error" in each for each in told] == [False] * 10 + [True]


async def test_a_server_that_keeps_nothing_says_that_it_cannot(tmp_path: Path) -> None:
    async with served(tmp_path, Scripted(says("Done.")), store="none") as server:
        _, _, card = await server.get("/a2a/a/.well-known/agent-card.json")
        assert card["capabilities"]["pushNotifications"] is False
        told = await rpc(server, "ListTaskPushNotificationConfigs", {"taskId": "x"})
        assert told["error"]["code"] == -32003


async def test_a_client_that_reads_the_stream_is_told_too(tmp_path: Path) -> None:
    async with Receiver().serving() as receiver, served(tmp_path, Scripted(says("Done."))) as server:
        message = {"messageId": "m1", "role": "user", "parts": [{"kind": "text", "text": "Go."}]}
        wanted = {"message": message, "configuration": {"pushNotificationConfig": {"url": receiver.url}}}
        stream = await rpc(server, "message/stream", wanted)
        await receiver.wait(1)
        assert "completed" in stream
        assert json.loads(receiver.got[0][1])["status"]["state"] == "completed"


@VERSIONS
async def test_what_opens_the_receiver_is_stored_apart_from_the_request(tmp_path: Path, version: str) -> None:
    gate = asyncio.Event()
    async with Receiver().serving() as receiver, served(tmp_path, slow(gate)) as server:
        async with talk(server, version) as client:
            await send(client, config(receiver.url))
        gate.set()
        await receiver.wait(1)
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        [(body, request)] = connection.execute("select body, request from asked").fetchall()
        [(push,)] = connection.execute("select config from push").fetchall()
    stored = base64.b64decode(json.loads(body)["body"]) + request
    assert [secret in push for secret in (b"push-secret", b"my-token")] == [True, True]
    assert [said in stored for said in (b"Go.", b"push-secret", b"my-token")] == [True, False, False]
