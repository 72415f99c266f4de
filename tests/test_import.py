"""What `import turnstream` costs, and that its lazy names are the right ones."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import turnstream

MOST_MODULES = 62
HEAVY = ("pydantic", "aiohttp", "fastapi")


def loaded_by(code: str) -> set[str]:
    """Modules beyond the standard library and what the interpreter itself loads, such as the editable install's."""
    script = f"import sys; before = set(sys.modules)\n{code}\nprint(*set(sys.modules) - before)"
    names = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    return {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}


@pytest.mark.parametrize("code", ["import turnstream", "from turnstream import Agent, Run, RunContext, TextDelta"])
def test_importing_the_package_loads_little_and_nothing_heavy(code: str) -> None:
    modules = loaded_by(code)
    assert "turnstream" in modules
    assert len(modules) < MOST_MODULES
    assert not {name.partition(".")[0] for name in modules} & set(HEAVY)


@pytest.mark.parametrize("name", [name for name in turnstream.__all__ if name != "__version__"])
def test_every_public_name_is_the_one_of_its_module(name: str) -> None:
    module = turnstream._HOME[name]
    assert getattr(turnstream, name) is getattr(import_module(module), name)
    assert name in dir(turnstream)


def test_the_type_checker_sees_the_same_names_as_the_interpreter() -> None:
    tree = ast.parse(Path(turnstream.__file__).read_text(encoding="utf-8"))
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    declared = [name.asname for node in imports if (node.module or "").startswith("turnstream.") for name in node.names]
    assert sorted(filter(None, declared)) == sorted(turnstream._HOME)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Agnet'"):
        _ = turnstream.Agnet


# What only other configurations, other commands or the OpenAPI document need.
SELDOM = """
    aiohttp asyncpg click cronsim cryptography difflib elasticsearch fastapi genai_prices griffe httpx httpx2 jinja2
    joserfc jsonschema limits lxml mcp numpy opentelemetry pandas prometheus_client pymilvus rich typer watchfiles
    turnstream.config.schema turnstream.config.tools.mcp turnstream.config.tools.openapi turnstream.config.tools.rest
    turnstream.config.tools.retrieval turnstream.parsing.aws_event_stream turnstream.providers.anthropic
    turnstream.providers.decode.verdicts turnstream.providers.gemini turnstream.providers.responses_first
    turnstream.runs.memory turnstream.runs.postgres turnstream.storage.postgres turnstream.telemetry.metrics
    turnstream.telemetry.traces turnstream.testing turnstream.threads.memory turnstream.tools.coercion
    turnstream.tools.http_client turnstream.tools.mcp turnstream.tools.openapi turnstream.tools.retrieval
"""


def test_a_server_loads_only_what_its_configuration_needs() -> None:
    code = (
        "import turnstream.cli.serve; from turnstream.cli.target import load_service\n"
        "from turnstream.server.run import server; server(load_service('examples/agent.yaml'))"
    )
    loaded = loaded_by(code)
    assert {"pydantic", "turnstream.tools.python", "turnstream.server.app"} <= loaded
    assert not {name for name in loaded if any(name == one or name.startswith(f"{one}.") for one in SELDOM.split())}


def test_sections_that_a_file_does_not_have_are_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("model: demo\n")
    loaded = loaded_by(
        f"from turnstream.cli.target import load_service; load_service({str(tmp_path / 'agent.yaml')!r})"
    )
    assert "turnstream.config.agents" in loaded
    assert not loaded & {
        f"turnstream.config.{name}" for name in ("guardrails", "keys", "oidc", "schedules", "settings")
    }
