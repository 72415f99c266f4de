from __future__ import annotations

import asyncio
import subprocess

import asyncpg

from tests import postgres
from tests.cli.test_serve import ROOT, command, failure
from turnstream.storage.migrations import migrations


def migrate(url: str) -> str:
    done = subprocess.run(
        command("migrate", "--store", url), capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )
    return done.stdout


async def _create(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"create database {name}")
    await connection.close()


def test_it_makes_the_tables_once(postgres_url: str) -> None:
    asyncio.run(_create(postgres_url, "to_migrate"))
    url = postgres.with_database(postgres_url, "to_migrate")
    assert migrate(url) == f"Ran {len(migrations('postgres_schema'))} files.\n"
    assert migrate(url) == "Nothing to do: the schema is up to date.\n"


def test_a_server_is_told_to_migrate_first(postgres_url: str) -> None:
    asyncio.run(_create(postgres_url, "not_migrated"))
    url = postgres.with_database(postgres_url, "not_migrated")
    said = failure("serve", "tests/cli/agents.py:agents", "--port", "0", "--store", url)
    assert "The database has no tables of Turnstream. Run: turnstream migrate --store postgres://" in said


def test_what_is_no_database_is_refused() -> None:
    assert failure("migrate") == "name a PostgreSQL database: --store postgres://…, or TURNSTREAM_STORE"
    said = failure("serve", "tests/cli/agents.py:agents", "--store", "mysql://x")
    assert said == "store: expected auto, memory, none, sqlite:PATH or postgres://…"
