"""``turnstream health``: whether a server takes runs, for containers without curl."""

from __future__ import annotations

from typing import Annotated

import typer

_TIMEOUT = 5.0


def health(
    url: Annotated[
        str, typer.Argument(help="The server's address.", envvar="TURNSTREAM_URL")
    ] = "http://127.0.0.1:8000",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that the answer may take.")] = _TIMEOUT,
) -> None:
    """Ask a server whether it takes runs; succeeds if it does.

    Example: turnstream health http://127.0.0.1:8080
    """
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.parse import urlsplit
    from urllib.request import ProxyHandler, build_opener

    if urlsplit(url).scheme not in ("http", "https"):
        raise typer.BadParameter("expected an address such as http://127.0.0.1:8000", param_hint="URL")
    opener = build_opener(ProxyHandler({}))  # this machine's health is not to be asked of a proxy
    try:
        with opener.open(f"{url.rstrip('/')}/readyz", timeout=timeout) as answer:
            typer.echo(answer.read(1000).decode("utf-8", "replace"))
    except HTTPError as error:
        typer.echo(error.read(1000).decode("utf-8", "replace") or f"turnstream: status {error.code}", err=True)
        raise typer.Exit(1) from None
    except (URLError, OSError, HTTPException, ValueError) as error:
        typer.echo(f"turnstream: {url} does not answer: {getattr(error, 'reason', error)}", err=True)
        raise typer.Exit(1) from None
