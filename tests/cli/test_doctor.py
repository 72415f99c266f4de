from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from msgspec import Struct

from tests.cli.test_serve import AGENTS, running
from tests.doctor.recordings import DONE, HELLO, ROLE, STOP, whole
from turnstream.cli import main

NOT_FOUND = b'{"error":{"message":"No such model.","type":"invalid_request_error","param":"model","code":null}}'


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Its address with ``/v1``."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join(10)


class Odd(Struct, frozen=True):
    """What a server answers to every question. Without ``ends`` it promises more, and then is silent."""

    body: bytes
    status: int = 200
    kind: str = "text/event-stream"
    ends: bool = True


@contextmanager
def odd(answer: Odd) -> Iterator[str]:
    left = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(answer.status)
            self.send_header("content-type", answer.kind)
            self.send_header("content-length", str(len(answer.body) + (0 if answer.ends else 9)))
            self.end_headers()
            self.wfile.write(answer.body)
            if not answer.ends:
                left.wait(20)

        def log_message(self, *_: object) -> None:
            pass

    with served(Handler) as address:
        try:
            yield address
        finally:
            left.set()


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

    with served(Handler) as address:
        yield f"http://{address}"


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
    assert "error    thread-event: No 'event:' line names a type that begins with 'thread.'." in said
    assert f"event: thread.message.delta (text, bytes {start} to {start + 27})" in said
    assert "Fails: openai-python" in said
    assert "\x1b" not in said


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


REFUSED = b'{"error":{"message":"Bad key.","type":"x","param":null,"code":null}}'


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Odd(REFUSED, 401, "application/json"), ["refused  text: status 401, 'Bad key.'", "Give its key with --key"]),
        (Odd(b"Not Found", 404, "text/plain"), ["refused  text: status 404", "Is that the base URL?", "refusal: "]),
        (Odd(b"<html>Hi</html>", 200, "text/html"), ["it is text/html, beginning with '<html>Hi</html>'", "1 error,"]),
        (Odd(ROLE, ends=False), ["it has not ended after 0.5 seconds", "1 error,"]),
    ],
)
def test_what_is_no_answer_is_told_once_and_kindly(
    answer: Odd, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with odd(answer) as url:
        code, said = doctor(url, "--timeout", "0.5", "--model", "m", capsys=capsys)
    assert code == 1
    assert [word for word in words if word not in said] == []
    assert said.count("text: ") == 1


def test_a_server_that_says_nothing_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        code, said = doctor(url, "--timeout", "0.2", "--model", "m", capsys=capsys)
    assert (code, said) == (1, f"turnstream: {url} does not answer: nothing came within 0.2 seconds.\n")


def test_an_answer_without_calls_says_that_nothing_is_known_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(ROLE + HELLO + STOP + DONE) as url:
        _, said = doctor(url, capsys=capsys)
    assert "tools: 4 events, " in said
    assert "0 tool calls: too few tool calls to check" in said
    assert "ok       unknown model: status 404, 'No such model.'" in said
