"""Sets the version wherever it stands, and gives the changelog's unreleased lines to it: release.py x.y.z"""

from __future__ import annotations

import datetime
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Where the version stands: the file, and what is around it.
PLACES = (
    ("pyproject.toml", r'(?m)(?<=^version = ")[^"]+(?=")'),
    ("src/turnstream/__init__.py", r'(?<=__version__ = ")[^"]+(?=")'),
    ("deploy/helm/turnstream/Chart.yaml", r"(?m)(?<=^version: ).+$"),
    ("deploy/helm/turnstream/Chart.yaml", r"(?m)(?<=^appVersion: ).+$"),
    ("deploy/kubernetes/turnstream.yaml", r"(?<=image: &image turnstream:).+"),
    ("docs/agent.schema.json", r'(?<="urn:turnstream:agent:)[^"]+'),
    ("docs/deployment.md", r"(?<=turnstream:)\d+\.\d+\.\d+[a-z0-9]*"),
)
UNRELEASED = "## Unreleased\n"


def set_version(root: Path, version: str, day: datetime.date) -> None:
    """Raises `ValueError` for a version that is not x.y.z, or with nothing to release."""
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        raise ValueError(f"{version!r} is not a version such as 1.2.3 or 1.2.3rc1")
    changelog = root / "CHANGELOG.md"
    text = changelog.read_text("utf-8")
    lines = text.partition(UNRELEASED)[2].partition("\n## ")[0]
    if not lines.strip():
        raise ValueError("CHANGELOG.md has nothing under 'Unreleased'")
    changelog.write_text(text.replace(UNRELEASED, f"{UNRELEASED}\n## {version} ({day.isoformat()})\n", 1), "utf-8")
    for name, pattern in PLACES:
        path = root / name
        changed, count = re.subn(pattern, version, path.read_text("utf-8"))
        if not count:
            raise ValueError(f"{name}: the version was not found")
        path.write_text(changed, "utf-8")


if __name__ == "__main__":
    try:
        set_version(ROOT, sys.argv[1], datetime.datetime.now(datetime.UTC).date())
    except ValueError as error:
        sys.exit(str(error))
