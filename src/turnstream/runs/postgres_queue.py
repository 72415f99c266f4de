"""The queue of runs in PostgreSQL (pgmq): a message for each run that somebody is to execute. It decides when a run is
taken, and never who may write its log."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from turnstream import errors
from turnstream.storage.postgres import CHANNEL, Database, Row

_CLAIM = """
select msg_id, read_ct, message ->> 'run' as run_id from pgmq.read_grouped_head('turnstream_runs', $1::int, $2::int)"""
_CLAIMED = "select id, request, body, status, wanted from turnstream.run where id = any($1::text[])"
_HEARTBEAT = """
select m.msg_id, m.read_ct, r.id is null as deleted, r.wanted
from pgmq.set_vt('turnstream_runs', $1::bigint[], $2::int) m
left join turnstream.run r on r.id = m.message ->> 'run'"""
SEND = """
select pgmq.send('turnstream_runs', jsonb_build_object('run', $1::text), jsonb_build_object('x-pgmq-group', $2::text),
  $3::int)"""


class Queue:
    """``lease`` is for how many seconds a message that was claimed or renewed is hidden."""

    def __init__(self, database: Database, lease: int) -> None:
        self._database, self._lease = database, lease

    async def read(self, free: int) -> list[tuple[Row, Row | None]]:
        """Messages that this process has claimed, each with its run, if there still is one. In two statements: the
        function sees messages that were sent after its statement began, and a join with it would not see their runs."""
        if free <= 0:
            return []
        claimed = await self._database.fetch(_CLAIM, self._lease, free)
        if not claimed:
            return []
        runs = {row["id"]: row for row in await self._database.fetch(_CLAIMED, [row["run_id"] for row in claimed])}
        return [(row, runs.get(row["run_id"])) for row in claimed]

    async def renew(self, messages: Sequence[int]) -> list[Row]:
        """What became of the runs of these messages (``msg_id``, ``read_ct``, ``deleted``, ``wanted``)."""
        return await self._database.fetch(_HEARTBEAT, list(messages), self._lease)

    async def delete(self, message: int) -> None:
        """The next run of its group can be claimed, wherever there is a slot."""
        delete = (
            "with gone as (select pgmq.delete('turnstream_runs', $1::bigint)) select pg_notify($2, 'new') from gone"
        )
        await self._database.fetch(delete, message, CHANNEL)

    async def show(self, messages: Sequence[int]) -> None:
        """Everybody sees them, now."""
        give = (
            "with given as (select 1 from pgmq.set_vt('turnstream_runs', $1::bigint[], 0)) "
            "select pg_notify($2, 'new') from given limit 1"
        )
        with suppress(errors.StoreError):  # then the lease passes
            await self._database.fetch(give, list(messages), CHANNEL)
