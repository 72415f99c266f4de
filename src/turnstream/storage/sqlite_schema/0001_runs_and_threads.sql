-- A thread is kept under the whole of its key. Its length is the n of the next message.
create table thread (
  principal text not null, agent text not null, id text not null,
  title text, length integer not null default 0, created_at real not null, updated_at real not null,
  primary key (principal, agent, id)) without rowid;
create index thread_by_change on thread (principal, updated_at desc);

create table message (
  principal text not null, agent text not null, thread text not null, n integer not null,
  run_id text, body blob not null, at real not null,
  primary key (principal, agent, thread, n),
  foreign key (principal, agent, thread) references thread on delete cascade) without rowid;

-- Kept runs have a request and a log; runs that were only stored at their end have what was shown.
create table run (
  id text primary key, principal text not null, agent text not null, thread text,
  key text, kept integer not null, background integer not null default 0,
  request blob, dialect text not null default '', body blob not null default x'', shown blob not null default x'',
  status text not null check (status in ('queued', 'running', 'waiting', 'finished', 'failed', 'cancelled')),
  wanted text check (wanted in ('cancel')), claims integer not null default 0,
  ending blob, length integer, created_at real not null, ended_at real,
  unique (principal, key),
  foreign key (principal, agent, thread) references thread on delete cascade) without rowid;
create index run_by_time on run (principal, created_at desc);
create index run_open on run (principal, agent, thread) where status in ('queued', 'running', 'waiting');
create index run_ended on run (ended_at) where ended_at is not null;

-- One row is one append: so many events from seq on. Two owners cannot both write at one place: the key is the fence.
create table run_event (
  run_id text not null references run on delete cascade, seq integer not null, count integer not null,
  owner text not null, events blob not null,
  primary key (run_id, seq)) without rowid;
