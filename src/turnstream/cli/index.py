"""``turnstream index``: makes folders of documents searchable."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnstream import errors
from turnstream.cli.text import printable

if TYPE_CHECKING:
    from turnstream.tools.retrieval import Embeddings
    from turnstream.tools.retrieval.indexing import Progress, Report

_MEBIBYTE = 1024 * 1024
_CONFIGURATIONS = (".yaml", ".yml")


def index(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="A folder of text, Markdown, HTML and PDF files; or an agent.yaml that searches some."
        ),
    ],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FILE", help="Write the index to this file.", show_default="PATH/.turnstream/index.db"
        ),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="AGENT.YAML", help="Fill the Elasticsearch or Milvus that a retrieval tool of this file searches."
        ),
    ] = None,
    tool: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which tool of --into, where several search a store.")
    ] = None,
    max_size: Annotated[int, typer.Option(metavar="MIB", min=1, help="Skip files that are larger.")] = 32,
    encoding: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of texts that are not UTF-8 and name none: cp1251, gb18030, …"),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what was skipped.")] = False,
) -> None:
    """Index folders of documents for the tool "retrieval".

    A second run reads only what has changed. Agents that are running see the changes at once. Vectors are made if PATH
    is a configuration that has "embeddings". With --into, the passages of a folder go to Elasticsearch or Milvus.

    Example: turnstream index docs
    """
    import logging

    is_configuration = path.suffix in _CONFIGURATIONS
    for option, given in (("--into", into), ("--to", to)):
        if is_configuration and given is not None:
            raise errors.ConfigurationError(f"{option} goes with a folder, not with a configuration")
    if encoding is not None:
        _check_encoding(encoding)
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # a broken file is told of in our own words
    if is_configuration:
        from turnstream.config import indexes

        for folder, embeddings in indexes.find_folders(path):
            _index(folder, None, embeddings, max_size, quiet, encoding)
        return
    _index(path, to, None, max_size, quiet, encoding)
    if into is not None:
        _fill(path, to, into, tool, quiet)


def _check_encoding(name: str) -> None:
    import codecs

    try:
        codecs.lookup(name)
    except LookupError:
        raise errors.ConfigurationError(f"--encoding: unknown encoding {name!r}") from None


def _index(
    folder: Path, to: Path | None, embeddings: Embeddings | None, max_size: int, quiet: bool, encoding: str | None
) -> None:
    from turnstream.tools.retrieval import database, indexing, vectors

    file = to or folder / database.NAME
    with _bar("files", quiet) as progress:
        size = max_size * _MEBIBYTE
        report = indexing.update(folder, file, progress=progress, most_bytes=size, encoding=encoding)
    for skipped, reason in sorted(report.skipped.items()):
        typer.echo(f"skipped {printable(skipped)}: {reason}", err=True)
    if not quiet:
        typer.echo(_summary(report))
    if embeddings is None and report.waiting:
        typer.echo(f"{report.waiting} chunks have no vector yet: index the configuration that has embeddings", err=True)
    if embeddings is not None:
        with _bar("vectors", quiet) as progress:
            made = asyncio.run(vectors.embed(file, embeddings, progress))
        if not quiet:
            typer.echo(f"vectors: {made} made by {embeddings.model}")


def _fill(folder: Path, to: Path | None, into: Path, tool: str | None, quiet: bool) -> None:
    from turnstream.config import indexes
    from turnstream.tools.retrieval import database, filling

    sink, embeddings = indexes.find_sink(into, tool)
    with _bar("passages", quiet) as progress:
        done = asyncio.run(filling.fill(to or folder / database.NAME, sink, embeddings, progress))
    if not quiet:
        typer.echo(f"{printable(sink.name)}: {done.sent} sent, {done.unchanged} unchanged, {done.removed} removed")


@contextmanager
def _bar(what: str, quiet: bool) -> Iterator[Progress]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, name: bar.update(
            task, completed=done, total=total, description=escape(printable(name[-60:]))
        )


def _summary(report: Report) -> str:
    counts = {name: getattr(report, name) for name in ("added", "changed", "unchanged", "removed")}
    parts = [*(f"{count} {name}" for name, count in counts.items()), f"{len(report.skipped)} skipped"]
    return f"files: {', '.join(parts)}; {report.chunks} chunks"
