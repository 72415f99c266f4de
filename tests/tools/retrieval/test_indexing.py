from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tools.retrieval.folders import LATER, ids, indexed, many, write
from turnstream.events import ConfigurationError
from turnstream.tools.retrieval import database
from turnstream.tools.retrieval.indexing import Report, update


def counts(report: Report) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.unchanged, report.removed


async def test_a_thousand_documents_are_indexed_and_each_is_found(tmp_path: Path) -> None:
    many(tmp_path)
    assert counts(indexed(tmp_path)) == (1000, 0, 0, 0)
    for number in range(0, 1000, 37):
        (found,) = await ids(tmp_path, f"marker{number:05}", top_k=3)
        assert f"/{number}." in found


async def test_a_word_that_is_nearly_everywhere_counts_only_alone(tmp_path: Path) -> None:
    text = "\n\n".join(f"Common part number{number}. {'x ' * 500}" for number in range(1200))
    indexed(write(tmp_path, {"a.txt": text}))
    assert await ids(tmp_path, "common number777") == ["a.txt#777"]
    assert len(await ids(tmp_path, "common")) == 5


async def test_a_second_run_reads_only_what_has_changed(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "apples", "b.md": "bananas", "c.md": "cherries"})
    indexed(tmp_path)
    write(tmp_path, {"b.md": "blueberries", "d.md": "dates"})
    (tmp_path / "c.md").unlink()
    assert counts(indexed(tmp_path)) == (1, 1, 1, 1)
    assert [await ids(tmp_path, word) for word in ("apples", "bananas", "blueberries", "cherries", "dates")] == [
        ["a.md#0"],
        [],
        ["b.md#0"],
        [],
        ["d.md#0"],
    ]


def test_a_file_whose_time_and_size_are_known_is_not_opened(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "apples"})
    indexed(tmp_path)
    status = (tmp_path / "a.md").stat()
    (tmp_path / "a.md").write_text("melons")
    os.utime(tmp_path / "a.md", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert counts(indexed(tmp_path)) == (0, 0, 1, 0)


def test_a_file_that_was_young_when_it_was_read_is_read_again(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "apples"})
    status = (tmp_path / "a.md").stat()
    update(tmp_path, tmp_path / database.NAME, clock=lambda: status.st_mtime_ns + 1)
    (tmp_path / "a.md").write_text("melons")
    os.utime(tmp_path / "a.md", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert counts(indexed(tmp_path)) == (0, 1, 0, 0)


def test_a_new_time_alone_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "apples"})
    indexed(tmp_path)
    os.utime(tmp_path / "a.md", ns=(1, 1))
    assert counts(indexed(tmp_path)) == (0, 0, 1, 0)


def test_bad_files_are_skipped_with_a_reason_in_each_run(tmp_path: Path) -> None:
    write(
        tmp_path, {"good.md": "good", "binary.txt": b"\0\1\2" * 99, "broken.pdf": b"%PDF-1.4 no", "huge.txt": "x" * 999}
    )
    (tmp_path / "link.md").symlink_to("/etc/hostname")
    reasons = {
        "binary.txt": "it is not text",
        "broken.pdf": "it is not a PDF that can be read (PdfStreamError)",
        "huge.txt": f"it is larger than {500 / 1024 / 1024:g} MiB",
        "link.md": "it is a link",
    }
    assert indexed(tmp_path, most_bytes=500).skipped == reasons
    again = indexed(tmp_path, most_bytes=500)
    assert again.skipped == reasons
    assert counts(again) == (0, 0, 1, 0)


async def test_a_file_that_becomes_bad_is_found_no_more(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "apples"})
    indexed(tmp_path)
    write(tmp_path, {"a.txt": b"\0\1\2" * 99})
    assert indexed(tmp_path).skipped == {"a.txt": "it is not text"}
    assert await ids(tmp_path, "apples") == []


def test_hidden_files_special_files_and_other_kinds_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, {".hidden/a.md": "x", ".b.md": "x", "c.py": "x", "d.MD": "x"})
    os.mkfifo(tmp_path / "pipe.txt")
    assert counts(indexed(tmp_path)) == (1, 0, 0, 0)


def test_a_name_that_is_no_text_is_skipped(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.md")).write_text("x")
    assert list(indexed(tmp_path).skipped.values()) == ["its name is not text"]


async def test_a_run_that_is_interrupted_keeps_what_it_has_and_is_taken_up(tmp_path: Path) -> None:
    many(tmp_path, 10)

    def stop(done: int, total: int, path: str) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        update(tmp_path, tmp_path / database.NAME, progress=stop, clock=lambda: LATER // 2)
    assert counts(indexed(tmp_path)) == (6, 0, 4, 0)


def test_progress_is_told_file_by_file(tmp_path: Path) -> None:
    write(tmp_path, {"b.md": "x", "a.md": "x"})
    told: list[tuple[int, int, str]] = []
    update(tmp_path, tmp_path / "i.db", progress=lambda *step: told.append(step))
    assert told == [(0, 2, "a.md"), (1, 2, "b.md"), (2, 2, "")]


def test_new_rules_of_reading_make_all_files_be_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.md": "apples"})
    indexed(tmp_path)
    monkeypatch.setattr("turnstream.tools.retrieval.extraction.VERSION", 99)
    assert counts(indexed(tmp_path)) == (0, 1, 0, 0)


@pytest.mark.parametrize("content", [b"no database" * 100, b""])
def test_a_file_that_is_no_index_is_not_written_over(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, {"a.md": "apples"})
    other = tmp_path / "other.db"
    other.write_bytes(content)
    if content:
        with pytest.raises(ConfigurationError, match="cannot be opened"):
            update(tmp_path, other)
        assert other.read_bytes() == content
    else:
        assert update(tmp_path, other).added == 1


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such folder"):
        indexed(tmp_path / "nowhere")
