"""One vector store, measured in a process of its own: ``python -m bench.rig.vector_stores NAME COUNT``.

The vectors lie around 500 centres, as those of texts lie around topics. The right neighbours are numpy's.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from turnstream.tools.retrieval import database

DIMENSIONS = 384
QUESTIONS = 50
NEIGHBOURS = 10
_BATCH = 512
_REPLACED = 100


class Measured(Struct, frozen=True):
    """Times in milliseconds, but ``build`` in seconds; sizes in MiB. ``recall`` is of the 10 nearest,
    ``memory`` the peak beyond what the process had before it opened the store."""

    build: float
    size: float
    first: float
    median: float
    slow: float
    cpu: float
    recall: float
    replace: float
    memory: float


class Store(Protocol):
    def add(self, first: int, vectors: Any) -> None: ...

    def finish(self) -> None: ...

    def nearest(self, vector: Any) -> Sequence[int]: ...

    def remove(self, first: int, last: int) -> None: ...


class SqliteVec:
    def __init__(self, folder: Path) -> None:
        self._connection = database.library().connect(folder / "v.db", isolation_level=None)
        if not database.load_vectors(self._connection):
            raise ModuleNotFoundError("sqlite_vec")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(f"CREATE VIRTUAL TABLE v USING vec0 (e float[{DIMENSIONS}])")

    def add(self, first: int, vectors: Any) -> None:
        self._connection.execute("BEGIN")
        rows = ((first + at, vector.tobytes()) for at, vector in enumerate(vectors))
        self._connection.executemany("INSERT INTO v (rowid, e) VALUES (?, ?)", rows)
        self._connection.execute("COMMIT")

    def finish(self) -> None:
        pass

    def nearest(self, vector: Any) -> list[int]:
        asked = "SELECT rowid FROM v WHERE e MATCH ? AND k = ?"
        return [row[0] for row in self._connection.execute(asked, (vector.tobytes(), NEIGHBOURS))]

    def remove(self, first: int, last: int) -> None:
        self._connection.execute("BEGIN")
        self._connection.executemany("DELETE FROM v WHERE rowid = ?", ((at,) for at in range(first, last)))
        self._connection.execute("COMMIT")


class Lance:
    """Searched whole, as LanceDB does without an index."""

    def __init__(self, folder: Path) -> None:
        self._arrow: Any = importlib.import_module("pyarrow")
        self._database: Any = importlib.import_module("lancedb").connect(folder)
        self._table: Any = None

    def add(self, first: int, vectors: Any) -> None:
        arrow = self._arrow
        rows = arrow.table(
            {
                "id": arrow.array(range(first, first + len(vectors)), arrow.int64()),
                "vector": arrow.FixedSizeListArray.from_arrays(arrow.array(vectors.ravel()), DIMENSIONS),
            }
        )
        if self._table is None:
            self._table = self._database.create_table("v", rows)
        else:
            self._table.add(rows)

    def finish(self) -> None:
        self._table.optimize()

    def nearest(self, vector: Any) -> list[int]:
        found = self._question(vector).select(["id", "_distance"]).limit(NEIGHBOURS).to_list()
        return [row["id"] for row in found]

    def _question(self, vector: Any) -> Any:
        return self._table.search(vector).distance_type("cosine")

    def remove(self, first: int, last: int) -> None:
        self._table.delete(f"id >= {first} AND id < {last}")


class LanceIndexed(Lance):
    """With its IVF-PQ index, and the candidates of 20 partitions compared exactly."""

    def finish(self) -> None:
        super().finish()
        config: Any = importlib.import_module("lancedb.index").IvfPq(distance_type="cosine")
        self._table.create_index("vector", config=config)

    def _question(self, vector: Any) -> Any:
        return super()._question(vector).nprobes(20).refine_factor(10)


STORES: dict[str, Callable[[Path], Store]] = {
    "sqlite-vec": SqliteVec,
    "LanceDB": Lance,
    "LanceDB, IVF-PQ": LanceIndexed,
}


def measure(name: str, count: int) -> Measured:
    vectors, questions, right = _data(count)
    with tempfile.TemporaryDirectory() as home:
        before = _memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak that making the data had
        start = time.perf_counter()
        store = STORES[name](Path(home))
        for at in range(0, count, _BATCH):
            store.add(at, vectors[at : at + _BATCH])
        store.finish()
        build = time.perf_counter() - start
        size = sum(file.stat().st_size for file in Path(home).rglob("*") if file.is_file()) / 2**20
        first = _timed(lambda: store.nearest(questions[0]))
        found: list[Sequence[int]] = []
        used = time.process_time()
        times = sorted(_timed(partial(_ask, store, one, found)) for one in questions)
        cpu = (time.process_time() - used) * 1000 / QUESTIONS
        hits = sum(len(set(ids) & wanted) for ids, wanted in zip(found, right, strict=True))

        def replace() -> None:
            store.remove(0, _REPLACED)
            store.add(count, vectors[:_REPLACED])

        replaced = _timed(replace)
        recall = hits / QUESTIONS / NEIGHBOURS
        median, slow = times[len(times) // 2], times[int(len(times) * 0.95)]
        return Measured(build, size, first, median, slow, cpu, recall, replaced, _memory("VmHWM") - before)


def _ask(store: Store, question: Any, found: list[Sequence[int]]) -> None:
    found.append(store.nearest(question))


def _data(count: int) -> tuple[Any, Any, list[set[int]]]:
    import numpy as np  # in the environment of the bench alone

    chance = np.random.default_rng(0)
    centres = chance.standard_normal((500, DIMENSIONS), dtype=np.float32)

    def around(number: int) -> Any:
        noise = chance.standard_normal((number, DIMENSIONS), dtype=np.float32)
        points = centres[chance.integers(0, 500, number)] + np.float32(0.7) * noise
        return points / np.linalg.norm(points, axis=1, keepdims=True)

    vectors, questions = around(count), around(QUESTIONS)
    return vectors, questions, [set(np.argsort(-(vectors @ one))[:NEIGHBOURS].tolist()) for one in questions]


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def _memory(which: str) -> float:
    return int(Path("/proc/self/status").read_text().partition(f"{which}:")[2].split()[0]) / 1024


if __name__ == "__main__":
    try:
        measured = measure(sys.argv[1], int(sys.argv[2]))
    except ModuleNotFoundError as error:
        sys.exit(f"not installed: {error.name or error}")
    sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")
