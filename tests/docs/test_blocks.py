"""Every code block of the README and of the pages does what it says: Python runs, YAML is a good configuration, shell
commands succeed, TypeScript runs where Node.js is.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.cli.test_serve import running
from tests.clients import node_process
from tests.docs.blocks import PAGES, ROOT, Block, blocks, fill
from turnstream.config import load
from turnstream.tools.retrieval import indexing

SERVER = "127.0.0.1:8000"
OTHERS = ("spec_version: v1",)
"""Beginnings of YAML that is not ours: watsonx Orchestrate's own files, which tests/clients proves."""
ENVIRON = {**os.environ, "PYTHONPATH": f"{ROOT}/src", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = f"sqlite:{tmp_path_factory.mktemp('store')}/store.db"
    with running("serve", "examples/agent.yaml", "--port", "0", store=store) as (_, url):
        yield url.removeprefix("http://")


def run(command: list[str], folder: Path, environ: dict[str, str] = ENVIRON) -> str:
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", [page for page in PAGES if blocks("python", page)], ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page: Path, server: str, tmp_path: Path) -> None:
    """One block after the other, in one module; those that talk to a server, in a process of their own."""
    if page.name == "milvus.md":
        pytest.importorskip("pymilvus")
    module = ModuleType(page.stem.replace("-", "_"))
    sys.modules[module.__name__] = module
    try:
        for block in blocks("python", page):
            if SERVER in block.text:
                run([sys.executable, "-c", block.text.replace(SERVER, server)], tmp_path)
            else:
                exec(compile(block.text, str(block), "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]


@pytest.mark.parametrize("block", [one for one in blocks("yaml") if not one.text.startswith(OTHERS)], ids=str)
async def test_yaml_is_a_good_configuration(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands; where it is a part, with a model. Its variables need not be set."""
    real = importlib.util.find_spec
    milvus = ("pymilvus", "milvus_lite")  # in an environment of their own, and nothing here uses them
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: object() if name in milvus else real(name, *rest)
    )
    fill(tmp_path, block.page)
    indexing.update(tmp_path / "docs", tmp_path / "docs" / ".turnstream" / "index.db")
    file = tmp_path / "block.yaml"
    whole = set(yaml.safe_load(block.text)) & {"model"}
    file.write_text(block.text if whole else f"model: demo\n{block.text}")
    skipped: list[str] = []
    assert load(file, {}, skipped=skipped).agents
    assert skipped == []


def lines(block: Block) -> list[str]:
    """The commands, without comments; one that goes on over lines is one."""
    text = re.sub(r"\s+#.*$", "", block.text.replace("\\\n", " "), flags=re.MULTILINE)
    return [line for line in text.splitlines() if line.strip()]


def check_command(line: str, folder: Path, server: str) -> None:
    match line.split():
        case ["pip", "install", *words]:
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            named = re.findall(r"\[([\w,-]+)\]", " ".join(words))
            assert set(",".join(named).split(",")) <= {*extras, ""}
        case ["turnstream", "index", *_, "--into", _]:  # wants a store that is not here; tests/tools fills one
            assert "--into" in run(["turnstream", "index", "--help"], folder)
        case ["make", target, *_]:
            run(["make", "--dry-run", target], ROOT)
        case ["turnstream", "dev" | "serve" as command, *rest]:
            process = subprocess.Popen(
                [sys.executable, "-m", "turnstream", command, *rest, "--port", "0"],
                cwd=folder, env=ENVIRON, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            try:
                assert process.stderr is not None
                assert any(line.startswith("http://") for line in process.stderr)
            finally:
                process.terminate()
                process.communicate(timeout=20)
        case _:
            assert run(["bash", "-ec", line.replace(SERVER, server)], folder) is not None


@pytest.mark.timeout(180)
@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_shell_commands_succeed(block: Block, server: str, tmp_path: Path) -> None:
    fill(tmp_path, block.page)
    if "curl" in block.text and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    if "doctor" in block.text:
        (tmp_path / "agent.yaml").write_text("model: demo\n")
    for line in lines(block):
        check_command(line, tmp_path, server)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("block", blocks("ts"), ids=str)
def test_typescript_runs(block: Block, server: str) -> None:
    try:
        node = node_process.install()
    except node_process.NoNode as reason:
        pytest.skip(str(reason))
    said = run([node, "--input-type=module", "-e", block.text.replace(SERVER, server)], node_process.FOLDER)
    assert "84" in said


def test_every_language_has_its_test() -> None:
    found = {match for page in PAGES for match in re.findall(r"^```(\w+)", page.read_text("utf-8"), re.MULTILINE)}
    assert found <= {"python", "yaml", "sh", "ts", "json", "text"}
