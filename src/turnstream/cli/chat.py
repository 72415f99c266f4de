"""``turnstream chat``: a conversation in the terminal."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from turnstream.cli.approval import Terminal
from turnstream.cli.options import ModelName, Target

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from turnstream import events, messages, requests
    from turnstream.agent import Agent, Run
    from turnstream.cli.printer import Printer
    from turnstream.service import Service

NOBODY = (
    "The input is not a terminal, so nobody is asked: calls that need approval are not made, and questions have no "
    "answer. Chat in a terminal, or with --url, where `approve CODE` and `answer CODE …` are messages like others."
)
HELP = "/new begins a new conversation, /agent NAME asks another agent, /quit or Ctrl-D ends. Ctrl-C stops an answer."


def chat(
    context: typer.Context,
    target: Target = None,
    model: ModelName = None,
    message: Annotated[str | None, typer.Option("--message", help="Ask this one thing, and exit.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Which agent, where there are several.")] = None,
    url: Annotated[str | None, typer.Option(help="Talk to a running server: http://127.0.0.1:8000")] = None,
    key: Annotated[str | None, typer.Option(envvar="TURNSTREAM_KEY", help="The API key of that server.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show the answers alone.")] = False,
) -> None:
    """Chat with an agent in the terminal.

    Answers are streamed, with the run's statuses and tool calls.

    Example: turnstream chat agent.yaml

    Example: turnstream chat --message "What is 12*7?"
    """
    import asyncio

    from rich.console import Console

    from turnstream.cli.printer import Printer, log_to_terminal
    from turnstream.cli.target import find_service, remote

    log_to_terminal(tracebacks=bool(context.obj))
    service, why = remote(url, agent, key) if url else find_service(target, model)
    printer = Printer(quiet=quiet, output=Console(file=sys.stdout, highlight=False, soft_wrap=True))
    printer.note(why)
    # What tools print goes beside the answers.
    with contextlib.redirect_stdout(sys.stderr), asyncio.Runner() as runner:
        conversation = Conversation(service, agent, printer)
        runner.run(conversation.open())
        try:
            _talk(runner, conversation, message)
        finally:
            runner.run(conversation.close())


def _talk(runner: asyncio.Runner, conversation: Conversation, message: str | None) -> None:
    """The loop sleeps while the user types, so that Ctrl-C at the prompt needs no thread to be woken."""
    if message is not None:
        if not runner.run(conversation.ask(message)):
            raise typer.Exit(1)
        return
    if sys.stdin.isatty():
        import readline  # noqa: F401 - gives `input` line editing and history

        conversation.printer.note(HELP)
    ok = True
    while (line := _line()) is not None:
        if line.startswith("/"):
            if not conversation.command(line):
                return
        elif line:
            try:
                ok = runner.run(conversation.ask(line))
            except KeyboardInterrupt:
                conversation.printer.note("stopped")
    if not ok and not sys.stdin.isatty():
        raise typer.Exit(1)


def _line() -> str | None:
    """What the user typed, without blanks around it; None at the end of the input, or for Ctrl-C."""
    try:
        return input("\n> " if sys.stdin.isatty() else "").strip()
    except EOFError:
        return None
    except KeyboardInterrupt:
        typer.echo()
        return None


class Conversation:
    """Its agent and what was said. An answer that was stopped or failed leaves no trace in it."""

    def __init__(self, service: Service, agent: str | None, printer: Printer) -> None:
        self.service = service
        self.printer = printer
        self.agent = self._agent(agent) if agent else next(iter(service.agents.values()))
        self.messages: list[messages.Message] = []
        self.approve = Terminal(printer) if sys.stdin.isatty() else None
        if self.approve is None and self.agent.asks:
            printer.note(NOBODY)

    def _agent(self, name: str) -> Agent:
        from turnstream import errors

        if name not in self.service.agents:
            raise errors.ConfigurationError(f"there is no agent {name!r}; there are: {', '.join(self.service.agents)}")
        return self.service.agents[name]

    async def open(self) -> None:
        await self.service.__aenter__()

    async def close(self) -> None:
        await self.service.__aexit__(None, None, None)

    def command(self, line: str) -> bool:
        """False if it ends the conversation."""
        from turnstream import errors

        match line.split():
            case ["/quit" | "/exit" | "/q"]:
                return False
            case ["/new" | "/reset"]:
                self.messages.clear()
                self.printer.note("a new conversation")
            case ["/agent", name]:
                try:
                    self.agent = self._agent(name)
                    self.messages.clear()
                except errors.ConfigurationError as error:
                    self.printer.note(error.message)
            case _:
                self.printer.note(HELP)
        return True

    async def ask(self, text: str) -> bool:
        """Print the answer as it comes. False if the run failed."""
        from turnstream import events, messages, requests

        question = [*self.messages, messages.UserMessage(text)]
        try:
            run = await self._answer(requests.RunRequest(tuple(question)))
        finally:
            self.printer.end()
        if not isinstance(run.outcome, events.RunFinished):
            return False
        self.messages = [*question, *run.messages]
        return True

    async def _answer(self, request: requests.RunRequest) -> Run:
        """The run, at its end. Where it waits for the person, they are asked, and it goes on."""
        from turnstream.cli.questions import Questions

        if self.approve is None:
            return await self._show(self.agent.run(request))
        asked = Questions(self.approve, request)
        run = await self._show(self.agent.run(request, approve=self.approve, wait=asked.keep))
        while run.waiting is not None:
            progress = await asked.answer()
            resumed = self.agent.resume(asked.request, progress, run_id=run.id, approve=self.approve)
            run = await self._show(resumed, asked.keep_on)
        return run

    async def _show(self, run: Run, keep: Callable[[Iterable[events.RunEvent]], None] | None = None) -> Run:
        async with run:
            async for batch in run.batches():
                if keep is not None:
                    keep(batch)
                self.printer.show(batch)
        return run
