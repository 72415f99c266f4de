"""What Turnstream costs, measured: ``python -m bench`` runs every suite, ``python -m bench stream`` one of them.

A suite is a module of this package with a ``run(quick: bool) -> None``; the first line of its docstring is what
``--list`` says of it. What suites share is in `bench.rig`.
"""
