"""What retrieval costs: searches in 100,000 chunks, vector stores compared.

LanceDB is measured where it is installed (``pip install lancedb``); it is no dependency.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.rig import vector_stores
from bench.rig.measure import RESULTS, conditions
from bench.rig.process import ROOT
from bench.rig.tables import wide_console
from turnstream.tools.retrieval.documents import Document, Section
from turnstream.tools.retrieval.reading import Ranked, Reader, by_words, chunks_of
from turnstream.tools.retrieval.writing import Stamp, Writer

_FOUND = 5
_CANDIDATES = 50


class Search(Struct, frozen=True):
    """Milliseconds of one search, over questions of 2 and of 12 words."""

    chunks: int
    index_seconds: float
    size: float
    short_median: float
    short_slow: float
    long_median: float
    long_slow: float


class Results(Struct, frozen=True):
    conditions: dict[str, Any]
    search: Search
    stores: dict[str, vector_stores.Measured]


def run(quick: bool) -> None:
    console = wide_console()
    count = 5_000 if quick else 100_000
    search = _search(count)
    _show_search(search, console)
    stores = _stores(count, console)
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        results = Results(conditions(), search, stores)
        (RESULTS / "retrieval.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def _search(count: int) -> Search:
    """Words are drawn as those of a language are: few often, most rarely."""
    chance = random.Random(3)
    words = [f"{chance.choice('bdfglmnprst')}{chance.choice('aeiou')}{number:x}" for number in range(30_000)]
    drawn = chance.choices(words, [1 / rank for rank in range(1, len(words) + 1)], k=count * 20)
    with tempfile.TemporaryDirectory() as home:
        index = Path(home, "index.db")
        start = time.perf_counter()
        with Writer(index) as writer:
            for number in range(0, count, 50):
                sections = [Section("", " ".join(chance.choices(drawn, k=120))) for _ in range(50)]
                stamp = Stamp(0, 0, 0, b"")
                writer.replace(f"{number}.txt", stamp, Document(f"Document {number}", sections))
        seconds = time.perf_counter() - start
        reader = Reader(index)
        with reader:
            short = _times(reader, [" ".join(chance.choices(words[20:3000], k=2)) for _ in range(40)])
            long = _times(reader, [" ".join(chance.choices(drawn, k=12)) for _ in range(40)])
        size = index.stat().st_size / 2**20
    return Search(count, seconds, size, short[20], short[37], long[20], long[37])


def _times(reader: Reader, questions: Sequence[str]) -> list[float]:
    return sorted(_timed(partial(_ask, reader, question)) for question in questions)


def _ask(reader: Reader, question: str) -> None:
    with reader.connection() as connection:
        ranked: list[Ranked] = by_words(connection, question, _CANDIDATES)
        chunks_of(connection, [one.id for one in ranked[:_FOUND]])


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def _stores(count: int, console: Console) -> dict[str, vector_stores.Measured]:
    table = Table(title=f"{count:,} vectors of {vector_stores.DIMENSIONS} numbers, the 10 nearest")
    for column in ("store", "build, s", "MiB", "first, ms", "median", "p95", "CPU ms", "recall", "replace 100, ms"):
        table.add_column(column)
    table.add_column("memory, MiB")
    found: dict[str, vector_stores.Measured] = {}
    for name in vector_stores.STORES:
        command = [sys.executable, "-m", "bench.rig.vector_stores", name, str(count)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            table.add_row(name, (done.stderr.strip().splitlines() or ["failed"])[-1])
            continue
        one = found[name] = msgspec.json.decode(done.stdout, type=vector_stores.Measured)
        numbers = (one.build, one.size, one.first, one.median, one.slow, one.cpu)
        shown = [f"{number:.1f}" for number in numbers]
        table.add_row(name, *shown, f"{one.recall:.2f}", f"{one.replace:.1f}", f"{one.memory:.0f}")
    console.print(table)
    return found


def _show_search(search: Search, console: Console) -> None:
    table = Table(title=f"{search.chunks:,} chunks of 120 words: indexing, and a search by words")
    for column in ("index, s", "MiB", "2 words: median, ms", "p95", "12 words: median, ms", "p95"):
        table.add_column(column)
    numbers = (search.index_seconds, search.size, search.short_median, search.short_slow)
    table.add_row(*(f"{number:.1f}" for number in (*numbers, search.long_median, search.long_slow)))
    console.print(table)
