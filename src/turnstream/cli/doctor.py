"""``turnstream doctor``: what would break clients of a server, ours or not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from turnstream.doctor.rules import Finding


def doctor(
    url: Annotated[str, typer.Argument(metavar="URL", help="The base URL: http://127.0.0.1:8000/v1")],
    key: Annotated[str, typer.Option(envvar="TURNSTREAM_KEY", help="The server's key.")] = "",
    model: Annotated[str | None, typer.Option(help="The model to ask; by default the server's first.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check an OpenAI-compatible server for what breaks real clients.

    It asks five short questions, looks at each byte of the answers, and names the clients that fail. The exit code
    is 1 if there is an error; warnings are not counted.

    Example: turnstream doctor http://127.0.0.1:8000/v1
    """
    from turnstream.doctor import probe, rules

    recordings = probe.run(url, key=key, model=model)
    findings = list(rules.examine(recordings))
    refused = [recording for recording in recordings[:3] if recording.status >= 400]
    failed = bool(refused) or any(finding.rule.level == "error" for finding in findings)
    if as_json:
        answers = [{"name": one.name, "status": one.status, "bytes": len(one.body)} for one in recordings]
        report = {"ok": not failed, "answers": answers, "findings": [finding.as_json() for finding in findings]}
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        for recording in refused:
            typer.echo(f"error    {recording.name}: the server answered with status {recording.status}")
        typer.echo("\n".join([*map(_line, findings), _summary(findings, len(recordings))]))
    if failed:
        raise typer.Exit(1)


def _line(finding: Finding) -> str:
    place = f"{finding.recording}, bytes {finding.start} to {finding.end}"
    who = ", ".join(finding.rule.clients)
    return (
        f"{finding.rule.level:8} {finding.rule.id}: {finding.what} ({place})\n         {finding.rule.law} Fails: {who}."
    )


def _summary(findings: list[Finding], answers: int) -> str:
    from turnstream.doctor.rules import RULES

    errors = sum(finding.rule.level == "error" for finding in findings)
    return f"{answers} answers, {len(RULES)} rules: {errors} errors, {len(findings) - errors} warnings"
