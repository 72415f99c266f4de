"""Builds the wheel and the source archive of what is committed into dist/: dist.py [REPOSITORY]

REPOSITORY is the address of the repository, such as https://github.com/OWNER/NAME. With it the README's links, which
are relative, lead to the files of this version there, and the package's page names the repository. Nothing else knows
the address.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"(!?)(\[[^\]]*\])\((?![a-z]+:|#|/)([^)\s]+)\)")


def absolute(text: str, repository: str, tag: str) -> str:
    """The Markdown with links and pictures that do not depend on where it is shown."""

    def replace(match: re.Match[str]) -> str:
        kind = "raw" if match[1] else "blob"
        return f"{match[1]}{match[2]}({repository}/{kind}/{tag}/{match[3]})"

    return _LINK.sub(replace, text)


def name_repository(folder: Path, repository: str) -> None:
    """Raises `ValueError` for what is not the address of a repository."""
    repository = repository.rstrip("/")
    if not re.fullmatch(r"https://[\w.-]+(/[\w.-]+){2,}", repository):
        raise ValueError(f"{repository!r} is not an address such as https://github.com/OWNER/NAME")
    project = folder / "pyproject.toml"
    text = project.read_text("utf-8")
    tag = f"v{tomllib.loads(text)['project']['version']}"
    urls = {
        "Source": repository,
        "Documentation": f"{repository}/blob/{tag}/docs/index.md",
        "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }
    lines = "".join(f'{name} = "{url}"\n' for name, url in urls.items())
    project.write_text(f"{text}\n[project.urls]\n{lines}", "utf-8")
    readme = folder / "README.md"
    readme.write_text(absolute(readme.read_text("utf-8"), repository, tag), "utf-8")


def build(repository: str = "") -> None:
    """What is not committed is not in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(files)) as archive:
            archive.extractall(folder, filter="data")
        if repository:
            name_repository(folder, repository)
        command = [sys.executable, "-m", "hatchling", "build", "--directory", str(ROOT / "dist")]
        subprocess.run(command, cwd=folder, check=True)


if __name__ == "__main__":
    try:
        build(*sys.argv[1:])
    except ValueError as error:
        sys.exit(str(error))
