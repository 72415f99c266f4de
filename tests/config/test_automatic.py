from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from turnstream import providers
from turnstream.config import automatic


class FakeOllama(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"models": [{"name": "qwen3:latest"}, {"name": "llama3.2"}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.path == "/api/tags" else b"?" * len(body))

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def ollama() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeOllama) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


def test_a_named_model_goes_before_everything() -> None:
    environ = {"TURNSTREAM_MODEL": "ollama:x", "OPENAI_API_KEY": "k"}
    assert automatic.choose(environ, lambda url: None) == ("ollama:x", None, "TURNSTREAM_MODEL names it")


def test_the_first_key_of_the_table_that_is_set_decides() -> None:
    environ = {"GROQ_API_KEY": "k", "OPENAI_API_KEY": "k"}
    assert automatic.choose(environ, lambda url: None) == ("openai:gpt-5-mini", None, "OPENAI_API_KEY is set")
    assert automatic.choose({**environ, "OPENAI_API_KEY": ""}, lambda url: None).model.startswith("groq:")


@pytest.mark.parametrize(("variable", "model"), automatic.KEYS)
def test_a_model_of_the_table_can_be_made_with_its_key_alone(variable: str, model: str) -> None:
    assert providers.model(model, environ={variable: "k"}).name == model


def test_a_reachable_ollama_answers_with_its_first_model(ollama: str) -> None:
    choice = automatic.choose({"OLLAMA_HOST": ollama})
    assert choice == ("ollama:qwen3:latest", f"http://{ollama}/v1", f"Ollama answers at http://{ollama}")


def test_an_ollama_without_models_is_passed_over() -> None:
    choice = automatic.choose({}, lambda url: [])
    assert choice.model == "demo"
    assert "has no model yet" in choice.reason


def test_nothing_at_all_is_the_demo_model() -> None:
    choice = automatic.choose({"OLLAMA_HOST": "127.0.0.1:1"})
    assert choice == ("demo", None, "no API key is set and Ollama at http://127.0.0.1:1 does not answer")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("gpu:1234", "http://gpu:1234"),
        ("https://gpu.example.com", "https://gpu.example.com:11434"),
        ("[::]:99", "http://127.0.0.1:99"),
        ("[::1]", "http://[::1]:11434"),
    ],
)
def test_the_address_of_ollama_is_read_as_ollama_reads_it(host: str, address: str) -> None:
    assert automatic.ollama_address({"OLLAMA_HOST": host}) == address
