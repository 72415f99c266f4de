"""The command: lists the suites and runs them."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Annotated

import typer

import bench
from bench.rig.tables import wide_console

console = wide_console()


def suites() -> dict[str, ModuleType]:
    """Every suite by name: the modules of this package that can ``run``."""
    names = [info.name for info in pkgutil.iter_modules(bench.__path__) if not info.ispkg and info.name != "__main__"]
    modules = {name: importlib.import_module(f"bench.{name}") for name in sorted(names)}
    return {name: module for name, module in modules.items() if hasattr(module, "run")}


def main(
    names: Annotated[list[str] | None, typer.Argument(metavar="[SUITE]...", help="Which suites; default all.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer, shorter rounds; results are not kept.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Keep the results of quick rounds too.")] = False,
    peers: Annotated[
        bool, typer.Option("--peers", help="Measure the peers that are installed, in the same rounds.")
    ] = False,
    only_list: Annotated[bool, typer.Option("--list", help="Say which suites there are.")] = False,
) -> None:
    """Measure what Turnstream costs. Tables are printed; JSON and plots go to bench/results."""
    known = suites()
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise typer.BadParameter(f"no suite {', '.join(unknown)}; there are {', '.join(known)}")
    for name in names or known:
        module = known[name]
        console.print(f"[bold]{name}[/]  {(module.__doc__ or '').strip().splitlines()[0]}")
        if not only_list:
            if name == "stream":
                module.run(quick, write or not quick, peers)
            else:
                module.run(quick)


if __name__ == "__main__":
    typer.run(main)
