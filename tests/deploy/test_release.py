from __future__ import annotations

import datetime
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from tests.deploy.test_dist import script
from turnstream import __version__

ROOT = Path(__file__).resolve().parents[2]
DAY = datetime.date(2027, 1, 2)


@pytest.fixture
def release() -> ModuleType:
    return script("release")


@pytest.fixture
def copy(tmp_path: Path, release: ModuleType) -> Path:
    for name in {"CHANGELOG.md", *(place for place, _ in release.PLACES)}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    changes = tmp_path / "CHANGELOG.md"  # which has nothing new just after a release
    changes.write_text(changes.read_text().replace(release.UNRELEASED, f"{release.UNRELEASED}\n- A change.\n", 1))
    return tmp_path


def test_the_version_is_set_wherever_it_stands(copy: Path, release: ModuleType) -> None:
    release.set_version(copy, "9.8.7", DAY)
    for name, _ in release.PLACES:
        text = (copy / name).read_text()
        assert "9.8.7" in text
        assert __version__ not in text or name == "pyproject.toml"  # there it may be another package's too
    assert "\n## Unreleased\n\n## 9.8.7 (2027-01-02)\n\n- A change.\n" in (copy / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("version", ["1", "v1.2.3", "1.2.3.4", ""])
def test_what_is_not_a_version_is_refused(copy: Path, release: ModuleType, version: str) -> None:
    with pytest.raises(ValueError, match="is not a version"):
        release.set_version(copy, version, DAY)


def test_there_must_be_something_to_release(copy: Path, release: ModuleType) -> None:
    release.set_version(copy, "9.8.7", DAY)
    with pytest.raises(ValueError, match="nothing under"):
        release.set_version(copy, "9.8.8", DAY)
