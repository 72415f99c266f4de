import json
from pathlib import Path

import pytest

from tests.clients.node_process import FOLDER

lock_files = pytest.mark.parametrize("folder", [FOLDER, FOLDER.with_name("frameworks")], ids=lambda folder: folder.name)


def lock(folder: Path) -> str:
    return (folder / "package-lock.json").read_text()


@lock_files
def test_the_lock_file_names_no_host(folder: Path) -> None:
    assert "://" not in lock(folder)  # after npm install, remove "funding" from each package


@lock_files
def test_every_package_is_pinned_by_a_digest(folder: Path) -> None:
    packages = json.loads(lock(folder))["packages"]
    assert all(package.get("integrity", "").startswith("sha512-") for path, package in packages.items() if path)
