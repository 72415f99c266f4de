"""What a run found, in docs/performance.md between two marks, with the picture beside it."""

from __future__ import annotations

from collections.abc import Iterator

from bench.rig import tables
from bench.rig.process import ROOT
from bench.rig.tables import DIRECT, FLOOR, TURNSTREAM, Run

PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "performance.png"
BEGIN, END = "<!-- measured: written by the bench -->", "<!-- /measured -->"
_WORDS = {"aim": "**reached**", "met": "met", "missed": "missed", "–": "not measured"}


def write(run: Run) -> None:
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise RuntimeError(f"{PAGE} has no place for what was measured: {BEGIN} … {END}")
    PAGE.write_text(f"{before}{BEGIN}\n\n{text(run)}\n{END}{after}", "utf-8")


def text(run: Run) -> str:
    return "\n".join([*_conditions(run), *_targets(run), *_measures(run), *_servers(run)])


def _conditions(run: Run) -> Iterator[str]:
    found = run.conditions
    libraries = ", ".join(f"{name} {version}" for name, version in found["libraries"].items())
    load = ", ".join(f"{one:g}" for one in found["load_average"])
    rounds = max((len(samples) for phase in run.samples.values() for samples in phase.values()), default=0)
    yield f"{found['date']}, {found['cores']} cores of {found['processor']}, CPython {found['python']}, {libraries};"
    yield f"load average at the end {load}. {rounds} {'short ' if run.quick else ''}rounds: median (lowest to highest)."
    yield ""


def _targets(run: Run) -> Iterator[str]:
    yield "| what | measured | required | aim | |"
    yield "|---|---|---|---|---|"
    for target in tables.targets(run):
        required = "–" if target.required is None else f"≤ {target.required:g}"
        cells = (target.what, str(target.measured or "–"), required, f"≤ {target.aim:g}", _WORDS[target.verdict])
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield "![CPU per token in units of the floor, and latency by the number of streams](images/performance.png)"
    yield ""


def _measures(run: Run) -> Iterator[str]:
    yield "| measure | Turnstream | floor | upstream alone |"
    yield "|---|---|---|---|"
    servers = (TURNSTREAM, FLOOR, DIRECT)
    for phase in run.samples:
        for title, measure in tables.rows_of(phase):
            cells = [str(tables.spread(run.samples, phase, one, measure) or "–") for one in servers]
            if title != "errors" or set(cells) - {"0", "–"}:
                yield f"| {phase}: {title} | {' | '.join(cells)} |"
    for title, of in (("ready, ms", lambda start: start.ready), ("RSS, MiB", lambda start: start.resident)):
        cells = [str(tables.start_spread(run, one, of) or "–") for one in servers]
        yield f"| start: {title} | {' | '.join(cells)} |"
    yield ""


def _servers(run: Run) -> Iterator[str]:
    """The peers of the same rounds, if there were any."""
    names = tables.measured(run.samples)
    if not set(names) - {TURNSTREAM, FLOOR}:
        return
    titles = ("burst × floor", "paced-100 × floor", "added p99, ms", "request, ms", "tool round, ms", "RSS, MiB")
    yield f"| in the same rounds | {' | '.join(titles)} |"
    yield f"|---|{'---|' * len(titles)}"
    for name in names:
        burst, paced = (
            tables.ratio(run.samples, "burst", server=name),
            tables.ratio(run.samples, "paced-100", server=name),
        )
        figures = [
            tables.spread(run.samples, phase, name, measure)
            for phase, measure in (
                ("paced-100", tables.p99),
                ("request", tables.per_request),
                ("tool", tables.per_request),
                ("paced-100", tables.peak),
            )
        ]
        cells = [name, *(str(one or "–") for one in (burst, paced, *figures))]
        yield f"| {' | '.join(cells)} |"
    yield ""
