"""What other servers cost for the same work, measured once, elsewhere, on a slower machine.

Compare within this table only; the column that carries over to another machine is the one in units of the floor.
Differences under a fifth are noise.
"""

from __future__ import annotations

from msgspec import Struct

DATE = "November 2026"


class Peer(Struct, frozen=True):
    """CPU milliseconds per 1,000 tokens (burst, paced at 100 streams) and per tool round; p99 in ms; RSS in MiB.

    None is "not measured"; a saturated server has no latency worth a number.
    """

    name: str
    burst: float
    paced: float
    p99: float | None
    tool: float | None
    rss: float


FLOOR = Peer("floor: aiohttp byte pass-through on uvicorn", 5.1, 108, 1.2, None, 44)
PEERS = (
    Peer("LiteLLM proxy 1.106", 1304, 2350, None, None, 409),
    Peer("pydantic-ai 2.68 + ASGI", 835, 1288, None, 106, 114),
    Peer("LangGraph 1.2 + FastAPI", 679, 1015, None, 103, 133),
    Peer("IBM/flexo 0.2.2", 598, 1105, None, 79, 236),
    Peer("OpenAI Agents SDK 0.24 + FastAPI", 494, 1115, None, 73, 129),
    Peer("OpenAI SDK + FastAPI, hand-written", 342, 810, None, None, 76),
    Peer("httpx byte pass-through", 50, 408, 5.6, None, 47),
    FLOOR,
    Peer("nginx byte pass-through", 0.7, 28, 0.4, None, 16),
)
