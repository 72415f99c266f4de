"""The Dockerfile, built by buildah and run: `make image`. Its base is a Debian made here: no registry is asked."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.deploy.test_nginx import free_port
from tests.docs.blocks import ROOT

pytestmark = [
    pytest.mark.skipif("IMAGE" not in os.environ, reason="building the image takes two minutes: `make image`"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("image"),
]
MOST_MEGABYTES = 120
KEY = "a-key-of-the-tests-of-the-image"
# A Python of Debian's, put where the official image has its own.
_BASE = "debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates stable"
# This machine's certificates are those of its package index.
_BUILD = """
    --isolation chroot --network host --pull-never --format docker --volume /etc/ssl/certs:/etc/ssl/certs:ro
    --ignorefile deploy/Dockerfile.dockerignore --build-arg PYTHON=turnstream-test
"""
_RUN = "-e", f"TURNSTREAM_API_KEY={KEY}", "-v", f"{ROOT}/deploy/compose/app:/app:ro"


def buildah(*words: str | Path) -> str:
    command = ["buildah", "--storage-driver", "vfs", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if shutil.which("buildah") is None or shutil.which("debootstrap") is None:
        pytest.skip("buildah and debootstrap are not installed")
    base = tmp_path_factory.mktemp("base")
    subprocess.run([*_BASE.split(), base], check=True, capture_output=True, timeout=500)
    (base / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    empty = buildah("from", "scratch")
    buildah("add", "--quiet", empty, base, "/")
    buildah("commit", "--quiet", "--rm", empty, "docker.io/library/python:turnstream-test")
    buildah("bud", *_BUILD.split(), "-f", "deploy/Dockerfile", "-t", "turnstream-test", ".")
    made = buildah("from", "--pull=false", "localhost/turnstream-test")
    yield made
    buildah("rm", made)
    buildah("rmi", "--force", "localhost/turnstream-test", "docker.io/library/python:turnstream-test")


def run(container: str, *words: str, user: str = "10001") -> str:
    return buildah("run", "--isolation", "chroot", "--user", user, *_RUN, container, "--", *words)


def test_the_image_adds_no_more_than_it_may(container: str) -> None:
    megabytes = int(run(container, "du", "-sm", "/opt/turnstream").split()[0])
    assert megabytes <= MOST_MEGABYTES


def test_it_has_what_the_server_can_be_told_to_use(container: str) -> None:
    run(container, "python", "-c", "import asyncpg, limits, mcp, prometheus_client, re2, joserfc, opentelemetry.sdk")


def test_a_user_of_the_clusters_choice_may_write_where_ours_may(container: str) -> None:
    assert run(container, "sh", "-c", "touch /data/x && echo done", user="1000660000:0") == "done"


def test_it_serves_on_the_port_that_it_is_told_is_healthy_and_ends_when_it_is_asked(container: str) -> None:
    port = str(free_port())
    command = re.search(r'(?m)^CMD \["sh", "-c", "(.*)"\]$', (ROOT / "deploy/Dockerfile").read_text())
    health = re.search(r'(?m)^HEALTHCHECK.*"-c", "(.*)"\]$', (ROOT / "deploy/Dockerfile").read_text())
    assert command is not None
    assert health is not None
    words = ["buildah", "--storage-driver", "vfs", "run", "--isolation", "chroot", *_RUN, "-e", f"PORT={port}"]
    with subprocess.Popen([*words, container, "--", "sh", "-c", command[1].replace('\\"', '"')]) as server:
        check = f"export PORT={port}; until {health[1].removeprefix('exec ')}; do sleep 0.2; done".replace('\\"', '"')
        assert "ready" in run(container, "timeout", "60", "sh", "-c", check)
        request = Request(f"http://127.0.0.1:{port}/v1/models", headers={"authorization": f"Bearer {KEY}"})
        with closing(urlopen(request, timeout=20)) as response:
            assert response.status == 200
        for child in _children(server.pid):
            os.kill(child, signal.SIGTERM)
        assert server.wait(60) == 0


def _children(pid: int) -> list[int]:
    """The processes below one that have no others below them."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    below = [int(child) for thread in threads for child in thread.read_text().split()]
    return [one for child in below for one in _children(child) or [child]]
