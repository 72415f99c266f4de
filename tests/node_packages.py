"""Packages of npm that tests run, installed once for each version of a folder's lock file."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL_SECONDS = 90


def installed(folder: Path) -> str:
    """The path of ``node``. Skips the test, with a reason, where the packages cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js or npm is not installed")
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".turnstream-stamp"
    with (folder / ".stamp-lock").open("w") as lock:  # test processes run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            _npm_ci(npm, folder)
            stamp.write_text(wanted)
    return node


def _npm_ci(npm: str, folder: Path) -> None:
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm ci did not end in {INSTALL_SECONDS} s")
    if done.returncode != 0:
        pytest.skip(f"npm ci failed: {done.stderr.strip()[-400:]}")
