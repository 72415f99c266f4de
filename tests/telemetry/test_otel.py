"""Spans over the wire: the real process, the SDK's exporter, and a receiver that speaks OTLP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from turnstream.telemetry import otel

ROOT = Path(__file__).parents[2]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Receiver(BaseHTTPRequestHandler):
    got: list[ExportTraceServiceRequest]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        self.got.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    got: list[ExportTraceServiceRequest] = []
    with HTTPServer(("127.0.0.1", 0), type("Own", (Receiver,), {"got": got})) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", got
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.timeout(60)
def test_a_server_sends_its_spans_and_the_last_ones_at_its_end() -> None:
    with receiving() as (endpoint, got):
        environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "LOG_FORMAT": "text"}
        command = [sys.executable, "-m", "turnstream", "serve", "tests/cli/agents.py:agents", "--port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environ) as process:
            try:
                assert process.stderr is not None
                address = next(line for line in process.stderr if line.startswith("http://")).split("/v1")[0]
                body = json.dumps({"messages": [{"role": "user", "content": "double 21"}]}).encode()
                headers = {"content-type": "application/json", "traceparent": PARENT}
                urlopen(Request(f"{address}/v1/chat/completions", body, headers), timeout=20).close()
                process.send_signal(signal.SIGTERM)
                assert process.wait(20) == 0
            finally:
                process.kill()
    spans = [
        span for request in got for group in request.resource_spans for one in group.scope_spans for span in one.spans
    ]
    assert {span.trace_id.hex() for span in spans} == {PARENT[3:35]}
    assert {"invoke_agent doubler", "step 1", "execute_tool double"} <= {span.name for span in spans}
    [service] = {
        attribute.value.string_value
        for attribute in got[0].resource_spans[0].resource.attributes
        if attribute.key == "service.name"
    }
    assert service == "turnstream"


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_standard_variables_say_whether_spans_are_wanted(environ: dict[str, str], wanted: bool) -> None:
    assert otel.is_wanted(environ) is wanted
