"""Identities that the clouds know: google-auth against a token server of ours, azure-identity with its answer given."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest

from turnstream import errors
from turnstream.providers import azure, base, gemini
from turnstream.providers.access import federation

REQUEST = base.HttpRequest("POST", "https://x", {"api-key": "old", "accept": "a"}, b"{}")


class TokenServer(HTTPServer):
    answer: tuple[int, dict[str, Any]] = (200, {"access_token": "t1", "token_type": "Bearer", "expires_in": 3600})

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.forms: list[dict[str, list[str]]] = []


class _Handler(BaseHTTPRequestHandler):
    server: TokenServer

    def do_POST(self) -> None:
        self.server.forms.append(parse_qs(self.rfile.read(int(self.headers["content-length"])).decode()))
        status, body = self.server.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def federated(tokens: TokenServer, folder: Path) -> dict[str, Any]:
    (folder / "token").write_text("from-kubernetes")
    return {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"http://127.0.0.1:{tokens.server_port}/token",
        "credential_source": {"file": str(folder / "token")},
    }


def vertex(credentials: dict[str, Any]) -> base.Settings:
    given = base.Settings("gemini-2.5-pro", quirks={"project": "p", "credentials": credentials})
    return gemini.settings(given, {})


def test_a_workloads_token_is_exchanged_for_googles_once(tokens: TokenServer, tmp_path: Path) -> None:
    settings = vertex(federated(tokens, tmp_path))
    assert gemini.exchange(settings, 0.0) is None
    sign = gemini.signer(settings)
    assert sign is not None
    for _ in range(2):
        assert sign(REQUEST).headers == {"accept": "a", "authorization": "Bearer t1"}
    (form,) = tokens.forms
    assert form["subject_token"] == ["from-kubernetes"]
    assert form["scope"] == ["https://www.googleapis.com/auth/cloud-platform"]


def test_a_refused_identity_is_an_error_for_the_operator(tokens: TokenServer, tmp_path: Path) -> None:
    tokens.answer = (400, {"error": "invalid_grant", "error_description": "not this pool"})
    sign = gemini.signer(vertex(federated(tokens, tmp_path)))
    assert sign is not None
    with pytest.raises(errors.ProviderError) as caught:
        sign(REQUEST)
    assert (caught.value.code, "not this pool" in caught.value.detail) == ("provider_authentication", True)
    assert "not this pool" not in caught.value.message


def test_other_key_files_are_exchanged_as_ever() -> None:
    assert gemini.signer(vertex({"type": "authorized_user"})) is None
    with pytest.raises(errors.ConfigurationError, match="no credentials that can be used"):
        federation.google({"type": "external_account"}, "s")


class Credential:
    given: dict[str, Any]

    def __init__(self, **given: Any) -> None:
        type(self).given = given

    def get_token(self, scope: str) -> SimpleNamespace:
        return SimpleNamespace(token=f"of {scope}")


def test_a_pods_identity_is_azures_where_its_token_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azure.identity.WorkloadIdentityCredential", Credential)
    environ = {"AZURE_FEDERATED_TOKEN_FILE": "/f", "AZURE_TENANT_ID": "t", "AZURE_OPENAI_ENDPOINT": "https://r"}
    settings = azure.settings(base.Settings("gpt"), environ)
    assert (settings.quirks["auth"], azure.exchange(settings, 0.0)) == ("workload_identity", None)
    sign = azure.signer(settings)
    assert sign is not None
    expected = "Bearer of https://cognitiveservices.azure.com/.default"
    assert sign(REQUEST).headers == {"accept": "a", "authorization": expected}
    assert Credential.given == {"tenant_id": "t"}


def test_a_key_needs_no_identity() -> None:
    settings = azure.settings(base.Settings("gpt", api_key="k", base_url="https://r"), {})
    assert azure.signer(settings) is None
