"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

from turnstream.cli.declare import Argument, Option

Target = Annotated[
    str | None,
    Argument(
        metavar="FILE",
        help="agent.yaml, a folder of such files, or module:agent; else agent.yaml or agents/, if there is one.",
        show_default=False,
    ),
]
ModelName = Annotated[
    str | None,
    Option("--model", "-m", metavar="PROVIDER:MODEL", help="Use this model instead.", show_default=False),
]
Host = Annotated[
    str | None,
    Option(help="Address to listen on; 127.0.0.1 unless the file says otherwise.", show_default=False),
]
Port = Annotated[
    int | None,
    Option(
        min=0,
        max=65535,
        help="Port to listen on; 0 lets the system choose. 8000 unless the file says otherwise.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    Option(
        min=1,
        max=256,
        help="Processes that serve the address together; 1 unless the file says otherwise.",
        show_default=False,
    ),
]
Json = Annotated[bool, Option("--json", help="Print JSON.")]
Unauthenticated = Annotated[
    bool, Option("--allow-unauthenticated", help="Serve on an address that is not loopback without keys.")
]
StoreUrl = Annotated[
    str | None,
    Option(
        "--store",
        metavar="STORE",
        envvar="TURNSTREAM_STORE",
        help="Where conversations and runs are kept: auto, sqlite:PATH, postgres://…, memory or none.",
        show_default=False,
    ),
]
