"""``turnstream index``: makes a folder of documents searchable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from turnstream.tools.retrieval.indexing import Report

_MEBIBYTE = 1024 * 1024


def index(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder of text, Markdown, HTML and PDF files.")],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FILE", help="Write the index to this file.", show_default="PATH/.turnstream/index.db"
        ),
    ] = None,
    max_size: Annotated[int, typer.Option(metavar="MIB", min=1, help="Skip files that are larger.")] = 32,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what was skipped.")] = False,
) -> None:
    """Index a folder of documents for the tool "retrieval".

    A second run reads only what has changed. Agents that are running see the changes at once.

    Example: turnstream index docs
    """
    import logging

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from turnstream.tools.retrieval import database, indexing

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # a broken file is told of in our own words
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task("", total=None)

        def progress(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=name[-60:].replace("[", r"\["))

        report = indexing.update(path, to or path / database.NAME, progress=progress, most_bytes=max_size * _MEBIBYTE)
    for skipped, reason in sorted(report.skipped.items()):
        typer.echo(f"skipped {_printable(skipped)}: {reason}", err=True)
    if not quiet:
        typer.echo(_summary(report))


def _summary(report: Report) -> str:
    counts = {name: getattr(report, name) for name in ("added", "changed", "unchanged", "removed")}
    parts = [*(f"{count} {name}" for name, count in counts.items()), f"{len(report.skipped)} skipped"]
    return f"files: {', '.join(parts)}; {report.chunks} chunks"


def _printable(name: str) -> str:
    """A file's name may hold what would steer the terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in name)
