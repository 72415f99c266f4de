"""Several users, by keys, by tokens and through a front end, at every endpoint: none ever reads a word of another."""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import Phase, given, settings, strategies as st

from tests.server import two_users
from tests.server.test_identity import ISSUER, bearer, issuer as issuer_fixture
from tests.server.two_users import CASES, OPERATORS, PUBLIC, SHARED, Asked, Case
from turnstream.identity import Key, Users
from turnstream.server import app
from turnstream.service import ServerSettings, Service
from turnstream.testing import streaming_client
from turnstream.testing.client import App, Client

issuer = issuer_fixture
SCOPES = frozenset({"runs", "approve"})
KEYS = (
    Key("a-key", "ann", scopes=SCOPES),
    Key("b-key", "bob", scopes=SCOPES),
    Key("f-key", "front", scopes=SCOPES, users=Users("x-remote-user")),
)
OWNERS: dict[str, dict[str, str]] = {
    "<ann by key>": {"x-api-key": "a-key"},
    "<bob by key>": {"authorization": "Bearer b-key"},
    "<cat by token>": {"authorization": bearer("cat")},
    "<dan by token>": {"authorization": bearer("dan")},
    "<ann of front>": {"x-api-key": "f-key", "x-remote-user": "ann"},
    "<eve of front>": {"x-api-key": "f-key", "x-remote-user": "eve"},
}
WORD = re.compile("|".join(OWNERS))
NAMED = sorted(CASES)


def application(folder: Path) -> App:
    made = ServerSettings(keys=KEYS, oidc=(ISSUER,), metrics=True, store=f"sqlite:{folder / 'store.db'}")
    return app(Service({"helper": two_users.agent()}, made, folder=folder))


async def send(client: Client, word: str, at: tuple[str, str], asked: Asked, case: Case) -> tuple[int, str]:
    """Status and all that is told, head and body."""
    method, path = at
    given = iter((asked.ref, asked.item))
    path = path.replace("{agent}", "helper").replace("{model:path}", "helper").replace("{name}", "native")
    path = re.sub(r"{\w+}", lambda _: quote(next(given), safe=""), path) + case.query(asked)
    headers = {**case.headers, **OWNERS[word]}
    async with asyncio.timeout(20), client.request(method, path, case.body(asked), headers=headers) as response:
        told = b"".join([piece async for piece in response]).decode()
        return response.status, f"{response.headers}\n{told}"


class Step(NamedTuple):
    word: str
    at: tuple[str, str]
    ref: int
    item: int


STEPS = st.lists(
    st.builds(Step, st.sampled_from(list(OWNERS)), st.sampled_from(NAMED), st.integers(0, 30), st.integers(0, 30)),
    min_size=10,
    max_size=40,
)


def test_every_endpoint_has_a_case(tmp_path: Path) -> None:
    """A new one needs a line in tests/server/two_users.py: what it must never tell of another."""
    assert two_users.paths(application(tmp_path)) == set(CASES) | PUBLIC | OPERATORS


@pytest.mark.usefixtures("issuer")
@given(STEPS)
@settings(deadline=None, max_examples=12, phases=[Phase.explicit, Phase.generate])  # to shrink a walk takes minutes
def test_never_a_word_of_another(steps: list[Step]) -> None:
    async def walk() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with streaming_client(application(Path(folder))) as client:
                known = [SHARED]
                for step in steps:
                    asked = Asked(step.word, known[-1 - step.ref % len(known)], known[-1 - step.item % len(known)])
                    _, told = await send(client, step.word, step.at, asked, CASES[step.at])
                    assert set(WORD.findall(told)) <= {step.word}, step.at
                    known += [id for id in two_users.ids(told) if id not in known]

    asyncio.run(walk())


@pytest.mark.usefixtures("issuer")
async def test_what_another_made_is_at_no_endpoint(tmp_path: Path) -> None:
    """Each is asked with all that another was told."""
    ann, bob = list(OWNERS)[:2]
    async with streaming_client(application(tmp_path)) as client:
        known = [SHARED]
        for made in NAMED:
            if made[0] == "POST" and made[1].count("{") <= made[1].count("{agent}"):
                for item in "012345678":
                    _, told = await send(client, ann, made, Asked(ann, SHARED, item), CASES[made])
                    known += two_users.ids(told)
        for at in NAMED:
            for ref in dict.fromkeys(known) if "{" in at[1].replace("{agent}", "") else known[-1:]:
                _, told = await send(client, bob, at, Asked(bob, ref, ref), CASES[at])
                assert ann not in told, at
        _, told = await send(client, ann, ("GET", "/v1/threads"), Asked(ann, "", ""), Case())
        assert '"id":"shared"' in told, "and hers is there still"


@pytest.mark.usefixtures("issuer")
async def test_what_concerns_all_is_refused(tmp_path: Path) -> None:
    async with streaming_client(application(tmp_path)) as client:
        for at in OPERATORS:
            for word in OWNERS:
                assert (await send(client, word, at, Asked(word, SHARED, SHARED), Case()))[0] == 403


@pytest.mark.usefixtures("issuer")
async def test_what_is_public_is_the_same_for_everybody(tmp_path: Path) -> None:
    async with streaming_client(application(tmp_path)) as client:
        for at in PUBLIC:
            told = [(await send(client, word, at, Asked(word, SHARED, SHARED), Case()))[1] for word in OWNERS]
            assert len({re.sub("req_[0-9a-f]+", "", each) for each in told}) == 1, at
