from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.cli.test_serve import AGENTS, running
from tests.doctor.recordings import DONE, HELLO, ROLE, STOP, whole
from turnstream.cli import main

NOT_FOUND = b'{"error":{"message":"No such model.","type":"invalid_request_error","param":"model","code":null}}'


@contextmanager
def answering(stream: bytes) -> Iterator[str]:
    """A server that gives every question that stream."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, "application/json", b'{"object":"list","data":[{"id":"m"}]}')

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if asked["model"] != "m":
                self._answer(404, "application/json", NOT_FOUND)
            elif asked["stream"]:
                self._answer(200, "text/event-stream", stream)
            else:
                self._answer(200, "application/json", whole())

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join(10)


def doctor(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as exited:
        main(["doctor", *words])
    out, err = capsys.readouterr()
    return int(str(exited.value.code)), out + err


def test_our_own_server_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    with running("serve", AGENTS, "--port", "0") as (_, address):
        code, said = doctor(f"{address}/v1", "--json", capsys=capsys)
    report = json.loads(said)
    assert (code, report["ok"], report["findings"]) == (0, True, [])
    assert [answer["status"] for answer in report["answers"]] == [200, 200, 200, 404]


def test_a_fault_is_named_with_its_bytes_and_the_clients_that_fail(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(ROLE + b"event: thread.message.delta\n" + HELLO + STOP + DONE) as url:
        code, said = doctor(url, capsys=capsys)
    start = len(ROLE)
    assert code == 1
    assert f"thread-event: event: thread.message.delta (text, bytes {start} to {start + 27})" in said
    assert "openai-python" in said


def test_a_warning_alone_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    usage = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":'
    usage += b'{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}\n\n'
    with answering(ROLE + b": ping\n\n" + HELLO + STOP + usage + DONE) as url:
        code, said = doctor(url + "/chat/completions", "--json", capsys=capsys)
    report = json.loads(said)
    assert (code, report["ok"]) == (0, True)
    assert {finding["rule"] for finding in report["findings"]} == {"comment", "usage-unasked"}


def test_nobody_at_home_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = doctor("http://127.0.0.1:9/v1", capsys=capsys)
    assert code == 1
    assert said.startswith("turnstream: http://127.0.0.1:9/v1 does not answer")
