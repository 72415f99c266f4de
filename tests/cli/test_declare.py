"""A command line is read without typer or not at all: where it is, typer calls the command with the same values."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, strategies as st
from typer.testing import CliRunner

from turnstream.cli import app, declare
from turnstream.cli.declare import Argument, Context, Option
from turnstream.cli.serve import serve

CALLS: list[dict[str, Any]] = []


def sample(
    context: Context,
    file: Annotated[str | None, Argument(metavar="FILE")] = None,
    port: Annotated[int | None, Option(min=0, max=65535)] = None,
    model_name: Annotated[str | None, Option("--model", "-m")] = None,
    store: Annotated[str | None, Option(envvar="STORE")] = None,
    level: Annotated[Literal["info", "debug"], Option(envvar="LEVEL", case_sensitive=False)] = "info",
    otel: Annotated[bool, Option("--otel")] = False,
) -> None:
    """Remembers its call."""
    CALLS.append(dict(locals()))


TYPER = app.make({"sample": sample, "other": lambda: None})
WORDS = (
    "agent.yaml other.yaml --port --port=80 --port=x --port=-1 --port=99999 0 ٣ -m demo -mdemo -m=demo --model --otel "
    "--otel=1 --no-otel --level DEBUG --level=loud --level=info --store=a=b --store= --help -h -- - --nothing -x"
)
ENVIRONS: tuple[dict[str, str], ...] = ({}, {"LEVEL": "Debug"}, {"STORE": "memory", "LEVEL": ""}, {"LEVEL": "loud"})


def call_by_typer(words: Sequence[str], environ: Mapping[str, str]) -> dict[str, Any] | None:
    CALLS.clear()
    CliRunner().invoke(TYPER, ["sample", *words], env=dict(environ), catch_exceptions=False)
    return CALLS[0] if CALLS else None


@given(words=st.lists(st.sampled_from([*WORDS.split(), ""]), max_size=5), environ=st.sampled_from(ENVIRONS))
def test_what_is_read_without_typer_is_what_typer_reads(words: list[str], environ: dict[str, str]) -> None:
    read = declare.read(sample, words, environ, debug=False)
    assert read is None or read == call_by_typer(words, environ)


@pytest.mark.parametrize(
    "words",
    ["", "agents --port 0 --log-format text", "--host=::1 -m demo --otel", "a:b --workers 4 --worker 0:1:2"],
)
def test_what_starts_servers_is_read_without_typer(words: str) -> None:
    assert declare.read(serve, words.split(), {"LOG_LEVEL": "WARNING"}, debug=False) is not None


def test_what_came_from_the_environment_is_known() -> None:
    read = declare.read(sample, ["--level", "debug"], {"STORE": "memory", "LEVEL": "info"}, debug=True)
    assert read is not None
    assert (read["level"], read["store"]) == ("debug", "memory")
    assert (read["context"].inherited, read["context"].debug) == ({"store"}, True)


def test_a_server_is_started_without_typer() -> None:
    code = (
        "import sys; from turnstream import cli\n"
        "try: cli.main(['serve', 'nowhere.yaml'])\n"
        "except SystemExit: print('typer' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"
