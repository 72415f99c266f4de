"""Folders of documents for tests, and PDFs made here."""

from __future__ import annotations

import json
from pathlib import Path

from turnstream.events import RunContext, ToolCall, ToolOutput
from turnstream.tools.retrieval import Retrieval, SqliteStore, database
from turnstream.tools.retrieval.indexing import Report, update

TOPICS = ("tides", "volcanoes", "glaciers", "orchids", "bridges", "violins", "comets", "lighthouses", "beavers", "salt")
LATER = 10**19
"""A clock's time at which no file is recent."""


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def indexed(folder: Path, **options: int) -> Report:
    return update(folder, folder / database.NAME, clock=lambda: LATER // 2, **options)  # type: ignore[arg-type]  # ints


def many(folder: Path, count: int = 1000) -> Path:
    """Documents of every kind but PDF; each has a word of its own, ``marker00042``."""
    files: dict[str, str | bytes] = {}
    for number in range(count):
        topic, marker = TOPICS[number % len(TOPICS)], f"marker{number:05}"
        text = f"A report on {topic}. " * 20 + f"Its sign is {marker}."
        match number % 3:
            case 0:
                files[f"{topic}/{number}.txt"] = text
            case 1:
                files[f"{topic}/{number}.md"] = f"# Report {number}\n\n{text}\n\n## More\n\nThere is no more."
            case _:
                files[f"{topic}/{number}.html"] = f"<title>Report {number}</title><p>{text}</p><script>x()</script>"
    return write(folder, files)


async def search(tool: Retrieval, query: str) -> ToolOutput:
    return await tool.call(ToolCall("c1", tool.name, json.dumps({"query": query})), RunContext())


async def ids(folder: Path, query: str, **options: int) -> list[str]:
    output = await search(Retrieval(SqliteStore(folder / database.NAME), **options), query)  # type: ignore[arg-type]  # ints
    return [source.id for source in output.sources]


def pdf(*pages: str) -> bytes:
    """A PDF with a line of text on each page."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * at} 0 R" for at in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for at, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * at} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    data = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode()
    start = len(data)
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    return (
        data
        + (
            f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
            f"startxref\n{start}\n%%EOF\n"
        ).encode()
    )
