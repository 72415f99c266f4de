import json

from tests.clients.node_process import FOLDER

LOCK = (FOLDER / "package-lock.json").read_text()


def test_the_lock_file_names_no_host() -> None:
    assert "://" not in LOCK  # after npm install, remove "funding" from each package


def test_every_package_is_pinned_by_a_digest() -> None:
    packages = json.loads(LOCK)["packages"]
    assert all(package.get("integrity", "").startswith("sha512-") for path, package in packages.items() if path)
