"""Several rankings → one, by the ranks alone: reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from turnstream.tools.retrieval.reading import Ranked

K = 60
"""How little the first ranks stand out; 60 is the paper's."""
CANDIDATES = 50
"""How many each ranking gives at the least."""


def fuse(rankings: Iterable[Sequence[Ranked]], k: int = K) -> list[Ranked]:
    """Best first. Of equals, the one with the lower id."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, one in enumerate(ranking, 1):
            scores[one.id] = scores.get(one.id, 0.0) + 1 / (k + rank)
    return [Ranked(id, score) for id, score in sorted(scores.items(), key=lambda item: (-item[1], item[0]))]
