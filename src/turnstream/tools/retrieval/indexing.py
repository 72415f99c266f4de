"""A folder of documents → its index. A second run reads only what has changed."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from turnstream import errors
from turnstream.tools.retrieval.documents import SkippedError
from turnstream.tools.retrieval.extraction import READERS, extract
from turnstream.tools.retrieval.writing import Known, Stamp, Writer

MOST_BYTES = 32 * 1024 * 1024
_RECENT = 2_000_000_000
"""Nanoseconds. A file that was changed so shortly before it was read may have changed again without a newer time: the
clocks of some file systems are that coarse."""

Progress: TypeAlias = Callable[[int, int, str], None]
"""Files done, files in all, the next file's path."""


@dataclass
class Report:
    """What a run did, in files; ``skipped`` says why, by path, also of those that an earlier run skipped. ``waiting``
    counts the chunks without a vector in an index that has vectors.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    chunks: int = 0
    waiting: int = 0


def update(
    folder: Path,
    index: Path,
    *,
    progress: Progress = lambda done, total, path: None,
    most_bytes: int = MOST_BYTES,
    clock: Callable[[], int] = time.time_ns,
    encoding: str | None = None,
) -> Report:
    """Bring the index up to date. Blocks; may be interrupted anywhere, and the next run goes on from there.
    ``encoding`` is that of texts which are not UTF-8 and name none; with another than the last time, files are read
    again.

    Raises `ConfigurationError` if there is no such folder, or its index cannot be written.
    """
    if not folder.is_dir():
        raise errors.ConfigurationError(f"{folder}: there is no such folder")
    report = Report()
    with Writer(index) as writer:
        writer.use_encoding(encoding)
        known = writer.read_known()
        found, unseen = _files(folder, report)
        for done, (path, status) in enumerate(found.items()):
            progress(done, len(found), path)
            _file(writer, folder, path, status, known.get(path), report, most_bytes, clock, encoding)
        for path in known.keys() - found.keys():
            if not path.startswith(tuple(unseen)):
                with writer.transaction():
                    writer.remove(path)
                report.removed += 1
        progress(len(found), len(found), "")
        (report.chunks,) = writer.connection.execute("SELECT count(*) FROM chunks").fetchone()
        if writer.meta("dimensions") is not None:
            asked = "SELECT count(*) FROM chunks WHERE embedded = 0"
            (report.waiting,) = writer.connection.execute(asked).fetchone()
        writer.connection.execute("PRAGMA optimize")
    return report


def _file(
    writer: Writer,
    folder: Path,
    path: str,
    status: os.stat_result,
    known: Known | None,
    report: Report,
    most_bytes: int,
    clock: Callable[[], int],
    encoding: str | None,
) -> None:
    stamp = Stamp(status.st_mtime_ns, status.st_size, clock(), b"")
    if known is not None and _surely_same(known.stamp, stamp):
        _count(known, path, report)
        return
    try:
        data = _read(folder / path, status, most_bytes)
        stamp = stamp._replace(hash=hashlib.sha256(data).digest())
        if known is not None and known.stamp.hash == stamp.hash:
            with writer.transaction():
                writer.touch(path, stamp)
            _count(known, path, report)
            return
        writer.replace(path, stamp, extract(path, data, encoding))
    except SkippedError as skip:
        report.skipped[path] = skip.reason
        writer.skip(path, stamp if skip.lasting else stamp._replace(mtime=0, hash=b""), skip.reason)
        return
    if known is None:
        report.added += 1
    else:
        report.changed += 1


def _surely_same(known: Stamp, now: Stamp) -> bool:
    return (known.mtime, known.size) == (now.mtime, now.size) and known.mtime < known.read_at - _RECENT


def _count(known: Known, path: str, report: Report) -> None:
    if known.skipped is None:
        report.unchanged += 1
    else:
        report.skipped[path] = known.skipped


def _read(file: Path, status: os.stat_result, most_bytes: int) -> bytes:
    if status.st_size > most_bytes:
        raise SkippedError(f"it is larger than {most_bytes / 1024 / 1024:g} MiB", lasting=False)
    try:
        with file.open("rb") as opened:
            data = opened.read(most_bytes + 1)
    except OSError as error:
        raise SkippedError(f"it cannot be read: {error.strerror}", lasting=False) from error
    if len(data) > most_bytes:
        raise SkippedError("it grows while it is read", lasting=False)
    return data


def _files(folder: Path, report: Report) -> tuple[Mapping[str, os.stat_result], list[str]]:
    """The files that there are readers for, by path, sorted; and the folders that could not be looked into.

    Hidden files and folders are left out, and so are links: they may lead out of the folder, or round in circles.
    """
    unseen: list[str] = []

    def skip(error: OSError) -> None:
        path = f"{_relative(folder, Path(error.filename))}/"
        unseen.append(path)
        report.skipped[path] = f"it cannot be looked into: {error.strerror}"

    found: dict[str, os.stat_result] = {}
    for file in _walk(folder, skip):
        path = _relative(folder, file)
        try:
            path.encode()
            status = file.lstat()
        except UnicodeEncodeError:
            report.skipped[path.encode("utf-8", "replace").decode()] = "its name is not text"
            continue
        except OSError:
            continue  # removed meanwhile
        if stat.S_ISREG(status.st_mode):
            found[path] = status
        elif stat.S_ISLNK(status.st_mode):
            report.skipped[path] = "it is a link"
    return dict(sorted(found.items())), unseen


def _walk(folder: Path, failed: Callable[[OSError], None]) -> Iterator[Path]:
    for home, folders, files in os.walk(folder, onerror=failed):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in READERS:
                yield Path(home, name)


def _relative(folder: Path, file: Path) -> str:
    return file.relative_to(folder).as_posix()
