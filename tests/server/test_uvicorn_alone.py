from __future__ import annotations

import subprocess
import sys

import pytest


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_a_server_does_not_load_the_command_line_of_uvicorn() -> None:
    code = "import sys, turnstream.server; print({'click', 'watchfiles', 'multiprocessing'} & set(sys.modules))"
    assert run(code) == "set()\n"


@pytest.mark.parametrize("use", ["uvicorn.run(None)", "from uvicorn.main import run; run(None)"])
def test_who_uses_it_gets_it_nevertheless(use: str) -> None:
    patch = "import uvicorn.config; uvicorn.config.Config.__init__ = lambda self, app, **_: sys.exit('called')"
    with pytest.raises(subprocess.CalledProcessError) as raised:
        run(f"import sys, turnstream.server, uvicorn; {patch}; {use}")
    assert raised.value.stderr == "called\n"


def test_one_that_imports_more_of_it_is_loaded_whole() -> None:
    code = (
        "import sys; from turnstream.server import uvicorn_alone as alone\n"
        "for name in [name for name in sys.modules if name.startswith('uvicorn')]: del sys.modules[name]\n"
        "def fail(self, name): raise AttributeError(name)\n"
        "alone._StandIn.__getattr__ = fail; alone.load(); import uvicorn.main; print(uvicorn.Server.__name__)"
    )
    assert run(code) == "Server\n"
