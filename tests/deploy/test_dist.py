"""What is built for a package index: its README has no link that leads nowhere there."""

from __future__ import annotations

import importlib.util
import re
import shutil
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOST = "https://git.example.com/us/turnstream"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_each_relative_link_of_the_readme_leads_to_a_file_and_none_is_left(copy: Path) -> None:
    script("dist").name_repository(copy, HOST + "/")
    version = tomllib.loads((copy / "pyproject.toml").read_text())["project"]["version"]
    links = re.findall(r"\]\(([^)\s]+)\)", (copy / "README.md").read_text())
    ours = [link for link in links if link.startswith(HOST)]
    assert all(link.startswith(("https://", "#")) for link in links)
    for link in ours:
        kind, tag, path = link.removeprefix(f"{HOST}/").split("/", 2)
        assert tag == f"v{version}"
        assert kind == ("raw" if path.endswith((".svg", ".png")) else "blob")
        assert (ROOT / path).exists()
    assert len(ours) > 30


def test_the_metadata_names_the_repository(copy: Path) -> None:
    script("dist").name_repository(copy, HOST)
    urls = tomllib.loads((copy / "pyproject.toml").read_text())["project"]["urls"]
    assert (urls["Source"], urls["Issues"]) == (HOST, f"{HOST}/issues")


@pytest.mark.parametrize("address", ["turnstream", "http://x/y/z", "https://github.com", "https://github.com/a/b?c"])
def test_what_is_no_address_of_a_repository_is_refused(copy: Path, address: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        script("dist").name_repository(copy, address)


def test_links_of_pages_to_other_files_lead_to_the_repository_or_are_text() -> None:
    rewrite = script("docs_links").rewrite
    docs = ROOT / "docs"
    page = docs / "design/runs.md"
    text = "[a](../../deploy/nginx.conf), [b](../runs.md#x), ![c](../../x.png)"
    assert rewrite(text, page, docs, "") == "a, [b](../runs.md#x), ![c](../../x.png)"
    assert rewrite(text, page, docs, HOST).startswith(f"[a]({HOST}/blob/main/deploy/nginx.conf), [b](../runs.md#x)")


def test_a_page_of_the_site_needs_no_other_server(caplog: pytest.LogCaptureFixture) -> None:
    bring = script("docs_links").bring
    shim = '<script src="https://unpkg.com/iframe-worker/shim"></script>'
    assert bring(shim, "design/a.html") == '<script src="../assets/iframe-worker.js"></script>'
    assert (ROOT / "docs/assets/iframe-worker.js").exists()
    assert not caplog.records
    bring('<script src="https://cdn.example.com/x.js"></script><a href="https://example.com">x</a>', "a.html")
    assert [record.getMessage().partition(": ")[0] for record in caplog.records] == ["a.html"]
