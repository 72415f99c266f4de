"""Elasticsearch and Milvus in a configuration: what is wrong is found at start, and nothing is sent."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.test_pages import blocks
from turnstream.agent import Agent
from turnstream.config import load
from turnstream.config.document import Document, read
from turnstream.config.indexes import find_folders
from turnstream.config.tools.entry import names_filled_later
from turnstream.events import ConfigurationError

ELASTIC = "https://127.0.0.1:9200"
ENVIRON = {"KEY": "s3cr3t-key", "FIELD": "body", "ODD": "${query}", "ELASTIC_API_KEY": "k", "MILVUS_TOKEN": "t"}


@pytest.fixture(autouse=True)
def everything_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Milvus's packages have an environment of their own, and nothing here uses them."""
    real = importlib.util.find_spec
    names = ("pymilvus", "milvus_lite")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if name in names else real(name))


def agent(folder: Path, retrieval: str) -> Agent:
    (folder / "agent.yaml").write_text(f"model: demo\ntools:\n  - retrieval:\n{retrieval}")
    (made,) = load(folder / "agent.yaml", ENVIRON).agents.values()
    return made


def error(folder: Path, *lines: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        agent(folder, "\n".join(f"      {line}" for line in lines))
    return caught.value.message.removeprefix(f"{folder}/")


def parsed(text: str) -> Document:
    return read(text, "agent.yaml", ENVIRON, names_filled_later)


def body(value: str) -> Any:
    text = f"tools:\n- retrieval:\n    elasticsearch:\n      body: {{a: {value}}}"
    return parsed(text).value["tools"][0]["retrieval"]["elasticsearch"]["body"]["a"]


@pytest.mark.parametrize("page", ["elasticsearch.md", "milvus.md"])
def test_each_configuration_on_the_page_is_a_good_one(tmp_path: Path, page: str) -> None:
    for block in blocks(page, "yaml"):
        (tmp_path / "agent.yaml").write_text(f"model: demo\n{block}")
        (made,) = load(tmp_path / "agent.yaml", ENVIRON).agents.values()
        assert [repr(box) for box in made.toolboxes] == ["Retrieval('search_documents')"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["top_k: 3"], "agent.yaml:3: tools[0].retrieval: give exactly one of: source, elasticsearch, milvus"),
        (["source: .", "milvus: {uri: 'http://x:1', collection: c}"], "give exactly one of: source, elasticsearch"),
        (["elasticsearch:", f"  url: {ELASTIC}", "  idnex: x"], "agent.yaml:6: tools[0].retrieval.elasticsearch.idnex"),
        (["elasticsearch: {url: 'ftp://x', index: i}"], "agent.yaml:3: tools[0]: url must begin with http:// or"),
        (["elasticsearch: {url: 'https://a:b@x', index: i}"], "url must not contain a password"),
        (["elasticsearch:", f"  url: {ELASTIC}", "  index: i", "  username: u"], "username and password go together"),
        ([f"elasticsearch: {{url: '{ELASTIC}', index: i, ca: agent.yaml}}"], "has no certificates in PEM form"),
        ([f"elasticsearch: {{url: '{ELASTIC}', index: i, ca: nope.pem}}"], "there is no file"),
        (
            ["elasticsearch:", f"  url: {ELASTIC}", "  index: i", "  body:", "    knn: {v: '${vector}'}"],
            "agent.yaml:3: tools[0].retrieval: ${vector} in the body of elasticsearch needs embeddings",
        ),
        (
            [f"elasticsearch: {{url: '{ELASTIC}', index: i}}", "embeddings: {base_url: 'http://x', model: m}"],
            "embeddings are only used if the body of elasticsearch has ${vector}",
        ),
        (
            ["elasticsearch:", f"  url: {ELASTIC}", "  index: i", "  body:", "    q: 'x ${vector}'"],
            "agent.yaml:7: tools[0].retrieval.elasticsearch.body: ${vector} is a list of numbers",
        ),
        (
            ["elasticsearch:", f"  url: {ELASTIC}", "  index: i", "  body:", "    q: '${quary}'"],
            "agent.yaml:8: tools[0].retrieval.elasticsearch.body.q: the environment variable quary is not set "
            "(${quary:-…} gives a default); each search fills query, top_k, vector",
        ),
        (["milvus: {uri: 'http://x:1', collection: c}"], "milvus needs embeddings, or fields.sparse, or both"),
        (["milvus: {uri: 'http://x:1', collection: c, fields: {vector: v}}"], "fields.vector of milvus needs embed"),
        (["milvus: {uri: nope.db, collection: c, fields: {sparse: s}}"], "there is no file"),
        (["milvus: {uri: agent.yaml, collection: c, fields: {sparse: s}}"], "name a file that ends in .db"),
        (["milvus: {uri: 'tcp://x:1', collection: c, fields: {sparse: s}}"], "uri must begin with http:// or"),
        (
            ["milvus: {uri: 'https://u:p@x', collection: c, fields: {sparse: s}}"],
            "uri must not contain a password: use the",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, lines: list[str], said: str) -> None:
    assert said in error(tmp_path, *lines)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("'${query}'", "${query}"),
        ("'${FIELD} of ${query}'", "body of ${query}"),
        ("'$${query}'", "$${query}"),
        ("'${ODD}'", "$${query}"),
        ("'${query:-owls}'", "owls"),
    ],
)
def test_a_body_keeps_what_a_search_fills(value: str, expected: str) -> None:
    assert body(value) == expected


def test_elsewhere_these_names_are_variables() -> None:
    with pytest.raises(ConfigurationError, match="the environment variable query is not set"):
        parsed("tools:\n- rest: {body: {a: '${query}'}}").check()


def test_the_key_is_in_no_error(tmp_path: Path) -> None:
    said = error(tmp_path, "elasticsearch:", f"  url: {ELASTIC}", "  api_key: ${KEY}", "  index: 7")
    assert said == (
        "agent.yaml:7: tools[0].retrieval.elasticsearch.index: must be a text "
        "(quote it if it looks like a number, a date or yes/no)"
    )


@pytest.mark.parametrize("module", ["elasticsearch", "pymilvus", "milvus_lite"])
def test_a_package_that_is_missing_is_named(tmp_path: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == module else object())
    uri = "docs.db" if module == "milvus_lite" else "http://x:1"
    line = f"milvus: {{uri: '{uri}', collection: c, fields: {{sparse: s}}}}"
    said = error(tmp_path, f"elasticsearch: {{url: '{ELASTIC}', index: i}}" if module == "elasticsearch" else line)
    extra = {"elasticsearch": "elasticsearch", "pymilvus": "milvus", "milvus_lite": "milvus-lite"}[module]
    assert f"pip install 'turnstream[{extra}]'" in said


def test_indexing_leaves_them_alone(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    server = {"retrieval": {"elasticsearch": {"url": ELASTIC, "index": "i"}}}
    folder = {"retrieval": {"source": "docs"}}
    file = tmp_path / "agent.yaml"
    file.write_text(yaml.safe_dump({"model": "demo", "tools": [server, folder]}))
    assert [found.path for found in find_folders(file)] == [tmp_path / "docs"]
    file.write_text(yaml.safe_dump({"model": "demo", "tools": [server]}))
    with pytest.raises(ConfigurationError, match="Elasticsearch and Milvus are indexed elsewhere"):
        find_folders(file)
