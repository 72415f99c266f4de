"""The published schema of the runs API is that of the code, and what the server says and takes is valid by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from tests.agent.scripted import Box, Scripted, calls, says
from tests.server.serving import serving
from tests.server.test_kept_runs import asking, frames
from turnstream import Agent, events, requests, toolspec
from turnstream.api import runs
from turnstream.dialects import native_schema

FILE = Path(__file__).resolve().parents[2] / "docs" / "runs.schema.json"


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = {**native_schema.json_schema(), "$ref": f"#/$defs/{name}"}
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_published_schema_is_that_of_the_code() -> None:
    assert FILE.read_text("utf-8") == native_schema.text(), "run: turnstream schema runs > docs/runs.schema.json"


def test_every_event_of_a_log_has_its_definition() -> None:
    named = {each["$ref"].rpartition("/")[2] for each in native_schema.json_schema()["$defs"]["Event"]["anyOf"]}
    assert named == {each.__name__ for each in events.LogEvent.__args__}


async def look(call: events.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
    return toolspec.ToolOutput("sunny", data={"sky": 1})


async def test_what_the_server_says_of_a_run_is_valid(tmp_path: Path) -> None:
    agent = Agent(Scripted(calls(("look", "{}"), text="well "), says("done")), [Box(look=look)], name="a")
    async with serving(agent, store=f"sqlite:{tmp_path}/store.db") as served:
        body = {"input": "hi", "thread": "t", "on_disconnect": "go_on"}
        validator("StartRun").validate(body)
        _, _, run = await served.post(body, "/v1/runs")
        shown = (await served.get(f"/v1/runs/{run['id']}"))[2]
        stream = (await served.get(f"/v1/runs/{run['id']}/events"))[2]
        thread = (await served.get("/v1/threads/t"))[2]
    for each in (run, shown):
        validator("Run").validate(each)
    assert set(shown) | {"output"} == {field.name for field in msgspec.structs.fields(runs.Run)}
    for _, _, data in frames(stream):
        validator("Event").validate(data)
    validator("Thread").validate(thread)


async def test_what_a_waiting_run_says_and_takes_is_valid(tmp_path: Path) -> None:
    agent = asking(calls(("send", "{}")), says("done"))
    async with serving(agent, store=f"sqlite:{tmp_path}/store.db") as served:
        _, _, run = await served.post({"input": "hi", "on_disconnect": "go_on"}, "/v1/runs")
        validator("Run").validate(run)
        answer = {"decisions": [{"tool_call_id": "c0", "action": "call"}]}
        validator("AnswerRun").validate(answer)
        validator("Run").validate((await served.post(answer, f"/v1/runs/{run['id']}/answer"))[2])
        stream = (await served.get(f"/v1/runs/{run['id']}/events"))[2]
    for _, _, data in frames(stream):
        validator("Event").validate(data)


@pytest.mark.parametrize("body", [{"messages": "hi"}, {"policy": "never"}, {"background": "yes"}])
async def test_what_the_schema_refuses_the_server_refuses(body: dict[str, Any]) -> None:
    assert not validator("StartRun").is_valid(body)
    async with serving(Agent(Scripted(says("ok")), name="a"), store="memory") as served:
        assert (await served.post(json.dumps({"input": "hi", **body}).encode(), "/v1/runs"))[0] == 400
