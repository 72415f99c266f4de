"""a2a-sdk: its client of 1.0 and its client of 0.3, streamed and not."""

from __future__ import annotations

from typing import Any

import httpx
from a2a.client import Client, ClientConfig, ClientFactory
from a2a.client.card_resolver import A2ACardResolver
from a2a.client.errors import A2AClientError
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    StreamResponse,
    Task,
    TaskState,
)
from a2a.utils.errors import A2AError
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # it has no types

from tests.clients.job import Failure, Job, Outcome, Shown


class Talk:
    """Entering it reads the agent's card and makes the client that the job's name wants."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._http = httpx.AsyncClient(timeout=30, headers={"authorization": f"Bearer {job.api_key}", **job.headers})

    async def __aenter__(self) -> Talk:
        try:
            self.client = await self._client()
        except BaseException:
            await self._http.aclose()
            raise
        return self

    async def _client(self) -> Client:
        root = f"{self.job.base_url.removesuffix('/v1')}/a2a/{self.job.model}"
        card = await A2ACardResolver(self._http, root).get_agent_card()
        wanted = "0.3" if "0.3" in self.job.client else "1.0"
        chosen = [one for one in card.supported_interfaces if one.protocol_version.startswith(wanted)]
        del card.supported_interfaces[:]
        card.supported_interfaces.extend(chosen)
        config = ClientConfig(httpx_client=self._http, streaming=not self.job.client.endswith("whole"))
        return ClientFactory(config).create(card)

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    def send(self, text: str, context: str = "") -> Any:
        message = Message(message_id="m1", role=Role.ROLE_USER, parts=[Part(text=text)], context_id=context)
        return self.client.send_message(SendMessageRequest(message=message))

    async def task(self, id: str) -> Task:
        return await self.client.get_task(GetTaskRequest(id=id))

    async def cancel(self, id: str) -> Task:
        return await self.client.cancel_task(CancelTaskRequest(id=id))


async def run(job: Job) -> Outcome:
    outcome = Outcome()
    try:
        async with Talk(job) as talk:
            async for response in talk.send(job.prompt):
                _take(response, outcome)
    except (A2AClientError, A2AError) as error:
        outcome.error = Failure(str(error))
    return outcome


def _take(response: StreamResponse, outcome: Outcome) -> None:
    if response.HasField("task"):
        for artifact in response.task.artifacts:
            outcome.text += "".join(part.text for part in artifact.parts)
        _ended(response.task.status, outcome)
    elif response.HasField("artifact_update"):
        artifact = response.artifact_update
        text = "".join(part.text for part in artifact.artifact.parts)
        outcome.text = outcome.text + text if artifact.append else text  # else it replaces what was there
    elif response.HasField("status_update"):
        update = response.status_update
        told = MessageToDict(update.metadata)
        if "agent_status" in told:
            outcome.statuses.append(told["agent_status"])
        if "tool_result" in told:
            outcome.shown.append(Shown(told["tool_result"]["name"], {}, told["tool_result"]["content"]))
        if told.get("type") == "reasoning":
            outcome.reasoning += "".join(part.text for part in update.status.message.parts)
        _ended(update.status, outcome)


def _ended(status: Any, outcome: Outcome) -> None:
    if status.state == TaskState.TASK_STATE_FAILED:
        outcome.error = Failure("".join(part.text for part in status.message.parts))
    outcome.finish = TaskState.Name(status.state)
