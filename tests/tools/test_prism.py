"""Every operation of a public document, called at a Prism mock of it, which refuses what the document forbids."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.tools.mcp.node_servers import FOLDER, installed
from turnstream.events import RunContext, ToolCall, ToolOutput, ToolSpec
from turnstream.tools.http_client import HttpOptions
from turnstream.tools.openapi import OpenApi
from turnstream.tools.openapi.operations import Fixed

PACKAGES = FOLDER / "node_modules"
DOCUMENT = PACKAGES / "@readme" / "oas-examples" / "3.0" / "json" / "star-trek.json"
PRISM = PACKAGES / "@stoplight" / "prism-cli" / "dist" / "index.js"
SECONDS = 180.0
# Node.js closes a connection that was idle for five seconds. Where this process gets no CPU for as long, it takes up
# answers and sends the next requests on connections that are closed already.
PATIENT = "data:text/javascript," + quote(
    """
    import http from "node:http";
    import net from "node:net";
    http.Server.prototype.listen = function (...where) {
      this.keepAliveTimeout = 0;
      return net.Server.prototype.listen.apply(this, where);
    };
    """
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [
        installed(),
        "--import",
        PATIENT,
        str(PRISM),
        "mock",
        str(DOCUMENT),
        "--port",
        "0",
        "--verboseLevel",
        "info",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            said = next(line for line in process.stdout if "listening on" in line)
            # it tells of each request, and would stand still with a full pipe
            reading = threading.Thread(target=process.stdout.read)
            reading.start()
            yield said.rpartition(" ")[2].strip().rstrip("/")
        finally:
            process.kill()
        reading.join(SECONDS)


def filled(schema: dict[str, Any]) -> Any:
    """A value for everything that the schema knows."""
    if "properties" in schema:
        return {name: filled(one) for name, one in schema["properties"].items()}
    match schema["type"]:
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case _:
            return "2020-02-02" if schema.get("format") == "date" else "a & b/ü?"


async def test_every_operation_of_a_public_document_is_called_as_it_wants(url: str) -> None:
    options = HttpOptions(SECONDS, 1_000_000, allow_private=(url.removeprefix("http://"),))
    async with OpenApi(DOCUMENT, fixed=Fixed(url), options=options) as box, asyncio.timeout(SECONDS):
        specs = await box.tools(RunContext())

        async def called(spec: ToolSpec) -> ToolOutput:
            return await box.call(ToolCall("1", spec.name, json.dumps(filled(spec.parameters))), RunContext())

        outputs = await asyncio.gather(*(called(spec) for spec in specs))
    assert len(specs) == 120
    assert [output.content for output in outputs if output.is_error] == []
    assert all(isinstance(output.data, dict) for output in outputs)
