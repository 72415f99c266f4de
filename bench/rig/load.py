"""The load generator: many streams at once, each read by a bare protocol that only notes what came when.

Answers are taken apart and compared token by token after the last one has ended, so that the generator costs little
while the server is measured. ``python -m bench.rig.load JOB`` (a `Job` as JSON) prints a `Report` as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import cast

import msgspec
import orjson
import uvloop
from msgspec import Struct

from bench.rig.plan import PLAIN, TOKEN, TOOL, Mode, Plan, now, tool_answer
from bench.rig.process import raise_file_limit


class Job(Struct, frozen=True):
    """``requests`` go one after the other over each of ``connections``; connections start ``ramp`` seconds apart in
    all. Each request has ``history`` messages before its own. ``beside``, if it is not 0, is the history of requests
    that are made one after the other while the others last, and that nothing is reported of. ``timeout`` is for the
    whole job.
    """

    port: int
    mode: Mode
    connections: int
    requests: int
    tokens: int
    rate: float = 0.0
    ramp: float = 0.0
    timeout: float = 120.0
    path: str = "/v1/chat/completions"
    agent: str = PLAIN
    history: int = 0
    beside: int = 0

    @property
    def streams(self) -> int:
        return self.connections * self.requests


class Report(Struct, frozen=True):
    """Latencies are in milliseconds, from the upstream's write to the client's read; ``first`` and ``first_p99`` from
    the request to the first token. ``errors`` counts by sentence."""

    tokens: int
    seconds: float
    p50: float
    p99: float
    worst: float
    errors: dict[str, int]
    first: float = 0.0
    first_p99: float = 0.0
    streams: int = 0


class Answer(Struct):
    """One answer as it came: pieces of bytes and when each arrived, in microseconds."""

    plan: Plan
    pieces: list[bytes]
    times: list[int]
    lost: bool = False
    asked: int = 0


class Client(asyncio.Protocol):
    """One connection. Knows an answer's end by the last HTTP chunk and nothing else of it."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.done: asyncio.Future[None] | None = None
        self.tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def ask(self, plan: Plan, job: Job, before: bytes) -> asyncio.Future[None]:
        self.answer = Answer(plan, [], [], asked=now())
        self.done = asyncio.get_running_loop().create_future()
        self.transport.write(post(plan, job, before))
        return self.done

    def data_received(self, data: bytes) -> None:
        arrived = now()
        if self.answer is None or self.done is None:
            return
        self.answer.pieces.append(data)
        self.answer.times.append(arrived)
        self.tail = (self.tail + data[-7:])[-7:]
        if self.tail == b"\r\n0\r\n\r\n" or not self.answer.pieces[0].startswith(b"HTTP/1.1 200"):
            self.finish()

    def connection_lost(self, error: Exception | None) -> None:
        if self.answer is not None and self.done is not None and not self.done.done():
            self.answer.lost = True
            self.finish()

    def finish(self) -> None:
        self.tail = b""
        if self.done is not None and not self.done.done():
            self.done.set_result(None)


def conversation(count: int) -> bytes:
    """So many messages, a quarter of them calls and a quarter their results, as the start of a JSON list."""
    messages: list[dict[str, object]] = []
    for n in range(count // 4):
        function = {"name": TOOL, "arguments": orjson.dumps({"key": f"k{n}"}).decode()}
        messages += [
            {"role": "user", "content": f"What is the value of k{n}? {'x' * 100}"},
            {"role": "assistant", "tool_calls": [{"id": f"call_{n}", "type": "function", "function": function}]},
            {"role": "tool", "tool_call_id": f"call_{n}", "content": f"{tool_answer(f'k{n}')} {'y' * 60}"},
            {"role": "assistant", "content": f"It is {n}. {'z' * 150}"},
        ]
    return orjson.dumps(messages)[1:-1] + b"," if messages else b""


def post(plan: Plan, job: Job, before: bytes = b"") -> bytes:
    message = orjson.dumps({"role": "user", "content": plan.encode()})
    body = b'{"model":"%b","messages":[%b%b],"stream":true}' % (job.agent.encode(), before, message)
    head = (
        f"POST {job.path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def connection(job: Job, number: int, answers: list[Answer]) -> None:
    before = conversation(job.history)
    await asyncio.sleep(job.ramp * number / job.connections)
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", job.port)
    try:
        for request in range(job.requests):
            plan = Plan(job.mode, f"s{number}-{request}", job.tokens, job.rate)
            done = client.ask(plan, job, before)
            assert client.answer is not None
            answers.append(client.answer)
            await done
            if client.answer.lost or not client.answer.pieces[0].startswith(b"HTTP/1.1 200"):
                return
    finally:
        client.transport.close()


async def perform(job: Job) -> Report:
    answers: list[Answer] = []
    gc.collect()
    gc.disable()  # no pause of this process may look like one of the server's
    start = now()
    failures: list[BaseException | None]
    try:
        async with asyncio.timeout(job.timeout):
            running = (connection(job, number, answers) for number in range(job.connections))
            async with beside(job):
                failures = await asyncio.gather(*running, return_exceptions=True)
    except TimeoutError as late:
        failures = [late]
    seconds = (now() - start) / 1e6
    gc.enable()
    return judge(job, answers, seconds, [failure for failure in failures if failure is not None])


@contextlib.asynccontextmanager
async def beside(job: Job) -> AsyncIterator[None]:
    """Meanwhile somebody asks again and again with a long history."""
    if not job.beside:
        yield
        return
    other = msgspec.structs.replace(job, mode="burst", tokens=1, connections=1, requests=1_000_000, history=job.beside)
    asking = asyncio.create_task(connection(other, 999_999, []))
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.wait([asking])


def judge(job: Job, answers: list[Answer], seconds: float, failures: list[BaseException]) -> Report:
    """Take every answer apart and compare it with what its plan asked for."""
    errors = Counter(repr(failure) for failure in failures)
    if len(answers) < job.streams:
        errors["never asked"] += job.streams - len(answers)
    latencies: list[int] = []
    firsts: list[int] = []
    tokens = 0
    for answer in answers:
        try:
            found = latencies_of(answer)
            firsts.append(first_token(answer) - answer.asked)
        except ValueError as error:
            errors[str(error)] += 1
        else:
            tokens += len(found)
            latencies += found
    latencies.sort()
    firsts.sort()
    at = [share_of(latencies, share) for share in (0.5, 0.99, 1)]
    first = [share_of(firsts, share) for share in (0.5, 0.99)]
    return Report(tokens, seconds, at[0], at[1], at[2], dict(errors), first[0], first[1], len(firsts))


def share_of(sorted_microseconds: list[int], share: float) -> float:
    """In milliseconds, what that share of them is not above."""
    if not sorted_microseconds:
        return 0.0
    return sorted_microseconds[int((len(sorted_microseconds) - 1) * share)] / 1000


def first_token(answer: Answer) -> int:
    """When it came."""
    return next(arrived for arrived, data in events(answer) if TOKEN.search(data.decode()))


def latencies_of(answer: Answer) -> list[int]:
    """How long each token took, in microseconds. Raises ValueError if the answer is not wholly what was asked for."""
    if not answer.pieces or not answer.pieces[0].startswith(b"HTTP/1.1 200"):
        raise ValueError(f"no answer: {b''.join(answer.pieces)[:400]!r}")
    if answer.lost:
        raise ValueError("the connection was lost in mid-answer")
    found: list[int] = []
    text, finishes, last = "", 0, b""
    for arrived, data in events(answer):
        last = data
        if data == b"[DONE]":
            continue
        body = orjson.loads(data)
        if "error" in body:
            raise ValueError(f"an error in the stream: {body['error']}")
        for choice in body["choices"]:
            finishes += choice["finish_reason"] == "stop" if "finish_reason" in choice else 0
            text += choice["delta"].get("content") or ""
        while match := TOKEN.match(text):
            text = text[match.end() :]
            if match[1] != answer.plan.stream or int(match[2]) != len(found):
                raise ValueError(f"token {len(found)} of {answer.plan.stream} was {match[0]!r}")
            found.append(arrived - int(match[3]))
    if text or len(found) != answer.plan.tokens or finishes != 1 or last != b"[DONE]":
        raise ValueError(f"{len(found)} of {answer.plan.tokens} tokens, {finishes} finishes, rest {text[:40]!r}")
    return found


def events(answer: Answer) -> Iterator[tuple[int, bytes]]:
    """The data of every event, with the time at which its last byte arrived."""
    rest = b""
    for arrived, piece in dechunked(answer):
        *whole, rest = (rest + piece).split(b"\n\n")
        for event in whole:
            if event.startswith(b"data: "):
                yield arrived, event[6:]


def dechunked(answer: Answer) -> Iterator[tuple[int, bytes]]:
    """The body without HTTP's chunk marks; a chunk is given when its last byte has arrived."""
    buffer = b""
    in_head = True
    for arrived, piece in zip(answer.times, answer.pieces, strict=True):
        buffer += piece
        if in_head:
            head, mark, after = buffer.partition(b"\r\n\r\n")
            if not mark:
                continue
            if b"transfer-encoding: chunked" not in head.lower():
                raise ValueError("an answer that is not chunked")
            buffer, in_head = after, False
        at = 0
        while (end := buffer.find(b"\r\n", at)) >= 0:
            size = int(buffer[at:end], 16)
            if len(buffer) < end + 2 + size + 2:
                break
            yield arrived, buffer[end + 2 : end + 2 + size]
            at = end + 2 + size + 2
        buffer = buffer[at:]


if __name__ == "__main__":
    raise_file_limit()
    print(msgspec.json.encode(uvloop.run(perform(msgspec.json.decode(sys.argv[1], type=Job)))).decode())
